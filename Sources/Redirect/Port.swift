/// A TCP or UDP port.
package struct Port: RawRepresentable, Sendable, Hashable, Comparable, CustomStringConvertible {
  package let rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }
  package init(_ value: UInt16) { rawValue = value }

  package static func < (left: Port, right: Port) -> Bool { left.rawValue < right.rawValue }
  package var description: String { String(rawValue) }
}

/// A set of ports, kept as sorted ranges that neither overlap nor touch.
package struct PortSet: Sendable, Hashable {
  package let ranges: [ClosedRange<Port>]

  package init(_ ranges: some Sequence<ClosedRange<Port>>) {
    var merged: [ClosedRange<Port>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, Int(range.lowerBound.rawValue) <= Int(last.upperBound.rawValue) + 1 {
        merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        merged.append(range)
      }
    }
    self.ranges = merged
  }

  package init(_ ports: Port...) { self.init(ports.map { $0...$0 }) }

  package var isEmpty: Bool { ranges.isEmpty }

  package func contains(_ port: Port) -> Bool { ranges.contains { $0.contains(port) } }

  /// The set without one port.
  package func subtracting(_ port: Port) -> PortSet {
    PortSet(
      ranges.flatMap { range -> [ClosedRange<Port>] in
        guard range.contains(port) else { return [range] }
        let below = range.lowerBound < port ? [range.lowerBound...Port(port.rawValue - 1)] : []
        let above = port < range.upperBound ? [Port(port.rawValue + 1)...range.upperBound] : []
        return below + above
      })
  }

  package func union(_ other: PortSet) -> PortSet { PortSet(ranges + other.ranges) }
}
