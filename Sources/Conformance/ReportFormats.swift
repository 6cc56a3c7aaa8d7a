import CNI
import JSON

// MARK: - For programs

extension Report {
  var json: String {
    let results = cases.map { report -> JSONValue in
      var object: JSONObject = [
        "id": .string(report.testCase.id), "class": .string(report.testCase.requirement.rawValue),
        "version": report.version.map { .string($0.rawValue) } ?? .null, "result": .string(report.verdict.rawValue),
        "milliseconds": .number(JSONNumber(report.milliseconds)),
        "stimulus": .string(report.testCase.stimulus), "expectation": .string(report.testCase.expectation),
        "sections": .array(report.testCase.sections.map { .string($0.rawValue) }),
      ]
      object[report.verdict == .failed ? "observation" : "reason"] = report.text.map { .string($0) }
      return .object(object)
    }
    let whole: JSONObject = [
      "plugin": .string(plugin), "role": .string(role.rawValue), "summary": .string(totals), "results": .array(results),
    ]
    return JSONValue.object(whole).text(.indented(2)) + "\n"
  }

  var junit: String {
    let failures = cases.count { $0.verdict == .failed }
    let errors = cases.count { $0.verdict == .broken }
    let skipped = cases.count { $0.verdict == .inapplicable || $0.verdict == .undecidable }
    var lines = [
      #"<?xml version="1.0" encoding="UTF-8"?>"#,
      #"<testsuite name="cni-conformance \#(plugin.escapedForXML)" tests="\#(cases.count)" failures="\#(failures)" "#
        + #"errors="\#(errors)" skipped="\#(skipped)">"#,
    ]
    for report in cases {
      let testCase = report.testCase
      let chapter = testCase.id.prefix { $0 != "-" }
      let head =
        #"  <testcase classname="\#(chapter)" name="\#("\(report.name) \(testCase.stimulus)".escapedForXML)" time="\#(report.seconds)""#
      let text = (report.text ?? "").escapedForXML
      switch report.finding {
      case .passed: lines.append("\(head)/>")
      case .failed:
        let expectation = "expected: \(testCase.expectation)\nobserved: ".escapedForXML
        lines += [
          "\(head)>",
          #"    <failure type="\#(testCase.requirement.rawValue)" message="\#(report.sections.escapedForXML)">"#
            + "\(expectation)\(text)</failure>", "  </testcase>",
        ]
      case .broken: lines += ["\(head)>", #"    <error message="\#(text)"/>"#, "  </testcase>"]
      case .inapplicable, .undecidable: lines += ["\(head)>", #"    <skipped message="\#(text)"/>"#, "  </testcase>"]
      }
    }
    return (lines + ["</testsuite>", ""]).joined(separator: "\n")
  }

  /// What is no MUST fails as a "TODO" test, which a reader of the protocol does not count as a failure.
  var tap: String {
    var lines = ["TAP version 14", "1..\(cases.count)"]
    for (index, report) in cases.enumerated() {
      let testCase = report.testCase
      let title = "\(index + 1) - \(report.name) \(testCase.stimulus)".escapedForTAP
      switch report.finding {
      case .passed: lines.append("ok \(title)")
      case .inapplicable(let reason), .undecidable(let reason):
        lines.append("ok \(title) # SKIP \(reason.escapedForTAP)")
      case .failed, .broken:
        lines.append("not ok \(title)" + (report.isFatal ? "" : " # TODO \(testCase.requirement.rawValue)"))
        lines += [
          "  ---", "  expected: \(JSONValue.string(testCase.expectation).text())",
          "  observed: \(JSONValue.string(report.text ?? "").text())",
          "  sections: \(JSONValue.string(report.sections).text())", "  ...",
        ]
      }
    }
    return (lines + [""]).joined(separator: "\n")
  }
}

extension String {
  /// As the text of an element or attribute; what XML 1.0 has no way to write becomes U+FFFD.
  fileprivate var escapedForXML: String {
    var result = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\n": result += "&#10;"
      case "\u{0}"..."\u{8}", "\u{B}"..."\u{1F}", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A number sign would begin a directive.
  fileprivate var escapedForTAP: String {
    replacing("\\", with: "\\\\").replacing("#", with: "\\#").replacing("\n", with: " ")
  }
}
