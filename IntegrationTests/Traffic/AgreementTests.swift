import Netfilter
import Redirect
import Stage
import System
import Testing
import TruthTables

/// What the truth tables say, what the tracer says, and what real packets do: all three must agree, through each back
/// end.
///
/// All configurations begin at once and wait for their turn, so the time limit is that of the whole suite.
@Suite(.requires(.namespaces), .requires(.iptables), .tags(.root), .timeLimit(.minutes(20)))
struct AgreementTests {
  /// What writes the rules.
  enum Writer: String, CaseIterable, CustomTestStringConvertible {
    case nftables
    case iptablesNft = "iptables-nft"
    case iptablesLegacy = "iptables-legacy"

    var backend: any Backend {
      switch self {
      case .nftables: NftablesBackend()
      case .iptablesNft: IptablesBackend(folders: [], flavour: .nft)
      case .iptablesLegacy: IptablesBackend(folders: [], flavour: .legacy)
      }
    }

    var testDescription: String { rawValue }
  }

  @Test("every packet of the tables ends where it should", arguments: Writer.allCases, Configuration.all)
  func tables(_ writer: Writer, _ configuration: Configuration) async throws {
    let disagreements = try await onOwnThread {
      try Self.disagreements(writer, configuration, Question.table(configuration))
    }
    #expect(disagreements == [])
  }

  @Test("so do packets that nobody has chosen, under settings that nobody has chosen", arguments: 1...10)
  func random(seed: Int) async throws {
    var random = SplitMix64(seed: UInt64(seed))
    var count = 0
    for _ in 0..<20 {
      let configuration = Configuration.random(using: &random)
      let questions = Array(Question.table(configuration).shuffled(using: &random).prefix(30))
      count += questions.count
      let disagreements = try await onOwnThread { try Self.disagreements(.nftables, configuration, questions) }
      #expect(disagreements == [], "\(configuration.policy)")
    }
    // Ten seeds make the 5,000 and more.
    #expect(count >= 600)
  }

  /// What the three answer differently.
  private static func disagreements(
    _ writer: Writer, _ configuration: Configuration, _ questions: [Question]
  ) throws -> [String] {
    let ruleset = Ruleset(configuration.policy, hasIPv6: true)
    let oracle = Oracle(configuration)
    let stage = try Stage(configuration)
    defer { stage.close() }
    try PodRedirect.apply(ruleset, in: stage.pod, with: writer.backend)
    var disagreements: [String] = []
    for question in questions {
      let end = oracle.answer(question.packet)
      let traced = Trace(question.packet, through: ruleset, proxyListens: configuration.proxyListens).end
      if traced != end { disagreements.append("\(question): \(end) expected, \(traced) traced") }
      if let discrepancy = try stage.discrepancy(question, expecting: end) { disagreements.append(discrepancy) }
    }
    return disagreements
  }
}
