import Posix

/// Answers from elsewhere. Each question is asked once in a run, so that all stages hear the same.
final class AskedOnce<Answer: Sendable>: Sendable {
  private enum State: Sendable {
    case asking
    case known(Answer)
    case failed(any Error)
  }

  private let states = Monitor<[String: State]>([:])

  /// The answer to a question; whoever has it first asks, and others wait.
  func answer(_ question: String, _ ask: () throws -> Answer) throws -> Answer {
    let isMine = states.change { states in
      if states[question] != nil { return false }
      states[question] = .asking
      return true
    }
    if isMine {
      let state: State
      do { state = .known(try ask()) } catch { state = .failed(error) }
      states.change { $0[question] = state }
    }
    return try states.wait { states in
      switch states[question] {
      case .known(let answer): answer
      case .failed(let error): throw error
      case .asking, nil: nil
      }
    }
  }
}
