import Synchronization

/// The numbers of one name.
final class MetricFamily: Sendable {
  enum Kind: Sendable, Equatable {
    case counter
    case gauge
    case histogram(bounds: [Double])
  }

  /// The number of one combination of label values.
  struct Sample: Sendable {
    var sum = 0.0
    /// For histograms: how many values were within each bound and beyond the one before; the last is beyond all.
    var counts: [Int] = []
  }

  let name: String
  private let help: String
  private let kind: Kind
  private let labels: [String]
  private let samples: Mutex<[[String]: Sample]>

  init(name: String, help: String, kind: Kind, labels: [String]) {
    precondition(Self.isName(name, allowsColon: true), "\(name) is no name of a metric")
    precondition(labels.allSatisfy { Self.isName($0, allowsColon: false) && $0 != "le" }, "\(labels) of \(name)")
    self.name = name
    self.help = help
    self.kind = kind
    self.labels = labels
    samples = Mutex(labels.isEmpty ? [[]: Self.zero(of: kind)] : [:])
  }

  func change(_ values: [String], _ body: (inout Sample) -> Void) {
    precondition(values.count == labels.count, "\(name) has the labels \(labels)")
    samples.withLock { body(&$0[values, default: Self.zero(of: kind)]) }
  }

  func observe(_ value: Double, _ values: [String]) {
    guard case .histogram(let bounds) = kind else { return }
    change(values) { sample in
      sample.sum += value
      sample.counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += 1
    }
  }

  private static func zero(of kind: Kind) -> Sample {
    guard case .histogram(let bounds) = kind else { return Sample() }
    return Sample(counts: Array(repeating: 0, count: bounds.count + 1))
  }

  private static func isName(_ name: String, allowsColon: Bool) -> Bool {
    guard let first = name.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: allowsColon && byte == UInt8(ascii: ":")
      }
    }
  }

  // MARK: The text

  /// The lines of this name.
  var text: String {
    var lines = ["# HELP \(name) \(Self.escaped(help, quotes: false))", "# TYPE \(name) \(kindName)"]
    for (values, sample) in samples.withLock({ $0 }).sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      lines += self.lines(values, sample)
    }
    return lines.map { "\($0)\n" }.joined()
  }

  private var kindName: String {
    switch kind {
    case .counter: "counter"
    case .gauge: "gauge"
    case .histogram: "histogram"
    }
  }

  private func lines(_ values: [String], _ sample: Sample) -> [String] {
    guard case .histogram(let bounds) = kind else {
      return ["\(name)\(braces(values)) \(Self.number(sample.sum))"]
    }
    var lines: [String] = []
    var count = 0
    for (bound, inBucket) in zip(bounds.map(Self.number) + ["+Inf"], sample.counts) {
      count += inBucket
      lines.append("\(name)_bucket\(braces(values, bound: bound)) \(count)")
    }
    return lines + [
      "\(name)_sum\(braces(values)) \(Self.number(sample.sum))", "\(name)_count\(braces(values)) \(count)",
    ]
  }

  private func braces(_ values: [String], bound: String? = nil) -> String {
    var pairs = zip(labels, values).map { "\($0)=\"\(Self.escaped($1, quotes: true))\"" }
    if let bound { pairs.append("le=\"\(bound)\"") }
    return pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}"
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }

  /// As Go's `ParseFloat` reads it; whole numbers without a fraction.
  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
