extension Double {
  /// The number with so many digits behind the point, for reports: nothing here may link a formatter.
  ///
  /// - Parameter digits: from 0 to 6; the number has to be such that an `Int` can hold it without the point.
  package func fixed(_ digits: Int) -> String {
    let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
    let scaled = Int((magnitude * Double(scale)).rounded())
    let sign = self < 0 && scaled > 0 ? "-" : ""
    if digits == 0 { return "\(sign)\(scaled)" }
    let fraction = String(scaled % scale)
    return "\(sign)\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
}
