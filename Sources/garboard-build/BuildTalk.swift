import CommandSupport
import ImageBuild
import Posix

/// Says what happens in a run: one progress line for all stages, and lines that stay.
final class BuildTalk: Sendable {
  private struct State {
    var running: [String] = []
    var done = 0
  }

  private let progress: Progress
  private let total: Int
  private let explains: Bool
  private let state = Monitor(State())

  /// - Parameters:
  ///   - total: how many images there are.
  ///   - explains: whether it is said why stages are made.
  init(total: Int, explains: Bool) {
    self.total = total
    self.explains = explains
    progress = Progress("building")
  }

  /// Takes the progress line away.
  func finish() { progress.finish() }

  /// Hears what happens, from any thread.
  func hear(_ event: BuildObserver.Event) {
    switch event {
    case .planning(let image, let stage): begin("\(image) (\(stage): choosing packages)", of: image)
    case .waiting(let image, let stage):
      Console.shared.notice("\(image), \(stage): waiting for another run that makes the same")
    case .started(let image, let stage, let reason, let lines):
      begin("\(image) (\(stage))", of: image)
      if explains { Console.shared.result(["\(image), \(stage): \(reason)"]) }
      for line in lines { Console.shared.verbose("\(image), \(stage): \(line)") }
    case .wouldBuild(let image, let stage, let reason, let lines):
      Console.shared.result(["\(image), \(stage): would be built: \(reason)"])
      for line in lines { Console.shared.verbose("  \(line)") }
    case .finished(let image, let stage, let duration):
      end(image)
      Console.shared.result(["\(image), \(stage): built in \(seconds(duration))"])
    case .cached(let image, let stage):
      if explains { Console.shared.result(["\(image), \(stage): unchanged"]) }
    case .writing(let image): begin("\(image) (writing)", of: image)
    case .line(let image, let text): Console.shared.notice("\(image): \(text)")
    case .done(let image), .failed(let image):
      end(image)
      state.change { $0.done += 1 }
      show()
    }
  }

  private func seconds(_ duration: Duration) -> String {
    let tenths = Int((duration / .milliseconds(100)).rounded())
    return "\(tenths / 10).\(tenths % 10) s"
  }

  private func begin(_ words: String, of image: String) {
    state.change { state in
      state.running.removeAll { $0.hasPrefix(image + " (") }
      state.running.append(words)
    }
    show()
  }

  private func end(_ image: String) {
    state.change { state in state.running.removeAll { $0.hasPrefix(image + " (") } }
    show()
  }

  private func show() {
    let (running, done) = state.change { ($0.running, $0.done) }
    let images = "\(done) of \(total) images"
    progress.setTitle(([images] + running).joined(separator: ", "))
  }
}
