/// One way in which the model plugin can be wrong.
///
/// The raw value is what `MODEL_CNI_FAULT` is set to.
package enum Fault: String, CaseIterable, Sendable {
  case hangs
}
