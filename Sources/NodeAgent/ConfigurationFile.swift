package import CNI
package import System

/// A file of the runtime's folder of network configurations, as it was read.
package struct ConfigurationFile: Sendable, Equatable {
  package let name: String
  package let bytes: [UInt8]
  /// Which file that was, to see whether it is still the same one.
  package let identity: FileIdentity

  package init(name: String, bytes: [UInt8], identity: FileIdentity) {
    self.name = name
    self.bytes = bytes
    self.identity = identity
  }
}

extension ConfigurationFile {
  /// What the file holds, or why that is no network configuration.
  package var content: Result<NetworkConfigurationFile, ConfigurationFault> {
    let name = name.isSetAside ? String(name.dropLast(String.setAsideEnding.count)) : name
    let kind = NetworkConfigurationFile.Kind(fileName: name) ?? .plugin
    do throws(ConfigurationFault) {
      return .success(try NetworkConfigurationFile(parsing: bytes, kind: kind))
    } catch {
      return .failure(error)
    }
  }

  /// Whether this is a good configuration without anything of ours, which an edit must keep as the original. What is
  /// broken, or has been edited before, must not take the place of one that is kept already; nor must a list that is
  /// just as we make it of a single plugin, out of which somebody took our entry.
  package var isOriginal: Bool {
    guard case .success(let content) = content else { return false }
    return content.edit.positions.isEmpty && content.edit.unwrapping() == nil
  }
}
