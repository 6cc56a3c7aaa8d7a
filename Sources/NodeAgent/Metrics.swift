import Synchronization

/// Numbers of the agent, for Prometheus.
///
/// A registry of our own: no library with Prometheus' text format is to be had here, and the format is small.
///
/// Source: Prometheus, "Exposition formats", text format 0.0.4.
package final class Metrics: Sendable {
  /// What `/metrics` answers with.
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  private let families = Mutex<[String: MetricFamily]>([:])

  package init() {}

  /// A number that only grows. One without labels starts at zero; one with labels has a line for each combination that
  /// was named.
  ///
  /// - Precondition: the names are valid and nothing else has this one.
  package func counter(_ name: String, _ help: String, labels: [String] = []) -> Counter {
    Counter(family: family(name, help, .counter, labels: labels))
  }

  /// A number that goes up and down.
  ///
  /// - Precondition: as for ``counter(_:_:labels:)``.
  package func gauge(_ name: String, _ help: String, labels: [String] = []) -> Gauge {
    Gauge(family: family(name, help, .gauge, labels: labels))
  }

  /// Counts of values by their size.
  ///
  /// - Parameter bounds: upper bounds, inclusive, growing; the one of infinity is added.
  /// - Precondition: as for ``counter(_:_:labels:)``, and `le` is no label.
  package func histogram(
    _ name: String, _ help: String, labels: [String] = [], bounds: [Double]
  ) -> Histogram {
    Histogram(family: family(name, help, .histogram(bounds: bounds), labels: labels))
  }

  private func family(
    _ name: String, _ help: String, _ kind: MetricFamily.Kind, labels: [String]
  ) -> MetricFamily {
    let family = MetricFamily(name: name, help: help, kind: kind, labels: labels)
    families.withLock { families in
      precondition(families[name] == nil, "\(name) is there twice")
      families[name] = family
    }
    return family
  }

  /// All of them, sorted by name and by the values of their labels.
  package var text: String {
    families.withLock { Array($0.values) }.sorted { $0.name < $1.name }.map(\.text).joined()
  }
}

/// A number that only grows.
package struct Counter: Sendable {
  fileprivate let family: MetricFamily

  /// Adds to the number of these label values, which stand in the order of the label names. Adding zero makes the line
  /// appear.
  package func increment(_ labels: String..., by amount: Double = 1) {
    precondition(amount >= 0, "a counter never falls")
    family.change(labels) { $0.sum += amount }
  }
}

/// A number that goes up and down.
package struct Gauge: Sendable {
  fileprivate let family: MetricFamily

  package func set(_ value: Double, _ labels: String...) {
    family.change(labels) { $0.sum = value }
  }
}

/// Counts of values by their size.
package struct Histogram: Sendable {
  fileprivate let family: MetricFamily

  package func observe(_ value: Double, _ labels: String...) {
    family.observe(value, labels)
  }

  /// - Parameter value: is counted in seconds.
  package func observe(_ value: Duration) {
    family.observe(value / .seconds(1), [])
  }
}
