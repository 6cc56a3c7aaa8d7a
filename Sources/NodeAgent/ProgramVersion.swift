/// The version of this program, of the plugin beside it, and of the chart.
package enum ProgramVersion {
  package static let text = "0.6.0"
}
