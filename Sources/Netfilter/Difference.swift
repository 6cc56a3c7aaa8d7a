/// One thing in the kernel that is not as it should be.
package struct Difference: Sendable, Equatable {
  package enum Kind: String, Sendable, Equatable {
    /// Wanted, and not there.
    case missing
    /// There, and not wanted.
    case extra
    /// There in its place, with other content.
    case changed
    /// There, among its like in another order.
    case reordered
  }

  package let kind: Kind
  /// `table istio-cni`, `set outbound-excluded-ports`, `rule 3 of nat-output (outbound port excluded)`.
  package let object: String

  package init(_ kind: Kind, _ object: String) {
    self.kind = kind
    self.object = object
  }
}

extension Difference: CustomStringConvertible {
  /// `missing: rule 3 of nat-output (outbound port excluded)`
  package var description: String { "\(kind.rawValue): \(object)" }
}

extension Difference {
  /// Whether a whole table or chain is gone.
  package var isMissingWhole: Bool {
    let words = object.split(separator: " ")
    return kind == .missing && words.first != "rule" && (words.first == "table" || words.contains("chain"))
  }
}

/// A rule as a back end spells it: equal to another if the kernel would do the same.
struct SpelledRule<Content: Hashable>: Hashable {
  let content: Content
  let comment: String

  init(_ content: Content, comment: String) {
    self.content = content
    self.comment = comment
  }
}

extension Difference {
  /// Compares named things of one kind, in the order of their names.
  ///
  /// - Parameter compare: Tells how two of the same name differ; gets the object's name for that.
  static func entries<Entry>(
    _ kind: String, wanted: [String: Entry], found: [String: Entry],
    _ compare: (_ wanted: Entry, _ found: Entry, _ object: String) -> [Difference]
  ) -> [Difference] {
    Set(wanted.keys).union(found.keys).sorted().flatMap { name in
      let object = "\(kind) \(name)"
      guard let wanted = wanted[name] else { return [Difference(.extra, object)] }
      guard let found = found[name] else { return [Difference(.missing, object)] }
      return compare(wanted, found, object)
    }
  }

  /// Compares the rules of a chain. A rule that was moved is reported once, under its wanted place; a removal and an
  /// insertion at one place are a change.
  static func rules<Content>(
    of chain: String, wanted: [SpelledRule<Content>], found: [SpelledRule<Content>]
  ) -> [Difference] {
    let object = { (index: Int, rule: SpelledRule<Content>) in
      "rule \(index + 1) of \(chain)" + (rule.comment.isEmpty ? "" : " (\(rule.comment))")
    }
    let steps = found.difference(from: wanted).inferringMoves()
    var insertions: [Int: SpelledRule<Content>] = [:]
    for case .insert(let offset, let rule, nil) in steps.insertions { insertions[offset] = rule }
    var differences: [Difference] = []
    for case .remove(let offset, let rule, let destination) in steps.removals {
      if destination != nil {
        differences.append(Difference(.reordered, object(offset, rule)))
      } else if insertions.removeValue(forKey: offset) != nil {
        differences.append(Difference(.changed, object(offset, rule)))
      } else {
        differences.append(Difference(.missing, object(offset, rule)))
      }
    }
    return differences
      + insertions.sorted { $0.key < $1.key }.map { Difference(.extra, object($0.key, $0.value)) }
  }
}
