/// A number of bytes for people: SI units with one decimal, exact below a thousand ("123 B", "49.7 MB").
public func formatSize(_ bytes: UInt64) -> String {
  if bytes < 1000 { return "\(bytes) B" }
  var unit: UInt64 = 1000
  for name in ["kB", "MB", "GB", "TB", "PB", "EB"] {
    // Rounded half up; a thousand of a unit is one of the next ("1.0 MB" and not "1000.0 kB").
    let (whole, rest) = bytes.quotientAndRemainder(dividingBy: unit)
    let tenths = whole * 10 + (rest + unit / 20) / (unit / 10)
    if tenths < 10_000 || name == "EB" { return "\(tenths / 10).\(tenths % 10) \(name)" }
    unit *= 1000
  }
  return "\(bytes) B"
}

/// A whole number for people, with commas between thousands ("5,443").
public func formatCount(_ number: UInt64) -> String {
  let digits = Array(String(number))
  var text = ""
  for (index, digit) in digits.enumerated() {
    if index > 0 && (digits.count - index) % 3 == 0 { text.append(",") }
    text.append(digit)
  }
  return text
}

/// A duration for people, in whole seconds: "0:07", "12:34", "1:02:03".
func formatDuration(_ duration: Duration) -> String {
  let seconds = max(0, duration.components.seconds)
  let (minutes, rest) = seconds.quotientAndRemainder(dividingBy: 60)
  let (hours, minute) = minutes.quotientAndRemainder(dividingBy: 60)
  func padded(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
  return hours > 0 ? "\(hours):\(padded(minute)):\(padded(rest))" : "\(minute):\(padded(rest))"
}
