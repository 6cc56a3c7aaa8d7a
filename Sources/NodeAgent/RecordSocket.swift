import Synchronization
import System

/// Takes what the plugin tells of its invocations, a datagram each.
///
/// On a thread of its own: NIO does not take datagrams from senders without an address, as the plugin is one.
///
/// Source: `InvocationRecord` of the plugin.
final class RecordSocket: SocketService {
  static let name = "records.sock"

  private let path: String
  private let thread: ThreadExecutor
  private let isEnding: Flag
  private let reading: Task<Void, Never>

  /// - Parameter take: gets each datagram, one after the other; it must not wait for anybody.
  init(at path: String, take: @escaping @Sendable ([UInt8]) -> Void) throws(SystemError) {
    self.path = path
    let receiver = try DatagramReceiver(at: path, mode: 0o600)
    let isEnding = Flag()
    thread = try ThreadExecutor.start()
    self.isEnding = isEnding
    let reader = RecordReader(receiver, on: thread)
    reading = Task { await reader.read(until: isEnding, take) }
  }

  func close() async throws {
    isEnding.isSet.store(true, ordering: .relaxed)
    await reading.value
    thread.stop()
    try removeFile(path)
  }

  final class Flag: Sendable {
    let isSet = Atomic(false)
  }
}

/// Reads on the thread that is given for it.
private actor RecordReader {
  /// Bytes; what is longer is cut, and then no JSON any more.
  private static let sizeLimit = 1 << 16
  /// How long it may take until the end is noticed.
  private static let patience = Duration.milliseconds(200)

  private let receiver: DatagramReceiver
  private let thread: ThreadExecutor

  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  init(_ receiver: consuming DatagramReceiver, on thread: ThreadExecutor) {
    self.receiver = receiver
    self.thread = thread
  }

  func read(until end: RecordSocket.Flag, _ take: @Sendable ([UInt8]) -> Void) {
    while !end.isSet.load(ordering: .relaxed) {
      do throws(SystemError) {
        if let record = try receiver.receive(limit: Self.sizeLimit, within: Self.patience) { take(record) }
      } catch {
        // Nobody can do anything about it here; the service is made anew when its socket is gone.
        return
      }
    }
  }
}
