import ArgumentParser
import Conformance

@main
struct CNIConformance: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cni-conformance",
    abstract: "Run cases of the CNI specification against a plugin binary.",
    discussion: "So far the cases that need no namespace. Exits with 1 if a MUST failed.")

  @Option(help: "The plugin binary.")
  var plugin: String

  func run() throws {
    let subject = PluginUnderTest(path: plugin)
    var failedMusts = 0
    for testCase in ConformanceCase.protocolCases {
      let name = "\(testCase.id)  \(testCase.requirement.rawValue.padding(to: 6))"
      switch try testCase.run(against: subject) {
      case .passed:
        print("pass  \(name)  \(testCase.stimulus)")
      case .failed(let observed):
        if testCase.requirement == .must { failedMusts += 1 }
        print(
          "FAIL  \(name)  \(testCase.stimulus)\n      expected: \(testCase.expectation)\n      observed: \(observed)")
      }
    }
    if failedMusts > 0 { throw ExitCode.failure }
  }
}

extension String {
  fileprivate func padding(to width: Int) -> String {
    self + String(repeating: " ", count: max(0, width - count))
  }
}
