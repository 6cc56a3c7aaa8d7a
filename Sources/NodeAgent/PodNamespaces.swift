import Netlink
package import Redirect
package import System
import SystemPackage

/// A pod's network namespace, open.
package struct FoundNamespace: ~Copyable, Sendable {
  package let namespace: NetworkNamespace
  package let path: String
  /// At which others can reach the pod.
  package let addresses: Set<IPAddress>
}

/// Why there is no namespace to look at.
package struct NamespaceTrouble: Error, Equatable, CustomStringConvertible {
  package let description: String
}

/// Finds the network namespaces of pods, for one audit: each source is read once at most, and each namespace asked for its
/// addresses once.
///
/// The node's own namespace and the caller's are none.
package struct PodNamespaces {
  /// Where the node's namespaces are, as mounted.
  package struct Folders: Sendable, Equatable {
    /// Where runtimes bind the namespaces of sandboxes.
    package var bound: String
    /// The node's /proc.
    package var processes: String

    package init(bound: String, processes: String) {
      self.bound = bound
      self.processes = processes
    }
  }

  /// A namespace that somebody keeps, by where it is.
  private struct Place {
    let path: String
    let identity: NetworkNamespace.Identity
    let addresses: Set<IPAddress>
  }

  private let folders: Folders
  private let nodes: Set<NetworkNamespace.Identity>
  private var addresses: [NetworkNamespace.Identity: Set<IPAddress>] = [:]
  private var boundPlaces: [Place]?
  private var processes: [PodProcess]?
  /// What kept a source from being read.
  private var obstacles: [String] = []

  /// - Throws: why it cannot be told which namespace is the node's.
  package init(_ folders: Folders) throws(SystemError) {
    self.folders = folders
    var nodes: Set = [try NetworkNamespace.current().identity]
    do throws(SystemError) {
      nodes.insert(try NetworkNamespace.open("\(folders.processes)/1/ns/net").identity)
    } catch let error where error.errno == .noSuchFileOrDirectory {
      // Not mounted: then no process is found either, and runtimes do not bind the node's namespace.
    }
    self.nodes = nodes
  }

  /// Opens what a record names, which may be anything by now.
  package mutating func open(recorded path: String) throws(NamespaceTrouble) -> FoundNamespace {
    var trouble = NamespaceTrouble(description: "")
    for path in places(of: path) {
      do throws(NamespaceTrouble) {
        return try open(path)
      } catch {
        trouble = error
      }
    }
    throw trouble
  }

  /// Where the agent sees what is at a path of the node.
  private func places(of path: String) -> [String] {
    // The agent's own /proc has other processes.
    if path.hasPrefix("/proc/") { return ["\(folders.processes)\(path.dropFirst("/proc".count))"] }
    let name = path.split(separator: "/").last.map { String($0) } ?? ""
    let bound = "\(folders.bound)/\(name)"
    return bound == path ? [path] : [bound, path]
  }

  /// Looks for a pod's namespace where no record leads.
  ///
  /// - Parameters:
  ///   - uids: by which the runtime may know the pod.
  ///   - wanted: the pod's addresses, of which the namespace has one.
  package mutating func search(
    _ uids: Set<String>, _ wanted: Set<IPAddress>
  ) throws(NamespaceTrouble) -> FoundNamespace {
    obstacles = []
    if let place = bound().first(where: { !$0.addresses.isDisjoint(with: wanted) }) { return try open(place.path) }
    let processes = allProcesses()
    // The pod's own first; what they started in namespaces of its own has not got the pod's address.
    let own = processes.filter { $0.podUID.map(uids.contains) == true }
    for process in own + processes {
      // A process may end between two looks.
      guard let addresses = try? addresses(at: process.namespacePath, process.namespace),
        !addresses.isDisjoint(with: wanted), let found = try? open(process.namespacePath)
      else { continue }
      return found
    }
    let list = wanted.map { "\($0)" }.sorted().joined(separator: ", ")
    let failures = obstacles.isEmpty ? "" : " (\(obstacles.joined(separator: "; ")))"
    throw NamespaceTrouble(
      description: "no namespace in \(folders.bound), and none of a process in \(folders.processes), has \(list)"
        + failures)
  }

  // MARK: Sources

  private mutating func bound() -> [Place] {
    if let boundPlaces { return boundPlaces }
    var places: [Place] = []
    do throws(SystemError) {
      for name in try names(inFolder: folders.bound).sorted() {
        // Files that are left over from before a reboot are no namespaces.
        guard let found = try? open("\(folders.bound)/\(name)") else { continue }
        places.append(Place(path: found.path, identity: found.namespace.identity, addresses: found.addresses))
      }
    } catch {
      obstacles.append("\(error)")
    }
    boundPlaces = places
    return places
  }

  private mutating func allProcesses() -> [PodProcess] {
    if let processes { return processes }
    do throws(SystemError) {
      let all = try PodProcess.all(in: folders.processes, outside: nodes)
      processes = all
      return all
    } catch {
      obstacles.append("\(error)")
      return []
    }
  }

  private mutating func addresses(
    at path: String, _ identity: NetworkNamespace.Identity
  ) throws(NamespaceTrouble) -> Set<IPAddress> {
    if let known = addresses[identity] { return known }
    return try open(path).addresses
  }

  private mutating func open(_ path: String) throws(NamespaceTrouble) -> FoundNamespace {
    let namespace: NetworkNamespace
    do throws(SystemError) {
      namespace = try NetworkNamespace.open(path)
    } catch {
      throw NamespaceTrouble(
        description: error.errno == .invalidArgument ? "\(path) is no network namespace" : "\(error)")
    }
    let identity = namespace.identity
    if nodes.contains(identity) { throw NamespaceTrouble(description: "\(path) is the node's own namespace") }
    let addresses: Set<IPAddress>
    if let known = self.addresses[identity] {
      addresses = known
    } else {
      do throws(NetlinkError) {
        addresses = try Self.reachableAddresses(in: namespace)
      } catch {
        throw NamespaceTrouble(description: "\(path) cannot be entered: \(error)")
      }
      self.addresses[identity] = addresses
    }
    return FoundNamespace(namespace: namespace, path: path, addresses: addresses)
  }

  private static func reachableAddresses(
    in namespace: borrowing NetworkNamespace
  ) throws(NetlinkError) -> Set<IPAddress> {
    let all = try Addresses.list(through: try NetlinkSocket.open(.route, in: namespace))
    return Set(
      all.filter { $0.interface != .loopback && !$0.text.hasPrefix("fe80:") }
        .compactMap { IPAddress($0.text.prefix { $0 != "/" }) })
  }
}
