import System

/// Takes what the plugin tells of its invocations, a datagram each.
///
/// On a thread of its own: NIO does not take datagrams from senders without an address, as the plugin is one.
///
/// Source: `InvocationRecord` of the plugin.
final class RecordSocket: SocketService {
  private let path: String
  private let thread: ThreadExecutor
  private let end: WakeUp
  private let reading: Task<Void, Never>
  private let taking: Task<Void, Never>

  /// Many pods that start at once tell of it at once, and the kernel keeps ten datagrams (net.unix.max_dgram_qlen): they
  /// are read before any is dealt with.
  private static let queueLimit = 4096

  /// - Parameter take: gets each datagram, one after the other.
  init(at path: String, take: @escaping @Sendable ([UInt8]) -> Void) throws(SystemError) {
    self.path = path
    let end = try WakeUp()
    self.end = end
    let receiver = try DatagramReceiver(at: path, mode: 0o600)
    thread = try ThreadExecutor.start()
    let reader = RecordReader(receiver, on: thread)
    let (records, queue) = AsyncStream.makeStream(of: [UInt8].self, bufferingPolicy: .bufferingOldest(Self.queueLimit))
    reading = Task {
      await reader.read(until: end) { queue.yield($0) }
      queue.finish()
    }
    taking = Task { for await record in records { take(record) } }
  }

  func close() async throws {
    end.signal()
    await reading.value
    await taking.value
    thread.stop()
    try removeFile(path)
  }
}

/// Reads on the thread that is given for it.
private actor RecordReader {
  /// Bytes; most records have some hundred. What is longer is cut, and then no JSON any more.
  private static let sizeLimit = 1 << 16

  private let receiver: DatagramReceiver
  private let thread: ThreadExecutor

  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  init(_ receiver: consuming DatagramReceiver, on thread: ThreadExecutor) {
    self.receiver = receiver
    self.thread = thread
  }

  func read(until end: WakeUp, _ take: @Sendable ([UInt8]) -> Void) {
    do throws(SystemError) {
      while let record = try receiver.receive(limit: Self.sizeLimit, until: end) { take(record) }
    } catch {
      // Without its name the socket is made anew. One that cannot be removed either cannot be helped.
      _ = try? receiver.removeName()
    }
  }
}
