import CLinux
import CNI
import FaultTable
import Glibc
import JSON
import System

// Faults around a verb, which need no knowledge of what the role does.

extension Request {
  /// Where faults that remember something write it down.
  func notes() throws(Failure) -> String { "\(try dataFolder())/.notes" }

  func leaveAFile(_ name: String, _ text: String = "") throws(Failure) {
    let folder = try notes()
    try makeFolders(folder)
    try attempting("write \(name)", code: .io) {
      try AtomicFile.write(Array(text.utf8), to: "\(folder)/\(name)", mode: 0o600)
    }
  }

  private func note(_ name: String) throws(Failure) -> String? {
    let path = "\(try notes())/\(name)"
    return (try? readFile(path, limit: 1 << 22)).map { String(decoding: $0, as: UTF8.self) }
  }

  private func refuse(_ reason: String) -> Failure { Failure(code: .refused, message: reason) }

  /// Commits the fault before the role comes to act.
  ///
  /// - Returns: whether the role is to act at all.
  func misconduct(_ role: any Role) throws(Failure) -> Bool {
    switch invocation.command {
    case .ADD: try misconductAdd(role)
    case .DEL: return try misconductDelete(role)
    case .CHECK: return try misconductCheck()
    case .GC: return try misconductGC()
    case .STATUS:
      if fault == .slowStatus { pause(milliseconds: 2500) }
      if fault == .leavesAFilePerStatus { try leaveAFile("status-\(getpid())") }
    case .VERSION: break
    }
    return true
  }

  private func misconductAdd(_ role: any Role) throws(Failure) {
    switch fault {
    case .refusesWhenUnready: try role.status()
    case .crashesInUserNamespaces:
      let isOther = try attempting("look at the namespace") { try containerNamespace().belongsToOtherUsers() }
      if isOther { crash() }
    case .failsOnAHeldXtablesLock:
      if try !canLock("/run/xtables.lock") { throw refuse("cannot take the lock of iptables") }
    default: break
    }
  }

  private func misconductDelete(_ role: any Role) throws(Failure) -> Bool {
    switch fault {
    case .refusesWhenUnready: try role.status()
    case .doesNothingOnDelete: return false
    case .doesNothingWithoutNamespace: return invocation.namespacePath != nil
    case .leavesAFilePerDelete: try leaveAFile("delete-\(getpid())")
    case .failsSecondDelete:
      if try note(key.digits) == nil { throw refuse("cannot delete \(key.interface): there is no such attachment") }
    default: break
    }
    try removeState("\(try notes())/\(key.digits)")
    return true
  }

  private func misconductCheck() throws(Failure) -> Bool {
    switch fault {
    case .checksNothing: return false
    case .alwaysFailsCheck: throw refuse("CHECK found something")
    case .leavesAFilePerCheck: try leaveAFile("check-\(getpid())")
    case .insistsOnItsOwnResult:
      let previous = JSONValue.object(configuration.previousResult ?? [:]).text()
      if let own = try note(key.digits), own != previous { throw refuse("prevResult is not what ADD returned") }
    case .failsCheckRightAfterAdd:
      if let since = try note(key.digits).flatMap(Int.init), time(nil) - since < 2 { throw refuse("not ready yet") }
    case .failsCheckBesideOthers:
      // Others may be about to come, or to go.
      for wait: UInt32 in [0, 100, 100] {
        pause(milliseconds: wait)
        if try fileNames(try notes()).count > 1 { throw refuse("there are other attachments") }
      }
    case .collidesGCWithCheck:
      if try !canLock("\(try notes())/gc") { throw refuse("GC is running") }
    default: break
    }
    return true
  }

  private func misconductGC() throws(Failure) -> Bool {
    switch fault {
    case .collectsNothing: return false
    case .failsSecondGC:
      if try note("gc") != nil { throw refuse("there is nothing to collect") }
      try leaveAFile("gc")
    case .slowWithManyAttachments:
      let list = configuration.object["cni.dev/valid-attachments"] ?? configuration.object["cni.dev/attachments"]
      pause(milliseconds: UInt32(list?.array?.count ?? 0))
    case .collidesGCWithCheck:
      try leaveAFile("gc")
      let path = "\(try notes())/gc"
      try attempting("lock \(path)") {
        let file = try OwnedDescriptor.open(path, O_RDONLY)
        try lock(file, path)
        pause(milliseconds: 200)
        try file.close()
      }
    case .collectsForeignThings:
      let folder = try dataFolder()
      try attempting("collect") { try runShell("rm -rf '\(folder)'/*; nft flush ruleset") }
    default: break
    }
    return true
  }

  /// Whether nobody holds a lock.
  private func canLock(_ path: String) throws(Failure) -> Bool {
    guard let file = try? OwnedDescriptor.open(path, O_RDONLY) else { return true }
    return file.withRawValue { flock($0, LOCK_EX | LOCK_NB) == 0 }
  }

  /// Commits the fault after ADD has done its work.
  func misremember(_ answer: JSONObject) throws(Failure) -> JSONObject {
    var answer = answer
    switch fault {
    case .failsSecondDelete, .failsCheckBesideOthers: try leaveAFile(key.digits)
    case .insistsOnItsOwnResult: try leaveAFile(key.digits, JSONValue.object(answer).text())
    case .failsCheckRightAfterAdd: try leaveAFile(key.digits, "\(time(nil))")
    case .remembersFirstVersion:
      if let first = try note("version") {
        answer["cniVersion"] = .string(first)
      } else {
        try leaveAFile("version", configuration.version.rawValue)
      }
    case .leavesAChild: startInBackground("sleep 12")
    case .pinsTheNamespace: try inContainer { startInBackground("exec </dev/null >/dev/null 2>&1; sleep 12") }
    case .changesKernelParameters:
      try inContainer { () throws(SystemError) in
        try runShell("echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet")
      }
    case .leavesEmptyLegacyTables:
      try inContainer { () throws(SystemError) in try runShell("iptables-legacy -t nat -S") }
    default: break
    }
    return answer
  }

  private func inContainer(_ body: @escaping @Sendable () throws(SystemError) -> Void) throws(Failure) {
    let namespace = try containerNamespace()
    try attempting("enter the namespace") { try namespace.run(body) }
  }
}
