import Dockerfile
import OCI
import Posix
import SystemPackage

/// Which stages a build needs, and what their names mean.
struct BuildPlan {
  let dockerfile: Dockerfile
  let file: String
  /// The values of `ARG`s before the first `FROM`, and those of the platforms.
  let globals: [String: String]
  private let given: [String: String]

  init(_ request: BuildRequest) throws {
    file = request.file
    given = request.arguments
    do { dockerfile = try Dockerfile(parsing: request.text) } catch {
      throw BuildError(error, in: request.file)
    }
    let platforms = (request.platform ?? .host).arguments("TARGET").merging(
      Platform.host.arguments("BUILD")
    ) { one, _ in one }
    var arguments = BuildArguments(given: request.arguments, globals: platforms)
    for instruction in dockerfile.globals {
      guard case .argument(let declarations) = instruction.kind else { continue }
      do {
        for declaration in declarations {
          let current = arguments.declared.merging(platforms) { one, _ in one }
          let name = try instruction.expand(declaration.name) { current[$0] }
          let value = try declaration.value.map { word throws(DockerfileError) in
            try instruction.expand(word) { current[$0] }
          }
          arguments.declare(name, value)
        }
      } catch { throw BuildError(error, in: request.file) }
    }
    // What is given for a platform's variable counts too.
    globals = arguments.declared.merging(
      platforms.merging(request.arguments.filter { platforms[$0.key] != nil }) { $1 }
    ) { one, _ in one }
  }

  func error(_ problem: String, at position: SourcePosition? = nil) -> BuildError {
    BuildError(problem, in: file, at: position)
  }

  /// An error with its place in the Dockerfile.
  func located(_ error: any Error, _ name: String, _ position: SourcePosition) -> any Error {
    switch error {
    case let error as BuildError: error
    case let error as DockerfileError: BuildError(error, in: file)
    case let problem as StepProblem:
      self.error("\(name): \(problem.description)", at: problem.position ?? position)
    case let error as PosixError where error.errno == .canceled: error
    default: self.error("\(name): \(error)", at: position)
    }
  }

  /// What the messages call a stage.
  func label(_ stage: Int) -> String { dockerfile.stages[stage].name ?? "stage-\(stage)" }

  /// The stage that is built: by name, by number, or the last.
  func target(_ name: String?) throws -> Int {
    guard let name else { return dockerfile.stages.count - 1 }
    if let found = stage(named: name, before: dockerfile.stages.count) { return found }
    if let number = Int(name), dockerfile.stages.indices.contains(number) { return number }
    throw error("there is no stage \"\(name)\"")
  }

  /// The last stage of a name among the first ones.
  func stage(named name: String, before end: Int) -> Int? {
    dockerfile.stages[..<end].lastIndex { $0.name == name.lowercased() }
  }

  /// What a stage stands on, with its variables put in.
  func base(of stage: Int) throws -> (text: String, stage: Int?) {
    let from = dockerfile.stages[stage]
    let globals = globals
    do {
      let text = try dockerfile.expand(from.base) { globals[$0] }
      if text.isEmpty {
        throw DockerfileError(
          .badValue(from.base.text, expected: "an image (it is empty)"), "FROM", from.base.position)
      }
      return (text, self.stage(named: text, before: stage))
    } catch let error as DockerfileError { throw BuildError(error, in: file) }
  }

  /// The platform that `--platform` of a `FROM` asks for.
  func platform(of stage: Int) throws -> Platform? {
    let from = dockerfile.stages[stage]
    guard let word = from.platform else { return nil }
    let globals = globals
    do {
      let text = try dockerfile.expand(word) { globals[$0] }
      do { return try Platform(text) } catch {
        throw DockerfileError(.refused("--platform: \(error)"), "FROM", word.position)
      }
    } catch let error as DockerfileError { throw BuildError(error, in: file) }
  }

  /// The stage that a `--from` means; nil for an image.
  func stage(from name: String, in stage: Int) throws(StepProblem) -> Int? {
    if let number = Int(name), String(number) == name {
      guard dockerfile.stages.indices.contains(number) else {
        throw StepProblem("there is no stage \(number)")
      }
      return number
    }
    return self.stage(named: name, before: dockerfile.stages.count)
  }

  /// Checks all stages that a stage needs before anything is done: that they don't need each other in a
  /// circle, and hold nothing that can't be done here.
  func check(_ target: Int) throws {
    var done: Set<Int> = []
    func visit(_ stage: Int, _ path: [Int]) throws {
      let from = dockerfile.stages[stage]
      if let start = path.firstIndex(of: stage) {
        let circle = (path[start...] + [stage]).map { "\"\(label($0))\"" }.joined(separator: " needs ")
        throw error("stages need each other in a circle: \(circle)", at: from.position)
      }
      if !done.insert(stage).inserted { return }
      if let base = try base(of: stage).stage { try visit(base, path + [stage]) }
      for instruction in from.instructions {
        switch instruction.kind {
        case .run: throw BuildError(instruction.error(Self.runIsRefused), in: file)
        case .transfer(let transfer):
          guard let word = transfer.from else { continue }
          let found: Int?
          do { found = try self.stage(from: word.text, in: stage) } catch {
            throw BuildError(instruction.error(.refused("\(error)"), at: word.position), in: file)
          }
          // "done" must not hide a circle that goes through a stage that is being visited.
          if let found {
            if found == stage || path.contains(found) {
              done.remove(found)
            }
            try visit(found, path + [stage])
          }
        default: break
        }
      }
    }
    try visit(target, [])
  }

  static let circle = "stages need each other in a circle"

  static let runIsRefused = DockerfileError.Reason.refused(
    """
    programs are not run by garboard-scratch: bring their results in with COPY or ADD, make a base with \
    garboard-bootstrap, or use docker or buildah for this Dockerfile
    """)

  /// Arguments that users gave and nothing in the Dockerfile takes.
  var unusedArguments: [String] {
    var taken = BuildArguments.proxies.union(Platform.host.arguments("TARGET").keys)
      .union(Platform.host.arguments("BUILD").keys).union(["SOURCE_DATE_EPOCH"])
    for instruction in dockerfile.globals + dockerfile.stages.flatMap(\.instructions) {
      guard case .argument(let declarations) = instruction.kind else { continue }
      for declaration in declarations { taken.insert(declaration.name.text) }
    }
    return given.keys.filter { !taken.contains($0) }.sorted()
  }
}
