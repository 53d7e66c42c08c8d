import Posix
import Testing

@Suite("Waiting with a limit of time")
struct TimedWaitTests {
  @Test("Nothing changes: nil, not before the limit")
  func limit() {
    let monitor = Monitor(0)
    let start = ContinuousClock.now
    #expect(monitor.wait(atMost: .milliseconds(50)) { $0 > 0 ? $0 : nil } == nil)
    #expect(ContinuousClock.now - start >= .milliseconds(50))
  }

  @Test("A change is seen at once, and a value that is there needs no wait")
  func change() throws {
    let monitor = Monitor(0)
    let worker = Worker { monitor.change { $0 = 7 } }
    let start = ContinuousClock.now
    #expect(monitor.wait(atMost: .seconds(60)) { $0 > 0 ? $0 : nil } == 7)
    #expect(monitor.wait(atMost: .zero) { $0 } == 7)
    #expect(ContinuousClock.now - start < .seconds(30))
    try worker.join()
  }
}
