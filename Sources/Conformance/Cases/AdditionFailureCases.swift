import CNI
import JSON
import System

extension Catalogue {
  /// ADD that fails on its way, or takes its time.
  static let additionFailureCases: [ConformanceCase] = [
    ConformanceCase(
      "ADD-18", .should, .all, [.lifecycle],
      stimulus: "ADD, and every other ADD of this run",
      expectation: "it returns within 10 s, and leaves neither a process nor its pipes open"
    ) { lab in
      let container = try lab.container()
      let before = try container.node.processes()
      try container.add()
      var left: [String] = []
      _ = try lab.eventually(within: .seconds(1)) {
        left = try container.node.processes().filter { !before.contains($0) }
        return left.isEmpty
      }
      try expect(left.isEmpty, "processes are left running: \(left.joined(separator: "; "))")
      let additions = lab.journal.all.filter { $0.reply.verb == "ADD" && !$0.reply.timedOut }
      for (description, reply) in additions {
        // One that a signal has ended could not end its delegate.
        guard case .exited(let status) = reply.status, status < 128 else { continue }
        try expect(!reply.pipesAreHeld, "\(description): a process that it has started holds its pipes open")
        // Failures may have waited for what a case has taken away.
        try expect(status != 0 || reply.duration < .seconds(10), "\(description): it took \(reply.duration)")
      }
    },
    ConformanceCase(
      "ADD-19", .should, .all, [.delegatedExecution, .lifecycle],
      stimulus: "ADD that fails in each of its stages: delegate, address, route, conversion, files",
      expectation: "a clean error, and no trace even before DEL"
    ) { lab in
      var isTried = false
      var observed: [String] = []
      for failure in InjectedFailure.allCases {
        do {
          if try failure.judge(in: lab) { isTried = true }
        } catch let discrepancy as Discrepancy {
          isTried = true
          observed.append("\(failure.rawValue): \(discrepancy.observed.prefix(400))")
        }
      }
      try expect(observed.isEmpty, observed.joined(separator: "; "))
      guard isTried else { throw Inapplicable("no stage could be made to fail") }
    },
    ConformanceCase(
      "ADD-20", .convention, [.main], [.delegatedProtocol],
      stimulus: "ADD with a delegate that takes 5 s, then with one that writes 1 MiB to its standard error",
      expectation: "success, and what the delegate wrote to its standard error"
    ) { lab in
      let flood = "/usr/bin/head -c 1048576 /dev/zero | /usr/bin/tr '\\000' . >&2"
      for script in ["/bin/sleep 5", flood] {
        let container = try lab.container()
        let stub = try StubDelegate(on: container.node)
        try stub.answer(
          .ADD, output: StubDelegate.addresses(in: lab.version).text(), script: "\(script)\necho the last word >&2")
        let change = try lab.delegating(to: stub)
        let reply = try container.node.run(container.call(.ADD, configuration: change).delegating(to: stub))
        try expect(reply.result().resultAddresses.contains("10.77.0.2/24"), reply.description)
        try expect(
          String(decoding: reply.errorOutput, as: UTF8.self).contains("the last word"),
          "the delegate's standard error is lost: \(reply.description)")
      }
    },
  ]
}

/// A stage in which ADD is made to fail.
private enum InjectedFailure: String, CaseIterable {
  case delegate = "the delegate fails"
  case address = "the kernel refuses the address"
  case route = "the kernel refuses the route"
  case conversion = "the version cannot express the result"
  case files = "files cannot be written"

  /// Checks that ADD fails cleanly and leaves no trace.
  ///
  /// - Returns: Whether this plugin has the stage.
  func judge(in lab: Lab) throws -> Bool {
    let node = try lab.node()
    do {
      guard let call = try call(on: node) else { return false }
      let baseline = try node.state()
      let reply = try node.run(call)
      // A plugin that writes nothing for an attachment does not notice.
      if self == .files, reply.status == .exited(0) { return false }
      try reply.cleanError()
      try node.expectNoTrace(since: baseline, ignoring: ["/run/stub/calls"])
      return true
    } catch is Inapplicable {
      return false
    }
  }

  private func call(on node: LabNode) throws -> Call? {
    let lab = node.lab
    switch self {
    case .delegate:
      return try delegatingCall(on: node) { try $0.fail(.ADD, code: 111) }
    case .address:
      // No interface may have a multicast address.
      return try delegatingCall(on: node) { stub in
        try stub.answer(.ADD, output: Self.answer(in: lab.version, addressIPv6: "ff02::77/64").text())
      }
    case .route:
      // Nobody knows the way to this gateway.
      return try delegatingCall(on: node) { stub in
        let route: JSONObject = ["dst": "198.51.100.0/24", "gw": "203.0.113.1"]
        try stub.answer(.ADD, output: Self.answer(in: lab.version, route: route).text())
      }
    case .conversion:
      // A chained plugin only passes on that there is no address.
      guard !lab.subject.isChained, let version = lab.subject.versions.last(where: { $0 < .v0_3_0 }) else { return nil }
      return try node.container().callWithoutAddresses(in: version)
    case .files:
      // What a plugin changes it has to write down, to restore it.
      let change = lab.manifest.resultChange ?? [:]
      let before = try node.state()
      let other = try node.container()
      let result = try other.add(configuration: change)
      if lab.subject.isChained { try other.delete(result: result, configuration: change) }
      guard try !node.makeStateReadOnly(since: before).isEmpty else { return nil }
      return try node.container().call(.ADD, configuration: change)
    }
  }

  private func delegatingCall(on node: LabNode, _ instruct: (StubDelegate) throws -> Void) throws -> Call? {
    guard node.lab.subject.role == .main else { return nil }
    let stub = try StubDelegate(on: node)
    let change = try node.lab.delegating(to: stub)
    try instruct(stub)
    return try node.container().call(.ADD, configuration: change).delegating(to: stub)
  }

  private static func answer(
    in version: SpecVersion, addressIPv6: String? = nil, route: JSONObject? = nil
  ) -> JSONValue {
    var answer = StubDelegate.addresses(in: version).object ?? [:]
    if version < .v0_3_0 {
      var families = ["ip4", "ip6"].map { answer[$0]?.object ?? [:] }
      if let addressIPv6 { families[1]["ip"] = .string(addressIPv6) }
      if let route { families[0]["routes"] = [.object(route)] }
      answer["ip4"] = .object(families[0])
      answer["ip6"] = .object(families[1])
    } else {
      var ips = answer["ips"]?.array?.compactMap(\.object) ?? []
      if let addressIPv6 { ips[1]["address"] = .string(addressIPv6) }
      answer["ips"] = .array(ips.map { .object($0) })
      if let route { answer["routes"] = [.object(route)] }
    }
    return .object(answer)
  }
}
