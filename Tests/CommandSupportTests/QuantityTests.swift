import Testing

@testable import CommandSupport

@Suite("Numbers for people")
struct QuantityTests {
  @Test(
    "Sizes are SI units with one decimal, rounded half up, exact below a thousand",
    arguments: [
      (0, "0 B"), (1, "1 B"), (123, "123 B"), (999, "999 B"), (1000, "1.0 kB"), (1049, "1.0 kB"),
      (1050, "1.1 kB"), (1449, "1.4 kB"), (1450, "1.5 kB"), (49_700_000, "49.7 MB"), (999_949, "999.9 kB"),
      (999_950, "1.0 MB"), (999_999, "1.0 MB"), (123_800_000, "123.8 MB"), (999_950_000, "1.0 GB"),
      (1_000_000_000_000, "1.0 TB"), (18_446_744_073_709_551_615, "18.4 EB"),
    ] as [(UInt64, String)])
  func size(_ bytes: UInt64, _ text: String) { #expect(formatSize(bytes) == text) }

  @Test(
    "Counts have commas between thousands",
    arguments: [
      (0, "0"), (999, "999"), (1000, "1,000"), (5443, "5,443"), (123_456, "123,456"),
      (1_234_567, "1,234,567"),
    ] as [(UInt64, String)])
  func count(_ number: UInt64, _ text: String) { #expect(formatCount(number) == text) }

  @Test(
    "Durations",
    arguments: [
      (-1, "0:00"), (0, "0:00"), (7, "0:07"), (60, "1:00"), (754, "12:34"), (3723, "1:02:03"),
      (360_000, "100:00:00"),
    ] as [(Int, String)])
  func duration(_ seconds: Int, _ text: String) { #expect(formatDuration(.seconds(seconds)) == text) }
}
