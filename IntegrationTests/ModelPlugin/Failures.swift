import CNI
import FaultTable

extension Failure.Code {
  /// The kernel or a program refused what was asked of it.
  static let refused = pluginSpecific(100)
  /// What is to be made is there already.
  static let exists = pluginSpecific(101)
  /// The IPAM plugin did not do its part.
  static let delegation = pluginSpecific(102)
  /// CHECK found a difference.
  static let broken = pluginSpecific(103)

  /// The code of somebody else's error object.
  init(relaying number: Int) {
    let known: [Failure.Code] = [
      .incompatibleVersion, .unsupportedField, .unknownContainer, .invalidEnvironment, .io, .decoding,
      .invalidConfiguration, .invalidNamespace, .tryAgainLater, .notAvailable, .limitedConnectivity,
    ]
    self = known.first { $0.rawValue == number } ?? (number >= 100 ? .pluginSpecific(number) : .delegation)
  }
}

/// Runs `body` and says what it was for when it fails.
func attempting<R: ~Copyable>(
  _ purpose: String, code: Failure.Code = .refused, _ body: () throws -> R
) throws(Failure) -> R {
  do {
    return try body()
  } catch let failure as Failure {
    throw failure
  } catch {
    throw Failure(code: code, message: "cannot \(purpose)", details: "\(error)")
  }
}

/// Steps of a teardown: each is tried, and the first failure is told when all are done.
struct Teardown {
  private var failure: Failure?

  mutating func attempt(_ step: () throws(Failure) -> Void) {
    do throws(Failure) { try step() } catch { failure = failure ?? error }
  }

  func finish() throws(Failure) {
    if let failure { throw failure }
  }

  /// As `finish`, for GC.
  func finishCollection() throws(Failure) {
    if fault != .hidesCollectionErrors { try finish() }
  }
}
