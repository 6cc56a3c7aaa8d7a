import CNI
import System

extension Obstacle.Code {
  /// No configuration of another plugin is there yet.
  package static let noPrimary = Self("noPrimary")
  /// A file is being written; to be looked at again in 50 ms.
  package static let settling = Self("settling")
  /// The file that runtimes use has a fault that they do not mind, or do not see before a pod comes.
  package static let uneditable = Self("uneditable")
  /// The file that the settings name is no network configuration.
  package static let broken = Self("broken")
  /// The list is of a version that the plugin does not speak, so that every pod would fail.
  package static let unsupportedVersion = Self("unsupportedVersion")
  /// A file that must be looked at cannot be read.
  package static let unreadable = Self("unreadable")
  /// The folder of network configurations is not there.
  package static let noFolder = Self("noFolder")
  /// There is no binary to install.
  package static let noSource = Self("noSource")
  /// A name in the settings cannot be that of a configuration.
  package static let badName = Self("badName")
  /// Our own file would not lead.
  package static let ownFileSortsLate = Self("ownFileSortsLate")
  /// A file of another's has the name that one of ours is to have.
  package static let nameTaken = Self("nameTaken")
}

/// So that what cannot be planned ends the planning of what depends on it.
extension Obstacle: Error {}

extension Obstacle {
  static func uneditable(_ name: String, _ fault: ConfigurationFault) -> Obstacle {
    Obstacle(
      .uneditable, "cannot edit \(name): \(fault.position): \(fault.problem), yet runtimes load it",
      remedy: fault.remedy)
  }

  static func unreadable(_ name: String, _ error: SystemError) -> Obstacle {
    Obstacle(
      .unreadable, "cannot read \(name): \(error)",
      remedy: "remove it, or make it a file that the agent can read; a link must lead to what the agent has mounted")
  }

  static func settling(_ name: String, _ problem: String) -> Obstacle {
    Obstacle(.settling, "\(name) is being written: \(problem)", remedy: "wait for its writer")
  }
}
