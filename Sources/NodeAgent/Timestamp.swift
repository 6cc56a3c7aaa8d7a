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

  /// Reads RFC 3339, with any fraction and offset: `2026-11-25T21:00:00.5+01:00`.
  ///
  /// - Returns: nil for anything else. Days are not compared with their months.
  package init?(parsing text: String) {
    let bytes = Array(text.utf8)
    func number(_ range: Range<Int>) -> Int64? {
      guard range.upperBound <= bytes.count, bytes[range].allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
      return bytes[range].reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }
    guard bytes.count > 19, let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      [4, 7].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }), "Tt ".utf8.contains(bytes[10]),
      [13, 16].allSatisfy({ bytes[$0] == UInt8(ascii: ":") }), (1...12).contains(month), (1...31).contains(day),
      hour < 24, minute < 60, second < 61
    else { return nil }
    var rest = bytes[19...]
    var fraction: Int64 = 0
    if rest.first == UInt8(ascii: ".") {
      let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
      guard !digits.isEmpty else { return nil }
      fraction = (digits.prefix(6) + Array(repeating: 0x30, count: max(0, 6 - digits.count)))
        .reduce(0) { $0 * 10 + Int64($1 - 0x30) }
      rest = rest.dropFirst(digits.count + 1)
    }
    var offset: Int64 = 0
    if rest.count == 6, let sign = rest.first, "+-".utf8.contains(sign),
      let hours = number(rest.startIndex + 1..<rest.startIndex + 3), bytes[rest.startIndex + 3] == UInt8(ascii: ":"),
      let minutes = number(rest.startIndex + 4..<rest.startIndex + 6)
    {
      offset = (sign == UInt8(ascii: "-") ? -1 : 1) * (hours * 3600 + minutes * 60)
    } else if rest.count != 1 || !"Zz".utf8.contains(rest[rest.startIndex]) {
      return nil
    }
    seconds = Self.day(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset
    microseconds = fraction
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

  /// The other way round: days since 1970.
  private static func day(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let yearFromMarch = month <= 2 ? year - 1 : year
    let era = yearFromMarch.flooredQuotient(by: 400)
    let yearOfEra = yearFromMarch - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
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
