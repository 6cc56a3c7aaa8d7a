import CLinux

extension NetlinkSocket {
  /// How long the kernel may take, unless the caller says otherwise. It answers while it takes the message, so this
  /// only ends what would never end.
  package static var usualTimeLimit: Duration { .seconds(10) }

  /// Sends messages in one call and waits until each is acknowledged.
  ///
  /// - Throws: `.kernel` for the first message, in the order of the batch, that the kernel refuses. Whether the others
  ///   took effect is the protocol's matter: of an nf_tables transaction none did, of rtnetlink messages those that
  ///   were not refused.
  package borrowing func send(_ batch: [Message], timeLimit: Duration = usualTimeLimit) throws(NetlinkError) {
    guard let first = batch.first else { return }
    let deadline = ContinuousClock.now + timeLimit
    let firstSequence = try transmit(batch, label: first.label)

    var isWaiting = batch.map(\.wantsAck)
    var failure: (position: Int, error: NetlinkError)?
    while isWaiting.contains(true) {
      // After an error the kernel may leave the other messages without an answer; what it has to say is queued.
      guard let datagram = try receive(until: failure == nil ? deadline : .now) else { break }
      for reply in try Reply.parse(datagram) where reply.type == UInt16(NLMSG_ERROR) {
        let position = Int(reply.sequence &- firstSequence)
        // An answer that an earlier request did not wait for.
        guard position < batch.count else { continue }
        isWaiting[position] = false
        // An error without position, such as that of the commit, comes under the begin mark of its batch.
        if let error = try Verdict(reply).error(about: batch[position].label), position < failure?.position ?? .max {
          failure = (position, error)
        }
      }
    }
    if let failure { throw failure.error }
    if let position = isWaiting.firstIndex(of: true) { throw .timedOut(batch[position].label) }
  }

  /// Sends one message that the kernel answers with one, and returns the answer.
  package borrowing func ask(
    _ message: Message, timeLimit: Duration = usualTimeLimit
  ) throws(NetlinkError) -> Message {
    let deadline = ContinuousClock.now + timeLimit
    let sequence = try transmit([message], label: message.label)
    var answer: Message?
    while let datagram = try receive(until: deadline) {
      for reply in try Reply.parse(datagram) where reply.sequence == sequence {
        guard reply.type == UInt16(NLMSG_ERROR) else {
          answer = reply.message(label: message.label)
          continue
        }
        if let error = try Verdict(reply).error(about: message.label) { throw error }
        guard let answer else { throw .malformed("answer", message.label) }
        return answer
      }
    }
    throw .timedOut(message.label)
  }

  /// Asks for a whole table, and returns its entries.
  ///
  /// - Throws: `.interrupted` if the table changed each of the eight times it was read.
  package borrowing func dump(
    _ message: Message, timeLimit: Duration = usualTimeLimit
  ) throws(NetlinkError) -> [Message] {
    let deadline = ContinuousClock.now + timeLimit
    for _ in 0..<8 {
      if let entries = try dumpOnce(message, until: deadline) { return entries }
    }
    throw NetlinkError(.interrupted, operation: "dump", object: message.label)
  }

  /// - Returns: nil if the table changed meanwhile.
  private borrowing func dumpOnce(
    _ message: Message, until deadline: ContinuousClock.Instant
  ) throws(NetlinkError) -> [Message]? {
    let request = Message(
      type: message.type, flags: message.flags | UInt16(NLM_F_DUMP), payload: message.payload, label: message.label,
      wantsAck: false)
    let sequence = try transmit([request], label: message.label)
    var entries: [Message] = []
    var isConsistent = true
    while let datagram = try receive(until: deadline) {
      for reply in try Reply.parse(datagram) where reply.sequence == sequence {
        if reply.flags & UInt16(NLM_F_DUMP_INTR) != 0 { isConsistent = false }
        switch CInt(reply.type) {
        case NLMSG_ERROR, NLMSG_DONE:
          if let error = try Verdict(reply).error(about: message.label) { throw error }
          return isConsistent ? entries : nil
        default: entries.append(reply.message(label: message.label))
        }
      }
    }
    throw .timedOut(message.label)
  }

  /// Numbers the messages and sends them in one call.
  ///
  /// - Returns: the number of the first; the others have those that follow.
  private borrowing func transmit(_ batch: [Message], label: String) throws(NetlinkError) -> UInt32 {
    let sequences = batch.map { _ in nextSequence() }
    var bytes: [UInt8] = []
    for (message, sequence) in zip(batch, sequences) { message.encode(into: &bytes, sequence: sequence) }
    try transmit(bytes, answerCount: batch.count, label: label)
    return sequences[0]
  }
}

extension Reply {
  fileprivate func message(label: String) -> Message {
    Message(type: type, flags: flags, payload: Array(payload), label: label, wantsAck: false)
  }
}

extension NetlinkError {
  fileprivate static func timedOut(_ label: String) -> NetlinkError {
    NetlinkError(.timedOut, operation: "recvmsg", object: label)
  }
}
