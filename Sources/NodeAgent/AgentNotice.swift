package import Logging

/// Something that people should hear of, once: a line of the log, and what an Event is made of.
package struct AgentNotice: Sendable, Equatable {
  package let level: Logger.Level
  /// One word, as the reason of an Event: `ConfigurationContested`.
  package let reason: String
  /// What is, or what could not be done, on what, and why.
  package let message: String
  /// What to do; nil where there is nothing to do.
  package let remedy: String?

  package init(_ level: Logger.Level, _ reason: String, _ message: String, remedy: String? = nil) {
    self.level = level
    self.reason = reason
    self.message = message
    self.remedy = remedy
  }
}
