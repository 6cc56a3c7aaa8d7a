/// A point in time, written as RFC 3339 in UTC.
package struct Timestamp: Sendable, CustomStringConvertible {
  private let seconds: Int64
  private let microseconds: Int64

  /// - Parameter sinceEpoch: since 1970 in UTC, without leap seconds; what is below a microsecond is dropped.
  package init(_ sinceEpoch: Duration) {
    let (seconds, attoseconds) = sinceEpoch.components
    // Before 1970 both are negative.
    self.seconds = attoseconds < 0 ? seconds - 1 : seconds
    microseconds = (attoseconds < 0 ? attoseconds + 1_000_000_000_000_000_000 : attoseconds) / 1_000_000_000_000
  }

  /// For example `2026-11-25T20:00:00.000000Z`.
  package var description: String { "\(dateAndTime).\(microseconds.padded(6))Z" }

  /// Without a fraction, as Kubernetes writes its times: `2026-11-25T20:00:00Z`.
  package var inSeconds: String { "\(dateAndTime)Z" }

  private var dateAndTime: String {
    let day = seconds.flooredQuotient(by: 86_400)
    let time = seconds - day * 86_400
    let date = Self.date(ofDay: day)
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60)
    return "\(date.year.padded(4))-\(date.month.padded(2))-\(date.day.padded(2))"
      + "T\(hour.padded(2)):\(minute.padded(2)):\(second.padded(2))"
  }

  /// The date in the Gregorian calendar.
  ///
  /// Counted in years that begin with March, so that the day that comes and goes is the last one of a year; 400 of them
  /// always have 146 097 days.
  private static func date(ofDay daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let daysSinceMarch0000 = daysSince1970 + 719_468
    let era = daysSinceMarch0000.flooredQuotient(by: 146_097)
    let dayOfEra = daysSinceMarch0000 - era * 146_097
    // Without the leap days so far, each year has 365 days. 1460, 36 524 and 146 096 are the last days of 4, 100, 400 years.
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    // From March on, five months have 153 days: 31, 30, 31, 30, 31.
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day)
  }
}

extension Int64 {
  fileprivate func flooredQuotient(by divisor: Int64) -> Int64 {
    self >= 0 ? self / divisor : -((-self + divisor - 1) / divisor)
  }

  fileprivate func padded(_ width: Int) -> String {
    let digits = String(self)
    return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
  }
}
