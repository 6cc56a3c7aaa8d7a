import CNI
package import JSON
import Kubernetes
import MeshPod
package import Redirect

/// What the plugin would do with a pod: the same reading, decision and derivation as in an ADD, and nothing touched.
package struct DryRun: Sendable {
  package let decision: Decision
  /// The rules that the pod would get; nil if it would be left alone.
  package let ruleset: Ruleset?
  package let warnings: [PodWarning]
  /// The pod's addresses, as its status tells them; empty before it has any.
  package let addresses: [IPAddress]

  /// - Parameters:
  ///   - pod: A pod as the API server returns it.
  ///   - configuration: The network configuration list that our entry is in, or that entry alone; nil for defaults.
  /// - Throws: `DryRunError` with the text that the runtime would get.
  package init(pod: JSONValue, configuration: [UInt8]? = nil) throws(DryRunError) {
    do throws(Failure) {
      let defaults = try configuration.map { (bytes) throws(Failure) in
        try PluginConfiguration(try NetworkConfiguration(entryIn: bytes)).policyDefaults
      }
      let facts = try Self.facts(pod)
      addresses = (pod["status"]?["podIPs"]?.array ?? []).compactMap { $0["ip"]?.string.flatMap { IPAddress($0) } }
      do throws(PolicyError) {
        decision = try Decision(facts, defaults: defaults ?? PolicyDefaults())
      } catch {
        throw Failure(error)
      }
      if case .redirect(let policy) = decision {
        // A pod without addresses yet may get one of either family.
        ruleset = Ruleset(policy, hasIPv6: addresses.isEmpty || addresses.contains { $0.family == .v6 })
        warnings = PodWarning.all(facts, policy)
      } else {
        ruleset = nil
        warnings = []
      }
    } catch {
      throw DryRunError(error)
    }
  }

  private static func facts(_ pod: JSONValue) throws(Failure) -> PodFacts {
    do throws(KubernetesError) {
      return PodFacts(try PodObject(json: pod))
    } catch {
      throw Failure(error)
    }
  }
}

/// Why an ADD of the pod would fail.
package struct DryRunError: Error, CustomStringConvertible {
  package let description: String

  init(_ failure: Failure) {
    description = failure.details.isEmpty ? failure.message : "\(failure.message) (\(failure.details))"
  }
}

extension NetworkConfiguration {
  /// Reads our entry out of a list, or as it is.
  fileprivate init(entryIn bytes: [UInt8]) throws(Failure) {
    // What is no JSON is reported by the reading of it as an entry.
    guard let list = try? JSONValue(parsing: bytes).object, let plugins = list["plugins"]?.array else {
      try self.init(parsing: bytes)
      return
    }
    guard var entry = plugins.lazy.compactMap(\.object).first(where: { $0["type"] == "istio-cni" }) else {
      throw Failure(
        code: .invalidConfiguration, message: "the network configuration list has no entry of type istio-cni",
        details: "its entries are: \(plugins.map { $0["type"]?.string ?? "?" }.joined(separator: ", "))")
    }
    entry["name"] = list["name"]
    entry["cniVersion"] = list["cniVersion"]
    try self.init(parsing: JSONValue.object(entry).serialized())
  }
}
