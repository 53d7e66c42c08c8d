import Recipe

/// One step of making an image: one run of a tool, whose result is an image again.
struct Stage: Sendable {
  enum Work: Sendable {
    case bootstrap(Recipe.Bootstrap)
    case scratch(Recipe.Scratch)
    case dockerfile(Recipe.DockerfileBuild)
    case importing(Recipe.Import)
    case image(String)
    case packages(Recipe.Packages)
    case files([Recipe.File])
    case extras(Recipe.Extras)
    case squash(Recipe.Squash)
    /// Nothing but changes of the configuration.
    case configure
  }

  /// What it is called, unique in its build: `packages`, `files 2`.
  var name: String
  var work: Work
  /// Whether it is the last, which changes the configuration too.
  var isLast = false

  /// The tool that does it, without `garboard-`.
  var tool: String {
    switch work {
    case .bootstrap, .packages: "bootstrap"
    case .scratch, .dockerfile, .files, .extras, .configure: "scratch"
    case .importing: "import"
    case .image: "copy"
    case .squash: "squash"
    }
  }

  /// The stages of a build, in their order. None where it is the image of another recipe as it is.
  static func all(of build: Recipe.Build) -> [Stage] {
    var stages: [Stage] = []
    switch build.source {
    case .bootstrap(let work): stages.append(Stage(name: "bootstrap", work: .bootstrap(work)))
    case .scratch(let work): stages.append(Stage(name: "scratch", work: .scratch(work)))
    case .dockerfile(let work): stages.append(Stage(name: "dockerfile", work: .dockerfile(work)))
    case .importing(let work): stages.append(Stage(name: "import", work: .importing(work)))
    case .image(let location): stages.append(Stage(name: "image", work: .image(location)))
    case .recipe: break
    }
    for step in build.steps {
      let (name, work): (String, Work) =
        switch step {
        case .packages(let step): ("packages", .packages(step))
        case .files(let step): ("files", .files(step))
        case .extras(let step): ("extras", .extras(step))
        case .squash(let step): ("squash", .squash(step))
        }
      let before = stages.filter { $0.name == name || $0.name.hasPrefix(name + " ") }.count
      stages.append(Stage(name: before == 0 ? name : "\(name) \(before + 1)", work: work))
    }
    let isTaken: Bool =
      switch build.source {
      case .recipe, .image: build.steps.isEmpty
      default: false
      }
    if isTaken, !build.changes.isEmpty || !build.annotations.isEmpty {
      stages.append(Stage(name: "config", work: .configure))
    }
    // A copied image stays as it is.
    if let last = stages.indices.last, stages[last].tool != "copy" { stages[last].isLast = true }
    return stages
  }
}
