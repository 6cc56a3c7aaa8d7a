import JSON
import Netfilter
import Redirect

extension Trace {
  /// The packet, the rules it met, a line each, and where it ends.
  func text(_ packet: Packet) -> String {
    let rows = steps.map { step in
      ["\(step.chain) rule \(step.number)", step.verdict.nftablesText, step.comment]
    }
    let widths = (0..<2).map { column in rows.map { $0[column].count }.max() ?? 0 }
    let lines = rows.map { row in
      "  "
        + zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
        + "  \(row[2])"
    }
    let none = steps.isEmpty ? ["  no rule matches"] : []
    return (["\(packet)"] + lines + none + ["=> \(conclusion(packet))"]).joined(separator: "\n")
  }

  private func conclusion(_ packet: Packet) -> String {
    let destination = packet.destination.withPort(packet.destinationPort)
    let marked = mark == packet.mark ? "" : ", with mark \(mark)"
    switch end {
    case .passes: return "passes, to \(destination)\(marked)"
    case .redirected(let port):
      return "redirected to port \(port) of the pod, which sees \(destination) as its original destination"
    case .handedOver(let port):
      return "handed to the transparent listener on port \(port), as a connection to \(destination)\(marked)"
    case .dropped: return "dropped"
    case .followsConnection: return "goes where the first packet of its connection went\(marked)"
    }
  }

  func json(_ packet: Packet) -> JSONValue {
    var object: JSONObject = [
      "packet": .string("\(packet)"), "end": .string(word),
      "steps": .array(
        steps.map { step in
          [
            "chain": .string(step.chain), "rule": .number(JSONNumber(step.number)), "comment": .string(step.comment),
            "verdict": .string(step.verdict.nftablesText),
          ]
        }),
      "mark": .number(JSONNumber(Int(mark))), "connectionMark": .number(JSONNumber(Int(connectionMark))),
      "zone": .number(JSONNumber(Int(zone))),
    ]
    switch end {
    case .redirected(let port), .handedOver(let port):
      object["port"] = .number(JSONNumber(Int(port.rawValue)))
      object["originalDestination"] = .string(packet.destination.withPort(packet.destinationPort))
    case .passes, .dropped, .followsConnection: break
    }
    return .object(object)
  }

  private var word: String {
    switch end {
    case .passes: "passes"
    case .redirected: "redirected"
    case .handedOver: "handed-over"
    case .dropped: "dropped"
    case .followsConnection: "follows-connection"
    }
  }
}
