package import System
import SystemPackage

extension StepFailure {
  /// A step that failed, by the call that did.
  package init(_ step: Step, _ error: SystemError, in layout: NodeLayout) {
    let place = step.place(in: layout)
    let cause = error.cause(of: step, at: place, in: layout)
    self.init(
      step: step, problem: "cannot \(place.action): \(cause.reason)\(error)", remedy: cause.remedy)
  }

  /// A step that another writer came in between of.
  package init(changedMeanwhile step: Step, in layout: NodeLayout) {
    self.init(
      step: step,
      problem: "cannot \(step.place(in: layout).action): another writer changed the file at the same moment",
      remedy: "nothing: what it wrote is in place, and the next pass starts from that", isTransient: true)
  }

  /// Notes that cannot be read or written; `action` says what for.
  package init(noting action: String, _ error: SystemError, before step: Step? = nil, in layout: NodeLayout) {
    let place = Place(action: action, folder: layout.stateFolder, setting: "CNI_STATE_DIR")
    let cause = error.cause(of: step, at: place, in: layout)
    self.init(step: step, problem: "cannot \(action): \(cause.reason)\(error)", remedy: cause.remedy)
  }

  /// Another agent that holds the lock all the time.
  init(lockedOut path: String, after time: Duration) {
    self.init(
      step: nil, problem: "cannot take the lock \(path): another agent has held it for \(time.components.seconds) s",
      remedy: "stop the other agent on this node, or let both have another CNI_STATE_DIR and another file to edit")
  }
}

/// What a step does, where, and which setting says where that is.
private struct Place {
  let action: String
  let folder: String
  let setting: String
}

extension Step {
  fileprivate func place(in layout: NodeLayout) -> Place {
    func configuration(_ action: String) -> Place {
      Place(action: action, folder: layout.configurationFolder, setting: "MOUNTED_CNI_NET_DIR")
    }
    func path(_ name: String) -> String { "\(layout.configurationFolder)/\(name)" }
    func binary(_ action: String, _ path: String) -> Place {
      Place(action: action, folder: folder(of: path), setting: "CNI_BIN_TARGET_DIRS")
    }
    func runDirectory(_ action: String) -> Place {
      Place(action: action, folder: layout.runDirectory, setting: "CNI_AGENT_RUN_DIR")
    }
    switch self {
    case .removeLeftover(let path): return Place(action: "remove \(path)", folder: folder(of: path), setting: "")
    case .writeBinary(let path): return binary("install the plugin as \(path)", path)
    case .removeBinary(let path): return binary("remove the plugin \(path)", path)
    case .writeKubeconfig: return runDirectory("write the plugin's kubeconfig \(layout.kubeconfig)")
    case .removeKubeconfig: return runDirectory("remove the plugin's kubeconfig \(layout.kubeconfig)")
    case .edit(let file, _): return configuration("put our entry into \(path(file.name))")
    case .convert(let file, let list, _, _): return configuration("make the list \(path(list)) of \(path(file.name))")
    case .writeOwnFile(let name, _): return configuration("write our configuration \(path(name))")
    case .removeOwnFile(let file): return configuration("remove our configuration \(path(file.name))")
    case .restore(let file, _): return configuration("take our entry out of \(path(file.name))")
    case .restoreConverted(let list, let name, _):
      return configuration("give \(path(name)) back for the list \(path(list.name))")
    }
  }
}

extension SystemError {
  fileprivate func cause(
    of step: Step?, at place: Place, in layout: NodeLayout
  ) -> (reason: String, remedy: String) {
    let isSource = object == layout.sourceBinary
    let folder = isSource ? layout.binarySource : place.folder
    let setting = isSource ? "CNI_BIN_SOURCE_DIR" : place.setting
    let orElsewhere = setting.isEmpty ? "" : ", or set \(setting) to another one"
    switch errno {
    case .noSpace, Errno(rawValue: 122):
      return ("no space is left: ", "make room on the file system of \(folder); what was there is unchanged")
    case .readOnlyFileSystem:
      if case .writeBinary = step {
        return (
          "the file system is read-only: ",
          "set the chart's value global.platform to the platform of this cluster, or CNI_BIN_TARGET_DIRS to the"
            + " folder of plugins that its runtime uses"
        )
      }
      return ("the file system is read-only: ", "mount \(folder) so that it can be written\(orElsewhere)")
    case .permissionDenied, .notPermitted:
      return (
        "permission is denied: ",
        "run as root with CAP_DAC_OVERRIDE, CAP_CHOWN and CAP_FOWNER, and look for denials of SELinux or AppArmor"
          + " about \(folder)"
      )
    case .noSuchFileOrDirectory:
      return ("it is not there: ", "see to it that \(folder) is there and mounted\(orElsewhere)")
    case .improperLink:
      return ("two file systems: ", "mount \(folder) as one folder, with nothing mounted below it")
    case .resourceBusy:
      return ("it is a mount point: ", "mount the folder \(folder), not the file")
    case .isDirectory, .notDirectory, .tooManySymbolicLinkLevels:
      return ("something else is in its place: ", "remove that\(orElsewhere)")
    case .ioError:
      return ("the disk fails: ", "see the node's kernel log")
    default:
      return ("", "it is tried again; see errno(3) for what \(errno.name) means")
    }
  }
}
