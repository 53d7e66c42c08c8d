public import Recipe

/// Why an image was not made: of which recipe, at which stage, and what the tool said.
public struct ImageBuildError: Error, Sendable, CustomStringConvertible {
  /// Where the recipe is; nil for what no recipe is to blame for.
  public var location: RecipeLocation?
  /// The image's name.
  public var image: String?
  /// The stage, as `packages`.
  public var stage: String?
  /// What is wrong.
  public var message: String

  init(_ message: String) { self.message = message }

  /// What nobody can be asked for now.
  static func neverAsked(_ name: String) -> ImageBuildError {
    ImageBuildError("\(name) was never asked for, and --offline asks nobody")
  }

  /// `FILE:LINE:COLUMN: NAME, STAGE: what`.
  public var description: String {
    let place = [image, stage].compactMap { $0 }.joined(separator: ", ")
    return [location.map { "\($0)" }, place.isEmpty ? nil : place, message].compactMap { $0 }
      .joined(separator: ": ")
  }
}

/// An image that was not begun, since one that it needs failed.
struct DependencyFailed: Error {
  var name: String
}
