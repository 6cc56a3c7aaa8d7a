import NodeAgent
import Testing

struct TimestampTests {
  @Test(
    "times are written in UTC, with microseconds or without a fraction",
    arguments: [
      (Duration.zero, "1970-01-01T00:00:00.000000Z"),
      (.seconds(951_782_399), "2000-02-28T23:59:59.000000Z"),
      (.seconds(951_782_400), "2000-02-29T00:00:00.000000Z"),
      (.seconds(951_868_800), "2000-03-01T00:00:00.000000Z"),
      (.seconds(1_764_100_800), "2025-11-25T20:00:00.000000Z"),
      (.seconds(1_764_100_800) + .nanoseconds(123_456_999), "2025-11-25T20:00:00.123456Z"),
      (.seconds(4_107_542_400), "2100-03-01T00:00:00.000000Z"),
      (.seconds(4_107_542_399), "2100-02-28T23:59:59.000000Z"),
      (.seconds(253_402_300_799), "9999-12-31T23:59:59.000000Z"),
      (.milliseconds(-1), "1969-12-31T23:59:59.999000Z"),
      (.seconds(-86_400), "1969-12-31T00:00:00.000000Z"),
    ])
  func text(time: Duration, text: String) {
    #expect("\(Timestamp(time))" == text)
    #expect(Timestamp(time).inSeconds == text.prefix(19) + "Z")
  }

  @Test(
    "times are read in any zone and with any fraction",
    arguments: [
      ("2025-11-25T20:00:00Z", "2025-11-25T20:00:00.000000Z"),
      ("2025-11-25T20:00:00.5Z", "2025-11-25T20:00:00.500000Z"),
      ("2025-11-25T20:00:00.123456999Z", "2025-11-25T20:00:00.123456Z"),
      ("2025-11-26T01:30:00.25+05:30", "2025-11-25T20:00:00.250000Z"),
      ("2024-02-29T23:00:00-02:00", "2024-03-01T01:00:00.000000Z"),
      ("1970-01-01t00:00:00z", "1970-01-01T00:00:00.000000Z"),
      ("2000-03-01T00:00:00Z", "2000-03-01T00:00:00.000000Z"),
    ])
  func reading(text: String, written: String) {
    #expect(Timestamp(parsing: text)?.description == written)
  }

  @Test(
    "what is no time is not read",
    arguments: [
      "", "2025-11-25", "2025-11-25T20:00:00", "2025-11-25T20:00:00.Z", "2025-13-25T20:00:00Z", "2025-11-25T24:00:00Z",
      "2025-11-25T20:00:00+0100", "2025-11-25T20:00:00Zx", "x025-11-25T20:00:00Z", "2025/11/25T20:00:00Z",
    ])
  func noTime(text: String) {
    #expect(Timestamp(parsing: text) == nil)
  }
}
