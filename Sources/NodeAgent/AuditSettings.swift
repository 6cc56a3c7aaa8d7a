package import CNI
import JSON
import MeshPod

/// What of the settings audits and repairs go by.
package struct AuditSettings: Sendable, Equatable {
  /// Nil: the agent does not audit.
  package let interval: Duration?
  /// Whether pods are repaired in place.
  package let repairs: Bool
  package let folders: PodNamespaces.Folders

  init(_ values: SettingValues) throws(SettingFault) {
    interval = try values.integer(.auditInterval).flatMap { $0 > 0 ? .seconds($0) : nil }
    let isEnabled = try values.bool(.repairEnabled)
    repairs = try values.bool(.repairsInPlace) && isEnabled
    folders = PodNamespaces.Folders(
      bound: try values.path(.namespaceFolder) ?? Setting.namespaceFolder.standard,
      processes: try values.path(.processFolder) ?? Setting.processFolder.standard)
  }
}

extension SettingsReading {
  /// An audit by these settings.
  ///
  /// - Parameter repairs: Whether to repair, if that is not for the settings to say.
  /// - Throws: why the plugin could not be configured so.
  package func audit(repairs: Bool? = nil, programPath: String) throws(Failure) -> PodAudit {
    var entry = wanted?.entry ?? settings.entry.object
    entry["cniVersion"] = "1.1.0"
    entry["name"] = "audit"
    return PodAudit(
      try PluginConfiguration(try NetworkConfiguration(parsing: JSONValue.object(entry).serialized())),
      settings.layout.shared, settings.audit.folders,
      programFolders: programPath.split(separator: ":").map { String($0) }, repairs: repairs ?? settings.audit.repairs)
  }
}
