import Logging

/// Says what has changed since it last said something, and nothing twice.
struct NoticeBoard {
  private let logger: Logger
  private let announce: @Sendable (AgentNotice) -> Void
  /// What holds now, by subject.
  private var current: [String: [AgentNotice]] = [:]

  init(logger: Logger, announce: @escaping @Sendable (AgentNotice) -> Void) {
    self.logger = logger
    self.announce = announce
  }

  /// Says what is new among the notices of a subject.
  ///
  /// - Parameter tellsEnd: whether to say as well what no longer holds.
  mutating func post(_ notices: [AgentNotice], about subject: String, tellsEnd: Bool = false) {
    let before = current.updateValue(notices, forKey: subject) ?? []
    for notice in notices where !before.contains(notice) { say(notice) }
    if tellsEnd {
      for notice in before where !notices.contains(notice) {
        logger.info("no longer: \(notice.message)")
      }
    }
  }

  /// Says something that happened once.
  func say(_ notice: AgentNotice) {
    logger.log(level: notice.level, "\(notice.message)", metadata: notice.remedy.map { ["remedy": "\($0)"] })
    announce(notice)
  }
}
