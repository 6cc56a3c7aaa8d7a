import CLinux
import CNI
import FaultTable
import Glibc
import System

// Faults in reading the environment: it is changed, refused or fatal before the right code sees it.

/// The environment as a plugin with the committed fault takes it.
func misread(_ environment: [String: String]) throws(Failure) -> [String: String] {
  let reading = EnvironmentReading(environment)
  if reading.isFatal { crash() }
  if let reason = try reading.refusal { throw Failure(code: .invalidEnvironment, message: reason) }
  return reading.changed
}

private struct EnvironmentReading {
  private let environment: [String: String]
  private let verb: String

  init(_ environment: [String: String]) {
    self.environment = environment
    verb = environment["CNI_COMMAND"] ?? ""
  }

  private func value(_ key: String) -> String { environment[key] ?? "" }

  private var isForAttachment: Bool { ["ADD", "DEL", "CHECK"].contains(verb) }

  var isFatal: Bool {
    switch fault {
    case .crashesWithoutHome: value("HOME").isEmpty
    case .crashesWithoutPrivileges: verb == "ADD" && geteuid() != 0
    case .crashesWithFewDescriptors: descriptorLimit <= 16
    case .crashesWithoutStandardError: verb == "ADD" && !canLog
    case .crashesOnOddArguments:
      value("CNI_ARGS").split(separator: ";").contains { $0.count { $0 == "=" } != 1 }
    default: false
    }
  }

  private var descriptorLimit: UInt {
    var limit = rlimit()
    return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? limit.rlim_cur : .max
  }

  private var canLog: Bool {
    let line = Array("model-cni: starting\n".utf8)
    return write(STDERR_FILENO, line, line.count) == line.count
  }

  /// Why the invocation is refused; nil if it is not.
  var refusal: String? {
    get throws(Failure) {
      switch fault {
      case .requiresPath: value("CNI_PATH").isEmpty && verb != "VERSION" ? "cannot run without CNI_PATH" : nil
      case .requiresNamespaceOnDelete:
        verb == "DEL" && value("CNI_NETNS").isEmpty ? "cannot DEL without CNI_NETNS" : nil
      case .requiresArguments: verb == "ADD" && value("CNI_ARGS").isEmpty ? "cannot ADD without CNI_ARGS" : nil
      case .refusesLongContainerIDs: value("CNI_CONTAINERID").count > 64 ? "CNI_CONTAINERID is too long" : nil
      case .refusesLongInterfaceNames: value("CNI_IFNAME").utf8.count == 15 ? "CNI_IFNAME is too long" : nil
      case .refusesKubernetesArguments: value("CNI_ARGS").contains("K8S_") ? "CNI_ARGS has unknown keys" : nil
      case .believesVersionVariable: environment["CNI_VERSION"] == nil ? nil : "CNI_VERSION is not supported"
      case .believesStrayVariablesInGC:
        verb == "GC" && !(value("CNI_CONTAINERID") + value("CNI_NETNS")).isEmpty ? "GC is for networks" : nil
      case .refusesProbes: verb == "VERSION" && value("CNI_NETNS") == "dummy" ? "CNI_NETNS does not exist" : nil
      case .needsRootForVersion: verb == "VERSION" && geteuid() != 0 ? "only root may ask" : nil
      case .needsAWorkingFolder: workingFolder == nil ? "there is no working folder" : nil
      case .insistsOnItsName:
        isSymbolicLink(CommandLine.arguments.last ?? "") ? "called by a name that is not known" : nil
      case .takesBoundNamespacesOnly:
        isForAttachment && (value("CNI_NETNS").hasPrefix("/proc/") || isSymbolicLink(value("CNI_NETNS")))
          ? "CNI_NETNS is no bound namespace" : nil
      default: nil
      }
    }
  }

  private var workingFolder: String? { try? readLink("/proc/self/cwd").hasSuffix(" (deleted)") ? nil : "there" }

  private func isSymbolicLink(_ path: String) -> Bool { (try? readLink(path)) != nil }

  var changed: [String: String] {
    var changed = environment
    switch fault {
    case .acceptsAnyVerb:
      if !verb.isEmpty, Command(rawValue: verb) == nil { CurrentProcess.exit(0) }
    case .printsUsageWithoutVerb where verb.isEmpty:
      try? CurrentProcess.writeStandardOutput(Array("usage: set CNI_COMMAND\n".utf8))
      CurrentProcess.exit(0)
    case .defaultsMissingVariables where isForAttachment:
      for (key, usual) in [("CNI_CONTAINERID", "default"), ("CNI_IFNAME", "eth0")] where value(key).isEmpty {
        changed[key] = usual
      }
    case .collectsWithoutPath where value("CNI_PATH").isEmpty: changed["CNI_PATH"] = "/usr/lib/cni"
    case .sanitisesContainerIDs where isForAttachment:
      changed["CNI_CONTAINERID"] = "x" + value("CNI_CONTAINERID").filter { $0.isASCII && $0.isLetter }
    case .truncatesInterfaceNames where isForAttachment:
      let allowed = value("CNI_IFNAME").filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
      changed["CNI_IFNAME"] = allowed.isEmpty ? "eth0" : String(allowed.prefix(15))
    case .renamesOddInterfaces where isForAttachment:
      changed["CNI_IFNAME"] = value("CNI_IFNAME").filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
    case .takesAnyOverride where !value("CNI_NETNS_OVERRIDE").isEmpty: changed["CNI_NETNS_OVERRIDE"] = "1"
    case .entersOwnNamespace: changed["CNI_NETNS_OVERRIDE"] = "1"
    default: break
    }
    return changed
  }
}
