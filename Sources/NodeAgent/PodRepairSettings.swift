/// What is done about pods that started without their redirect, where they are not mended in place.
package struct PodRepairSettings: Sendable, Equatable {
  package enum Mode: Sendable, Equatable {
    /// Delete the pod, so that its controller makes a new one.
    case delete
    /// Put a label on the pod, for somebody else to act on.
    case label(key: String, value: String)
  }

  /// Nil: nothing.
  package var mode: Mode?
  /// Which pods these are.
  package var rule: BrokenPodRule

  package init(mode: Mode?, rule: BrokenPodRule = BrokenPodRule()) {
    self.mode = mode
    self.rule = rule
  }

  /// Only one of the modes is in effect: in place comes before deletion, and that before the label.
  init(_ values: SettingValues) throws(SettingFault) {
    // All of it is checked, in effect or not: a mistake is better found now than when the mode is turned on.
    let deletes = try values.bool(.repairDeletes)
    let labels = try values.bool(.repairLabels)
    let label = Mode.label(
      key: try values.labelKey(.brokenPodLabelKey), value: try values.labelValue(.brokenPodLabelValue))
    rule = BrokenPodRule(
      sidecarAnnotation: values.text(.sidecarAnnotation) ?? "", container: values.text(.initContainerName) ?? "",
      exitCode: try values.integer(.initContainerExitCode) ?? 0,
      terminationMessage: values.text(.initContainerMessage) ?? "",
      excludedNamespaces: values.text(.excludedNamespaces)?.listItems ?? [],
      labels: try values.labelSelector(.repairLabelSelectors), fields: try values.fieldSelector(.repairFieldSelectors))
    let isEnabled = try values.bool(.repairEnabled)
    let mendsInPlace = try values.bool(.repairsInPlace)
    mode = !isEnabled || mendsInPlace ? nil : deletes ? .delete : labels ? label : nil
  }

  /// What is asked for and not done.
  static func warnings(_ values: SettingValues) throws(SettingFault) -> [String] {
    let asked = [Setting.repairsInPlace, .repairDeletes, .repairLabels]
    var leading: Setting?
    var warnings: [String] = []
    for setting in asked {
      guard try values.bool(setting) else { continue }
      // Without repair it is clear that none of them counts.
      if let leading, try values.bool(.repairEnabled) {
        warnings.append("\(setting) has no effect while \(leading) is true")
      }
      leading = leading ?? setting
    }
    return warnings
  }
}

extension SettingValues {
  fileprivate func labelKey(_ setting: Setting) throws(SettingFault) -> String {
    let text = text(setting) ?? ""
    guard LabelSyntax.isKey(text) else { throw fault(setting, "is not the key of a label", LabelSyntax.keyRule) }
    return text
  }

  fileprivate func labelValue(_ setting: Setting) throws(SettingFault) -> String {
    let text = text(setting) ?? ""
    guard LabelSyntax.isValue(text) else { throw fault(setting, "is not the value of a label", LabelSyntax.valueRule) }
    return text
  }

  fileprivate func labelSelector(_ setting: Setting) throws(SettingFault) -> LabelSelector {
    do throws(SelectorFault) {
      return try LabelSelector(text(setting) ?? "")
    } catch {
      throw fault(setting, error.problem, error.remedy)
    }
  }

  fileprivate func fieldSelector(_ setting: Setting) throws(SettingFault) -> FieldSelector {
    do throws(SelectorFault) {
      return try FieldSelector(text(setting) ?? "")
    } catch {
      throw fault(setting, error.problem, error.remedy)
    }
  }
}
