import Glibc
import Logging
import Synchronization
import System
import SystemPackage
import TestKit
import Testing

@testable import NodeAgent

@Suite(.timeLimit(.minutes(1))) struct ReconcilerTests {
  let scene: ReconcilerScene

  init() throws {
    scene = try ReconcilerScene()
  }

  @Test("a healthy node is ready, which is said and counted once")
  func healthy() async throws {
    let (reconciler, task) = try scene.start()
    try await eventually { scene.health.isReady }
    for count in 2...4 {
      reconciler.poke()
      try await eventually { scene.passCount >= count }
    }
    try await eventually { scene.metric("istio_cni_pass_duration_seconds_count") == "4" }
    #expect(scene.metric("istio_cni_install_ready") == "1")
    #expect(scene.metric("istio_cni_installs_total{result=\"SUCCESS\"}") == "1")
    #expect(scene.lines == ["info\tcni-agent\tthe plugin is installed behind 10-x.conflist"])
    #expect(scene.health["install"] == .ok())
    task.cancel()
    try await task.value
  }

  @Test("a change in a watched folder causes a pass within 100 ms")
  func event() async throws {
    let (_, task) = try scene.start()
    defer { task.cancel() }
    try await eventually { scene.passCount >= 1 }
    // The machine may be busy with something else once.
    var delays: [Duration] = []
    while delays.count < 10, delays.last.map({ $0 >= .milliseconds(100) }) ?? true {
      try await scene.calm()
      let before = scene.passCount
      let start = SuspendingClock.now
      try scene.touch("file\(delays.count)")
      try await eventually { scene.passCount > before }
      try #require(scene.passCount > before)
      delays.append(scene.passTimes[before] - start)
    }
    #expect(delays.contains { $0 < .milliseconds(100) })
  }

  @Test("a burst of changes causes few passes")
  func burst() async throws {
    var pace = Pace()
    pace.quiet = .milliseconds(100)
    pace.burst = .seconds(10)
    let (_, task) = try scene.start(pace: pace)
    defer { task.cancel() }
    try await eventually { scene.health.isReady }
    let thread = try ThreadExecutor.start()
    defer { thread.stop() }
    try await Unrest(on: thread).last(in: scene, count: 100)
    try await eventually { scene.passCount >= 2 }
    try await scene.calm()
    // The machine may be busy with something else for more than the quiet time now and then.
    #expect(scene.passCount <= 20)
  }

  @Test("a change during a pass causes another one")
  func during() async throws {
    scene.report { [scene] number in
      // A failure would show as a pass that does not come.
      if number == 1 { try? scene.touch() }
      return .healthy
    }
    let (_, task) = try scene.start()
    defer { task.cancel() }
    try await eventually { scene.passCount >= 2 }
    try await scene.calm()
    #expect(scene.passCount == 2)
  }

  @Test("everything happens on one thread, which is none of those that tasks share")
  func thread() async throws {
    let (reconciler, task) = try scene.start()
    defer { task.cancel() }
    for count in 1...20 {
      try await eventually { scene.passCount >= count }
      reconciler.poke()
    }
    #expect(scene.state.withLock { $0.threads }.count == 1)
  }

  @Test("folders that the settings name later are watched from then on")
  func otherFolders() async throws {
    let other = try ReconcilerScene()
    let (reconciler, task) = try scene.start()
    defer { task.cancel() }
    try await eventually { scene.passCount >= 1 }
    scene.state.withLock { state in
      let reading = state.reading
      state.reading = SettingsReading(
        settings: reading.settings, wanted: reading.wanted, watchedFolders: [other.folder])
    }
    reconciler.poke()
    try await eventually { scene.passCount >= 2 }
    try other.touch()
    try await eventually { scene.passCount >= 3 }
  }

  @Test("a folder that is missing is noticed when it comes, without passes until then")
  func missingFolder() async throws {
    var pace = Pace()
    pace.polling = .milliseconds(10)
    rmdir(scene.folder)
    let (_, task) = try scene.start(pace: pace)
    defer { task.cancel() }
    try await eventually { scene.passCount >= 1 }
    try await scene.calm()
    #expect(scene.passCount == 1)
    try makeFolder(scene.folder)
    try await eventually { scene.passCount >= 2 }
    try await eventually { scene.lines.count == 3 }
    #expect(
      scene.lines.sorted() == [
        "info\tcni-agent\t\(scene.folder) is not there yet",
        "info\tcni-agent\tno longer: \(scene.folder) is not there yet",
        "info\tcni-agent\tthe plugin is installed behind 10-x.conflist",
      ])
    try scene.touch()
    try await eventually { scene.passCount >= 3 }
  }

  @Test("without inotify everything is looked at again and again, which is said with the limit to raise")
  func polling() async throws {
    var pace = Pace()
    pace.polling = .milliseconds(10)
    let (_, task) = try scene.start(pace: pace) { _ throws(SystemError) in
      throw SystemError("inotify_init1", "a watch of folders", .tooManyOpenFiles)
    }
    defer { task.cancel() }
    try await eventually { scene.passCount >= 5 }
    #expect(scene.health.isReady)
    #expect(
      scene.notices.first
        == AgentNotice(
          .warning, "NotWatching",
          "cannot watch folders, so they are looked at each second: inotify_init1(a watch of folders) = EMFILE (24)",
          remedy: "raise fs.inotify.max_user_instances on the node, or the limit of open files"))
    #expect(scene.notices.count == 2)
  }

  @Test("a folder beyond the limit of watches is looked at again and again")
  func unwatchable() async throws {
    var pace = Pace()
    pace.polling = .milliseconds(10)
    let long = "/tmp/\(String(repeating: "x", count: 256))"
    scene.state.withLock { state in
      let reading = state.reading
      state.reading = SettingsReading(settings: reading.settings, wanted: reading.wanted, watchedFolders: [long])
    }
    let (_, task) = try scene.start(pace: pace)
    defer { task.cancel() }
    try await eventually { scene.passCount >= 5 }
    #expect(
      scene.notices.first
        == AgentNotice(
          .warning, "NotWatching",
          "cannot watch \(long), so it is looked at each second: inotify_add_watch(\(long)) = ENAMETOOLONG (36)",
          remedy: "raise fs.inotify.max_user_watches on the node"))
  }

  @Test("everything is looked at again after a while without events")
  func resync() async throws {
    var pace = Pace()
    pace.resync = .milliseconds(20)
    let (_, task) = try scene.start(pace: pace)
    defer { task.cancel() }
    try await eventually { scene.passCount >= 4 }
  }

  @Test("an obstacle is told once with its remedy, takes readiness away, and so does its end")
  func obstacle() async throws {
    let noPrimary = Obstacle(.init("noPrimary"), "waiting for a primary plugin", remedy: "install one")
    scene.report { _ in .blocked(noPrimary) }
    let (reconciler, task) = try scene.start()
    defer { task.cancel() }
    for count in 1...3 {
      try await eventually { scene.passCount >= count }
      try await eventually { scene.health["install"] == .failing("waiting for a primary plugin") }
      reconciler.poke()
    }
    scene.report { _ in .healthy }
    reconciler.poke()
    try await eventually { scene.health.isReady }
    #expect(
      scene.lines == [
        "warn\tcni-agent\twaiting for a primary plugin\tremedy=\"install one\"",
        "info\tcni-agent\tthe plugin is installed behind 10-x.conflist",
      ])
  }

  @Test("what the settings lack is an obstacle as well, and without anything wanted there is no pass")
  func nothingWanted() async throws {
    scene.state.withLock { state in
      state.reading = SettingsReading(
        settings: state.reading.settings, wanted: nil,
        obstacles: [Obstacle(.init("noToken"), "cannot read the token", remedy: "mount it")],
        watchedFolders: [scene.folder])
    }
    let (_, task) = try scene.start()
    defer { task.cancel() }
    try await eventually { scene.health["install"] == .failing("cannot read the token") }
    #expect(scene.passCount == 0)
  }

  @Test("a file that is being written is looked at again soon, and costs no readiness unless it goes on")
  func settling() async throws {
    var pace = Pace()
    pace.settling = .milliseconds(5)
    pace.patience = .milliseconds(300)
    let (reconciler, task) = try scene.start(pace: pace)
    defer { task.cancel() }
    try await eventually { scene.health.isReady }
    let obstacle = Obstacle(.init("settling"), "10-x.conflist is being written", remedy: "wait")
    scene.report { _ in .blocked(obstacle) }
    let before = scene.passCount
    reconciler.poke()
    try await eventually { scene.health["install"] == .failing("10-x.conflist is being written") }
    let times = scene.passTimes.dropFirst(before)
    // The last pass is the first one that was out of patience.
    #expect(times.count > 2)
    #expect((times.last ?? .now) - (times.first ?? .now) >= .milliseconds(250))
  }

  @Test("a failure is told, counted and tried again later each time, until it goes away")
  func failure() async throws {
    var pace = Pace()
    pace.retry = .milliseconds(20)
    scene.report { number in number < 5 ? .failed() : .healthy }
    let (_, task) = try scene.start(pace: pace)
    defer { task.cancel() }
    try await eventually { scene.health.isReady }
    let times = scene.passTimes
    try #require(times.count >= 5)
    #expect(zip(times, times.dropFirst()).map { $1 - $0 >= .milliseconds(20) } == [true, true, true, true])
    #expect(times[4] - times[3] >= .milliseconds(160))
    #expect(scene.metric("istio_cni_installs_total{result=\"CREATE_KUBECONFIG_FAILURE\"}") == "4")
    #expect(
      scene.notices == [
        AgentNotice(.error, "InstallFailed", "cannot do it", remedy: "let it"),
        AgentNotice(.info, "Installed", "the plugin is installed behind 10-x.conflist"),
      ])
  }

  @Test("what a failed pass has stirred up itself does not cause the next attempt")
  func stirred() async throws {
    var pace = Pace()
    pace.retry = .milliseconds(200)
    scene.report { [scene] number in
      // A failure would show as an attempt that comes too early.
      if number == 2 { try? scene.touch() }
      return number < 3 ? .failed() : .healthy
    }
    let (_, task) = try scene.start(pace: pace)
    defer { task.cancel() }
    try await eventually { scene.health.isReady }
    let times = scene.passTimes
    try #require(times.count >= 3)
    #expect(times[2] - times[1] >= .milliseconds(400))
  }

  @Test("an event causes the next attempt before it is due, but not at once")
  func eventAfterFailure() async throws {
    let thread = try ThreadExecutor.start()
    let unrest = Task { [scene] in try await Unrest(on: thread).last(in: scene) }
    var pace = Pace()
    pace.retry = .milliseconds(200)
    pace.retryLimit = .seconds(3600)
    // The last attempt would be due after two minutes.
    scene.report { number in number < 10 ? .failed() : .healthy }
    let (_, task) = try scene.start(pace: pace)
    defer { task.cancel() }
    try await eventually { scene.health.isReady }
    let times = scene.passTimes
    #expect(zip(times, times.dropFirst()).prefix(9).allSatisfy { $1 - $0 >= .milliseconds(200) } == true)
    unrest.cancel()
    try await unrest.value
    thread.stop()
  }

  @Test("another writer in between only means another pass, which is no failure")
  func transient() async throws {
    scene.report { number in number < 3 ? .failed(isTransient: true) : .healthy }
    let (_, task) = try scene.start()
    defer { task.cancel() }
    try await eventually { scene.health.isReady }
    #expect(scene.passCount == 3)
    #expect(!scene.metrics.text.contains("FAILURE"))
    #expect(scene.notices.map(\.reason) == ["Installed"])
  }

  @Test("repairs are counted by what was repaired, and logged")
  func repairs() async throws {
    scene.report { number in
      number == 1
        ? PassReport(executed: [.writeBinary(path: "/b"), .writeKubeconfig], remaining: .done) : .healthy
    }
    let (_, task) = try scene.start()
    defer { task.cancel() }
    try await eventually { scene.health.isReady }
    #expect(scene.metric("istio_cni_repairs_total{object=\"binary\"}") == "1")
    #expect(scene.metric("istio_cni_repairs_total{object=\"kubeconfig\"}") == "1")
    #expect(scene.lines.filter { $0.hasPrefix("info\tcni-agent\tdone: ") }.count == 2)
  }

  @Test("a program that undoes each repair is named once, exposed, and no longer answered at once")
  func contest() async throws {
    let report = try PassReport.repaired("05-cilium.conflist", plugin: "cilium-cni")
    // Whoever undoes it does so as soon as it is done.
    scene.report { [scene] _ in
      try? scene.touch()
      return report
    }
    var pace = Pace()
    pace.contest = .milliseconds(300)
    let (_, task) = try scene.start(pace: pace)
    defer { task.cancel() }
    try await eventually { scene.passCount >= 8 }
    #expect(scene.metric("istio_cni_config_contested") == "1")
    let times = scene.passTimes
    try #require(times.count >= 8)
    // Five repairs and the one that is too many come at once.
    #expect(times[6] - times[5] >= .milliseconds(300))
    #expect(times[7] - times[6] >= .milliseconds(600))
    #expect(!scene.health.isReady)
    #expect(scene.metric("istio_cni_install_ready") == "0")
    try await eventually { scene.metric("istio_cni_config_conflicts_total") == "\(scene.passCount - 5)" }
    #expect(
      scene.notices.filter { $0.reason == "ConfigurationContested" } == [
        AgentNotice(
          .warning, "ConfigurationContested",
          "another program keeps undoing our changes of 05-cilium.conflist (cilium-cni); repairs now wait between attempts",
          remedy:
            "set cni.exclusive=false in Cilium's values, or set ISTIO_OWNED_CNI_CONFIG=true here, which leaves its file alone"
        )
      ])
  }

  @Test("a contest does not keep the agent from ending at once")
  func endDuringContest() async throws {
    let report = try PassReport.repaired()
    scene.report { [scene] _ in
      try? scene.touch()
      return report
    }
    // Longer than the test may take.
    var pace = Pace()
    pace.contest = .seconds(3600)
    let (_, task) = try scene.start(pace: pace)
    try await eventually { scene.notices.contains { $0.reason == "ConfigurationContested" } }
    task.cancel()
    try await task.value
    #expect(scene.passCount == 6)
  }

  @Test("settings that cannot be used are told and counted once, and cost no readiness")
  func rejectedSettings() async throws {
    scene.state.withLock { state in
      let reading = state.reading
      state.reading = SettingsReading(
        settings: reading.settings, wanted: reading.wanted, warnings: ["odd"], problem: "LOG_LEVEL is no level",
        watchedFolders: reading.watchedFolders, tokenExpiry: .seconds(4_000_000_000))
    }
    let (reconciler, task) = try scene.start()
    defer { task.cancel() }
    try await eventually { scene.health.isReady }
    reconciler.poke()
    try await eventually { scene.passCount >= 2 }
    #expect(scene.metric("istio_cni_config_reload_failures_total") == "1")
    #expect(scene.metric("istio_cni_token_expiry_timestamp_seconds") == "4000000000")
    #expect(scene.health["config"] == .ok(note: "LOG_LEVEL is no level"))
    #expect(scene.health["token"] == .expiring(at: .seconds(4_000_000_000)))
    #expect(
      scene.notices.filter { $0.reason != "Installed" } == [
        AgentNotice(.error, "ConfigurationRejected", "LOG_LEVEL is no level"),
        AgentNotice(.warning, "Warning", "odd"),
      ])
    scene.state.withLock { state in
      let reading = state.reading
      state.reading = SettingsReading(
        settings: reading.settings, wanted: reading.wanted, watchedFolders: reading.watchedFolders)
    }
    reconciler.poke()
    try await eventually { scene.lines.last == "info\tcni-agent\tno longer: odd" }
    #expect(scene.lines.contains("info\tcni-agent\tno longer: LOG_LEVEL is no level"))
  }

  @Test("a pass that is under way is finished before the agent ends")
  func gracefulEnd() async throws {
    let release = try WakeUp()
    scene.report { [scene] number in
      if number == 1 {
        // Without the signal the pass lasts until its limit.
        _ = try? release.wait(for: .seconds(10))
        scene.state.withLock { $0.lines.append("end of the pass") }
      }
      return .healthy
    }
    let (_, task) = try scene.start()
    try await eventually { scene.passCount >= 1 }
    task.cancel()
    release.signal()
    try await task.value
    #expect(scene.state.withLock { $0.lines }.contains("end of the pass"))
    #expect(scene.passCount == 1)
  }
}
