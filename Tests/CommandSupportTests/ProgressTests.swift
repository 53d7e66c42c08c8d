import Testing

@testable import CommandSupport

@Suite("Progress")
struct ProgressTests {
  func line(
    _ title: String = "Importing", done: UInt64, total: UInt64? = nil, rate: UInt64 = 50_000_000,
    seconds: Int = 10
  ) -> ProgressLine {
    ProgressLine(title: title, done: done, total: total, rate: rate, elapsed: .seconds(seconds))
  }

  @Test("What the line says")
  func text() {
    #expect(line(done: 0, rate: 0, seconds: 3).text(limit: nil) == "Importing  0:03")
    #expect(line(done: 500_000_000).text(limit: nil) == "Importing  500.0 MB  50.0 MB/s  0:10")
    #expect(
      line(done: 500_000_000, total: 2_000_000_000).text(limit: nil)
        == "Importing  500.0 MB of 2.0 GB  25%  50.0 MB/s  0:10, 0:30 left")
  }

  @Test("No share and no time left of a total that was wrong, nor at the end")
  func wrongTotal() {
    #expect(line(done: 5000, total: 4000).text(limit: nil) == "Importing  5.0 kB  50.0 MB/s  0:10")
    #expect(
      line(done: 4000, total: 4000).text(limit: nil)
        == "Importing  4.0 kB of 4.0 kB  100%  50.0 MB/s  0:10")
  }

  @Test("A long title is cut, never the numbers; a terminal that is too narrow cuts all")
  func limit() {
    let long = line("Importing a-file-with-a-long-name.tar", done: 500_000_000)
    let text = long.text(limit: 50)
    #expect(text == "Importing a-file-with-…  500.0 MB  50.0 MB/s  0:10")
    #expect(cellWidth(text) <= 50)
    #expect(cellWidth(long.text(limit: 10)) <= 10)
    #expect(cellWidth(long.text(limit: 0)) <= 1)
  }

  @Test("The rate follows the last seconds")
  func rate() {
    var meter = RateMeter()
    var bytes: UInt64 = 0
    for step in 1...100 {
      bytes += 1_000_000
      #expect(meter.rate(bytes, at: .milliseconds(100 * step)) == 10_000_000)
    }
    // It stalls: after ten seconds hardly anything is left of the rate before.
    var last: UInt64 = 10_000_000
    for step in 101...200 {
      let now = meter.rate(bytes, at: .milliseconds(100 * step))
      #expect(now <= last)
      last = now
    }
    #expect(last < 100_000)
  }

  @Test("Time that stands still or runs back does no harm")
  func oddTimes() {
    var meter = RateMeter()
    #expect(meter.rate(100, at: .seconds(0)) == 0)
    #expect(meter.rate(100, at: .seconds(1)) == 100)
    #expect(meter.rate(50, at: .seconds(2)) == 100)
  }

  @Test(
    "When progress is shown",
    arguments: [
      (.auto, false, true, .auto), (.auto, false, false, .none), (.plain, false, false, .plain),
      (.plain, true, true, .none), (.none, false, true, .none),
    ] as [(ProgressStyle, Bool, Bool, ProgressStyle)])
  func style(_ given: ProgressStyle, quiet: Bool, isTerminal: Bool, _ result: ProgressStyle) {
    #expect(given.resolved(quiet: quiet, isTerminal: isTerminal) == result)
  }
}
