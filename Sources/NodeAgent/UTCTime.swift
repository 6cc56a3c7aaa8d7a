/// A moment as RFC 3339 writes it, in UTC and whole seconds, which is how Kubernetes wants its times.
struct UTCTime: CustomStringConvertible {
  let description: String

  /// - Parameter time: since 1970.
  init(_ time: Duration) {
    let seconds = time.components.seconds
    let (days, rest) = seconds.quotientAndRemainder(dividingBy: 86_400)
    let date = Self.date(daysSince1970: days)
    let clock = [rest / 3600, rest / 60 % 60, rest % 60].map { Self.padded($0) }.joined(separator: ":")
    description = "\(date.year)-\(Self.padded(date.month))-\(Self.padded(date.day))T\(clock)Z"
  }

  /// The Gregorian date of a day, counted in years that begin in March, so that the leap day is the last one.
  private static func date(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
    // Days since the 1st of March of the year 0, in cycles of 400 years.
    let days = daysSince1970 + 719_468
    let (cycle, dayOfCycle) = days.quotientAndRemainder(dividingBy: 146_097)
    let yearOfCycle = (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
    let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    return (cycle * 400 + yearOfCycle + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
  }

  private static func padded(_ number: Int64) -> String {
    number < 10 ? "0\(number)" : "\(number)"
  }
}
