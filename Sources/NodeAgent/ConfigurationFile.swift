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
