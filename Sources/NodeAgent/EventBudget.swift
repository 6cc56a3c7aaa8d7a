/// How many Events about pods a node may write: a bucket of tokens, each of which is one Event.
///
/// A fault of the node meets all of its pods, and often all nodes at once. 20 Events at a time and two a minute after that
/// show what is wrong; with 1,000 nodes these are 33 writes a second at the API server.
struct EventBudget {
  static let capacity = 20.0
  /// The time in which one token comes back.
  static let refill = Duration.seconds(30)

  private var tokens = capacity
  private var lastTime: Duration?

  /// Whether nothing was taken for so long that all tokens are back.
  private(set) var isFull = true

  /// Takes a token.
  ///
  /// - Parameter time: since some fixed moment; a clock that was set back gives no tokens.
  /// - Returns: whether there was one.
  mutating func take(at time: Duration) -> Bool {
    if let lastTime, time > lastTime { tokens = min(Self.capacity, tokens + (time - lastTime) / Self.refill) }
    lastTime = time
    isFull = tokens == Self.capacity
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }
}
