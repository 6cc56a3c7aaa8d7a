import Harness
import JSON
import Kubernetes
import TestKit
import Testing

@Suite("Damaged input")
struct MutationTests {
  /// SplitMix64, so that a failure comes again.
  private struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// One to four changes: a byte replaced, taken out, put in, or a stretch doubled.
  private static func mutated(_ bytes: [UInt8], _ random: inout Seeded) -> [UInt8] {
    let interesting = Array("{}[]:-,\"'\\# \n\t&*!|>%?@0a.\r".utf8) + [0, 0x7F, 0xC3, 0xFF]
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      guard !bytes.isEmpty else { break }
      let index = Int.random(in: 0..<bytes.count, using: &random)
      let byte = interesting.randomElement(using: &random) ?? 0
      switch Int.random(in: 0...3, using: &random) {
      case 0: bytes[index] = byte
      case 1: bytes.remove(at: index)
      case 2: bytes.insert(byte, at: index)
      default:
        let end = min(bytes.count, index + Int.random(in: 1...40, using: &random))
        bytes.insert(contentsOf: bytes[index..<end], at: index)
      }
    }
    return bytes
  }

  @Test("of a kubeconfig is read or refused, and never shows its token", arguments: 1...4 as ClosedRange<UInt64>)
  func kubeconfigs(_ seed: UInt64) throws {
    var random = Seeded(state: seed)
    let token = "sesame"
    let original = Array(
      kubeconfigText(server: "https://[fd00::1]:6443/a", certificateAuthorityPEM: "cert", token: token).utf8)
    for _ in 0..<1250 {
      do {
        _ = try Kubeconfig(Self.mutated(original, &random), path: "kubeconfig")
      } catch {
        #expect(!error.description.contains(token))
      }
    }
  }

  @Test("of a pod is read or refused", arguments: ["classic-sidecar", "native-sidecar", "static-mirror", "tproxy"])
  func pods(_ name: String) throws {
    var random = Seeded(state: UInt64(name.utf8.count))
    // Without spaces and what is not read, a change is likelier to matter.
    var pod = try #require(try fixture("pods/\(name)/pod.json").object)
    var metadata = try #require(pod["metadata"]?.object)
    metadata["managedFields"] = nil
    pod["metadata"] = .object(metadata)
    pod["status"] = nil
    let original = JSONValue.object(pod).serialized()
    var readCount = 0
    for _ in 0..<1250 {
      // Most changes break the grammar, which is the JSON module's business.
      guard let json = try? JSONValue(parsing: Self.mutated(original, &random)) else { continue }
      readCount += 1
      _ = try? PodObject(json: json)
    }
    #expect(readCount > 100)
  }
}
