/// Who may still make the runtime call the plugin once no configuration names it: attachments whose configuration the
/// runtime remembers, or that the plugin has redirected.
package enum PluginNeed: Sendable, Equatable {
  case none
  /// These, each by whatever names it to a person.
  case attachments([String])
  /// It cannot be told; why, as a half sentence.
  case unknown(String)
}
