/// Conditions on a pod's labels, all of which must hold: `app=cart,tier!=front,zone in (a,b),!batch`.
///
/// Source: Kubernetes, "Labels and Selectors", and `Parse` in apimachinery/pkg/labels/selector.go.
package struct LabelSelector: Sendable, Equatable {
  private enum Condition: Equatable {
    case exists
    case absent
    case among([String])
    /// Holds as well where there is no such label.
    case notAmong([String])
    case above(Int64)
    case below(Int64)

    func holds(for value: String?) -> Bool {
      switch self {
      case .exists: value != nil
      case .absent: value == nil
      case .among(let values): value.map { values.contains($0) } ?? false
      case .notAmong(let values): value.map { !values.contains($0) } ?? true
      case .above(let bound): value.flatMap { Int64($0) }.map { $0 > bound } ?? false
      case .below(let bound): value.flatMap { Int64($0) }.map { $0 < bound } ?? false
      }
    }
  }

  private struct Requirement: Equatable {
    let key: String
    let condition: Condition
  }

  private var requirements: [Requirement] = []

  /// Matches every pod.
  package init() {}

  /// - Parameter text: as `kubectl get --selector` takes it.
  package init(_ text: String) throws(SelectorFault) {
    var scanner = SelectorScanner(text)
    if scanner.isAtEnd { return }
    repeat { requirements.append(try Self.requirement(&scanner)) } while scanner.take(",")
    guard scanner.isAtEnd else { throw scanner.unexpected("a comma") }
  }

  package func matches(_ labels: [String: String]) -> Bool {
    requirements.allSatisfy { $0.condition.holds(for: labels[$0.key]) }
  }

  // MARK: Parsing

  private static func requirement(_ scanner: inout SelectorScanner) throws(SelectorFault) -> Requirement {
    let isNegated = scanner.take("!")
    let key = try scanner.word("a label's key")
    guard LabelSyntax.isKey(key) else {
      throw SelectorFault(problem: "has an item that is no label's key: \(key)", remedy: LabelSyntax.keyRule)
    }
    return Requirement(key: key, condition: isNegated ? .absent : try condition(on: key, &scanner))
  }

  private static func condition(
    on key: String, _ scanner: inout SelectorScanner
  ) throws(SelectorFault) -> Condition {
    if scanner.take("=") || scanner.take("==") { return .among([try value(&scanner)]) }
    if scanner.take("!=") { return .notAmong([try value(&scanner)]) }
    if scanner.take("in") { return .among(try values(&scanner)) }
    if scanner.take("notin") { return .notAmong(try values(&scanner)) }
    if scanner.take(">") { return .above(try number(&scanner)) }
    if scanner.take("<") { return .below(try number(&scanner)) }
    return .exists
  }

  /// An empty one is a value as well.
  private static func value(_ scanner: inout SelectorScanner) throws(SelectorFault) -> String {
    let value = scanner.takeWord() ?? ""
    guard LabelSyntax.isValue(value) else {
      throw SelectorFault(problem: "has an item that is no label's value: \(value)", remedy: LabelSyntax.valueRule)
    }
    return value
  }

  private static func values(_ scanner: inout SelectorScanner) throws(SelectorFault) -> [String] {
    guard scanner.take("(") else { throw scanner.unexpected("a list in parentheses") }
    var values: [String] = []
    repeat { values.append(try value(&scanner)) } while scanner.take(",")
    guard scanner.take(")") else { throw scanner.unexpected("a closing parenthesis") }
    return values
  }

  private static func number(_ scanner: inout SelectorScanner) throws(SelectorFault) -> Int64 {
    let text = try scanner.word("a number")
    guard let number = Int64(text) else {
      throw SelectorFault(problem: "compares with what is no integer: \(text)", remedy: "use > and < with integers")
    }
    return number
  }
}

/// The words and signs of a selector.
private struct SelectorScanner {
  private static let signs: [Character] = ["!", "=", "<", ">", "(", ")", ","]
  private var tokens: ArraySlice<String>

  init(_ text: String) {
    var tokens: [String] = []
    var isInWord = false
    for character in text {
      if character.isWhitespace {
        isInWord = false
      } else if Self.signs.contains(character) {
        // `==` and `!=` are one sign each.
        let isSecond = character == "=" && ["=", "!"].contains(tokens.last) && !isInWord
        if isSecond { tokens[tokens.count - 1].append(character) } else { tokens.append(String(character)) }
        isInWord = false
      } else if isInWord {
        tokens[tokens.count - 1].append(character)
      } else {
        tokens.append(String(character))
        isInWord = true
      }
    }
    self.tokens = tokens[...]
  }

  var isAtEnd: Bool { tokens.isEmpty }

  /// Takes the next token if it is this one.
  mutating func take(_ token: String) -> Bool {
    guard tokens.first == token else { return false }
    tokens.removeFirst()
    return true
  }

  mutating func takeWord() -> String? {
    guard let token = tokens.first, let first = token.first, !Self.signs.contains(first) else { return nil }
    return tokens.removeFirst()
  }

  mutating func word(_ expected: String) throws(SelectorFault) -> String {
    guard let word = takeWord() else { throw unexpected(expected) }
    return word
  }

  func unexpected(_ expected: String) -> SelectorFault {
    SelectorFault(
      problem: "has \(tokens.first.map { "\"\($0)\"" } ?? "its end") where \(expected) should be",
      remedy: "write as for kubectl --selector: key=value,key!=value,key in (a,b),!key")
  }
}
