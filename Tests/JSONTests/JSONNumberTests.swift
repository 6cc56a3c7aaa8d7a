import JSON
import Testing

@Suite struct JSONNumberTests {
  static let integers: [(spelling: String, int: Int?)] = [
    ("0", 0), ("-0", 0), ("7", 7), ("-12", -12), ("1.0", 1), ("1e3", 1000), ("1E+3", 1000), ("1.5e1", 15),
    ("100e-2", 1), ("12.50e2", 1250), ("0.001e3", 1), ("-2.0", -2), ("0.0", 0), ("0e99999999999999999999", 0),
    ("9223372036854775807", .max), ("-9223372036854775808", .min), ("-922337203685477580.8e1", .min),
    ("9223372036854775807.0", .max), ("9007199254740993", 9_007_199_254_740_993), ("1e18", 1_000_000_000_000_000_000),
    ("9223372036854775808", nil), ("-9223372036854775809", nil), ("1e19", nil), ("1e400", nil),
    ("1e99999999999999999999", nil), ("1e-99999999999999999999", nil), ("1.5", nil), ("1e-1", nil),
    ("0.1e-9223372036854775808", nil), ("1e9223372036854775807", nil), ("123e-2", nil),
  ]

  @Test("an integer is one however it is spelled", arguments: integers)
  func readsIntegers(spelling: String, int: Int?) throws {
    #expect(try JSONValue(parsing: Array(spelling.utf8)).int == int)
  }

  @Test("numbers print as they were spelled", arguments: integers.map(\.spelling))
  func keepsSpelling(spelling: String) throws {
    #expect(try JSONValue(parsing: Array(spelling.utf8)).text() == spelling)
  }

  @Test("numbers made from integers read back", arguments: [0, -1, 1337, Int.max, Int.min])
  func makesNumber(int: Int) {
    #expect(JSONNumber(int).int == int)
  }
}
