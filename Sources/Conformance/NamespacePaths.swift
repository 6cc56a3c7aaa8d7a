import CNI
import Harness
import JSON
import Netlink
import System

extension Container {
  /// Starts a process that does nothing, in the namespace of this container. It ends with its owner.
  func startIdleProcess() throws -> Child {
    try node.node.mounts.run(with: network()) { () throws(SystemError) in
      try Child.spawn("/usr/bin/sleep", arguments: ["120"], environment: [:])
    }
  }

  /// The interfaces in it.
  func interfaceNames() throws -> [String] {
    let socket = try NetlinkSocket.open(.route, in: network())
    return try Links.names(through: socket).sorted()
  }

  /// As `call`, of a runtime that knows the namespace by another path.
  func call(_ verb: Command, through otherPath: String, result: JSONObject? = nil) throws -> Call {
    var call = try call(verb, result: result)
    call.environment["CNI_NETNS"] = otherPath
    guard var previous = call.configuration["prevResult"]?.object, let interfaces = previous["interfaces"]?.array else {
      return call
    }
    previous["interfaces"] = .array(
      interfaces.map { interface in
        guard var object = interface.object, object["sandbox"]?.string == path else { return interface }
        object["sandbox"] = .string(otherPath)
        return .object(object)
      })
    call.configuration["prevResult"] = .object(previous)
    return call
  }

  /// What GC gets when this container's attachment is the only valid one, under both names that the key has had.
  var asOnlyValidAttachment: JSONObject {
    let attachments: JSONValue = [
      ["containerID": .string(id), "ifname": .string(node.lab.manifest.interface)]
    ]
    return ["cni.dev/valid-attachments": attachments, "cni.dev/attachments": attachments]
  }
}

extension LabNode {
  /// Gives the node's own namespace a path.
  func bindOwnNamespace(to path: String) throws {
    try node.network.withRawValue { (descriptor) throws(SystemError) in
      try node.run { () throws(SystemError) in try bindNamespace(descriptor, to: path) }
    }
  }
}

extension State {
  /// Without what it says of a container whose namespace has lost its path since.
  func without(_ container: Container) -> State {
    var state = self
    state.sections = sections.filter { !$0.key.hasPrefix("container \(container.number): ") }
    return state
  }
}
