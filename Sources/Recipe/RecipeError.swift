import Posix
import SystemPackage

/// Something in a recipe that can't be, where it is, and what to do about it.
public struct RecipeError: Error, Sendable, Hashable {
  /// The place; nil for what was said on the command line.
  public var location: RecipeLocation?
  /// What is wrong.
  public var problem: String
  /// What to do; nil when the problem says it.
  public var advice: String?

  /// An error at a place.
  public init(_ location: RecipeLocation?, _ problem: String, advice: String? = nil) {
    self.location = location
    self.problem = problem
    self.advice = advice
  }
}

extension RecipeError: CustomStringConvertible {
  /// `FILE:LINE:COLUMN: what is wrong; what to do`, in one line.
  public var description: String {
    (location.map { "\($0): " } ?? "") + problem + (advice.map { "; \($0)" } ?? "")
  }
}

/// All that is wrong with recipes: at least one error, at most one for each place, in the order of the files.
public struct RecipeErrors: Error, Sendable, Equatable {
  /// The errors.
  public let errors: [RecipeError]

  init(_ errors: [RecipeError]) { self.errors = errors }
}

extension RecipeErrors: CustomStringConvertible {
  /// A line for each error.
  public var description: String { errors.map(\.description).joined(separator: "\n") }
}

/// The errors that were found so far, so that one run tells of all.
final class Problems {
  private(set) var errors: [RecipeError] = []
  private var places: Set<RecipeLocation> = []

  /// Adds an error. The first at a place is kept: a matrix meets the same one many times, and further ones
  /// mostly follow from it.
  func add(_ error: RecipeError) {
    if let location = error.location, !places.insert(location).inserted { return }
    errors.append(error)
  }

  func add(_ location: RecipeLocation, _ problem: String, advice: String? = nil) {
    add(RecipeError(location, problem, advice: advice))
  }

  /// Throws what was found.
  func check() throws(RecipeErrors) {
    if errors.isEmpty { return }
    // The files stay in their order; within each, people read from the top.
    var files: [FilePath: Int] = [:]
    for error in errors {
      if let file = error.location?.file, files[file] == nil { files[file] = files.count }
    }
    func order(_ error: RecipeError) -> (Int, Int, Int) {
      guard let place = error.location else { return (-1, 0, 0) }
      return (files[place.file] ?? 0, place.line, place.column)
    }
    throw RecipeErrors(errors.sorted { order($0) < order($1) })
  }
}

/// The problem of a scalar with what it holds: quoted, escaped, and cut when it is long.
func shown(_ text: String) -> String {
  let line = displayed(text.utf8)
  return "\"" + line.prefix(60) + (line.count > 60 ? "…" : "") + "\""
}
