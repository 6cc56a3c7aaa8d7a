import ArgumentParser
import Harness
import System

/// `netns-sim soak`
struct LongSoak: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "soak",
    abstract: "Let pods come and go beside one agent for a long time, with troubles all the time.",
    discussion: """
      A pod starts each half a second and the oldest one ends; every 7 seconds the watches end, are cut or expire, or the \
      API server is away, or the primary plugin writes its file, or the token changes, or ten pods start at once. Prints a \
      report at the end, and each sample on standard error meanwhile. Exits with 1 if a pod did not start at its first \
      try, a pod of the mesh had no redirect, a connection went astray, or the agent grew.
      """)

  @Option(help: "How long.")
  var minutes = 30

  @OptionGroup var options: ProgramOptions

  func run() throws {
    let duration = Duration.seconds(60 * minutes)
    // Thirty samples, but none of less than five seconds.
    let settings = Soak.Settings(duration: duration, interval: max(duration / 30, .seconds(5)))
    let outcome = try Soak(settings, try options.programs()) { sample in
      CurrentProcess.writeStandardError(Array((Self.cells(of: sample).joined(separator: "  ") + "\n").utf8))
    }.run()
    print(try report(outcome))
    if !outcome.problems.isEmpty { throw ExitCode.failure }
  }

  private func report(_ outcome: Soak.Outcome) throws -> String {
    let heads = [
      "TIME", "RESIDENT", "PEAK", "FDS", "THREADS", "CPU", "STARTS", "P50", "P99", "MAX", "PLUGIN", "REQUESTS",
      "OF ONE POD", "TROUBLES",
    ]
    let residents = outcome.samples.map(\.agent.resident)
    let agent = outcome.samples.last?.agent
    let processorTime = (agent?.processorTime ?? .zero) / .seconds(60 * minutes) * 100
    let requests = outcome.requests.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    let kernel = String(decoding: try readFile("/proc/sys/kernel/osrelease", limit: 1 << 10), as: UTF8.self)
    let problems = outcome.problems
    return """
      \(minutes) \(minutes == 1 ? "minute" : "minutes") on Linux \(kernel.split(separator: "\n").first ?? "?").

      pods started        \(outcome.startCount), of them in the mesh \(outcome.meshedCount)
      connections asked   \(outcome.connectionCount), of them astray \(outcome.strays.count)
      agent's memory      \(Self.mebibytes(residents.min() ?? 0)) to \(Self.mebibytes(residents.max() ?? 0)) MiB \
      resident in the samples, \(Self.mebibytes(agent?.peak ?? 0)) MiB at most
      agent's processor   \(processorTime.fixed(2)) % of one
      requests            \(requests.joined(separator: ", "))

      \(table([heads] + outcome.samples.map(Self.cells)))

      RESIDENT and PEAK in MiB. STARTS, P50, P99 and MAX: of the whole chain, in ms, since the sample before. PLUGIN: the \
      mean of our plugin's part, in ms.

      \(problems.isEmpty ? "Every claim holds." : problems.map { "NOT so: \($0)" }.joined(separator: "\n"))
      """
  }

  private static func cells(of sample: Soak.Sample) -> [String] {
    let starts = sample.starts
    let quantile = { (part: Double) in
      starts.isEmpty ? "" : milliseconds(starts[min(starts.count - 1, Int(Double(starts.count) * part))], digits: 0)
    }
    let seconds = Int(sample.time / .seconds(1))
    return [
      "\(seconds / 60):\(seconds % 60 < 10 ? "0" : "")\(seconds % 60)", mebibytes(sample.agent.resident),
      mebibytes(sample.agent.peak), "\(sample.agent.descriptorCount)", "\(sample.agent.threadCount)",
      "\((sample.processorShare * 100).fixed(2)) %", "\(starts.count)", quantile(0.5), quantile(0.99),
      quantile(1), milliseconds(sample.meanAddition, digits: 2), "\(sample.requestCount)", "\(sample.podRequestCount)",
      sample.troubles.joined(separator: ", "),
    ]
  }

  private static func mebibytes(_ kibibytes: Int) -> String { (Double(kibibytes) / 1024).fixed(1) }

  private static func milliseconds(_ duration: Duration, digits: Int) -> String {
    (duration / .milliseconds(1)).fixed(digits)
  }
}
