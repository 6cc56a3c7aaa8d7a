/// Runs one of several attempts, and says in a discrepancy which it was.
@discardableResult
func attempt<R>(_ name: String, _ body: () throws -> R) throws -> R {
  do {
    return try body()
  } catch let discrepancy as Discrepancy {
    throw Discrepancy("\(name.prefix(60)): \(discrepancy.observed)")
  }
}
