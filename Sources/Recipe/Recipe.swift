public import SystemPackage

/// One image as a recipe file describes it, with all its variables put in: a file with a matrix gives several.
///
/// What stands where in the file is explained in docs/recipes.md and docs/recipe.schema.json.
public struct Recipe: Sendable, Equatable {
  /// The image's name, and of its file in the output directory: letters, digits, `.`, `_` and `-`.
  public var name: String
  /// What it is, for people; nil when the file says nothing.
  public var summary: String?
  /// Where the file is, which relative paths start from, and where in it the name is.
  public var location: RecipeLocation
  /// The image's names, as `NAME:TAG`.
  public var tags: [String] = []
  /// Where else the image goes, besides the output directory.
  public var outputs: [String] = []
  /// What must hold of the image, as expressions of `garboard-report --budget`.
  public var budgets: [String] = []
  /// Files and folders whose content decides the result, though nothing else names them: what hooks read.
  public var inputs: [FilePath] = []
  /// One for each platform, in the file's order.
  public var builds: [Build]
  /// The other recipes whose images it is made from, each once, in the file's order.
  public var needs: [Need] = []

  /// A recipe.
  public init(name: String, location: RecipeLocation, builds: [Build]) {
    self.name = name
    self.location = location
    self.builds = builds
  }

  /// Another recipe whose image is needed.
  public struct Need: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// Where it is named.
    public var location: RecipeLocation

    /// A recipe, by name.
    public init(name: String, location: RecipeLocation) {
      self.name = name
      self.location = location
    }
  }

  /// How the image of one platform is made.
  public struct Build: Sendable, Equatable {
    /// The platform, as `linux/amd64`.
    public var platform: String
    /// What it begins with.
    public var source: Source
    /// What is done to it, in this order.
    public var steps: [Step] = []
    /// Instructions for the configuration, as of a Dockerfile: `CMD ["bash"]`.
    public var changes: [String] = []
    /// Annotations of the manifest, sorted by key.
    public var annotations: [Annotation] = []
    /// How layers are compressed, as `--compression` takes it; the tools' default when nil.
    public var compression: String?

    /// A build without steps.
    public init(platform: String, source: Source) {
      self.platform = platform
      self.source = source
    }
  }

  /// An annotation of the manifest.
  public struct Annotation: Sendable, Equatable {
    /// The key.
    public var key: String
    /// The value.
    public var value: String

    /// An annotation.
    public init(key: String, value: String) {
      self.key = key
      self.value = value
    }
  }

  /// What an image begins with.
  public enum Source: Sendable, Equatable {
    /// A Debian system.
    case bootstrap(Bootstrap)
    /// Nothing but programs and what they need.
    case scratch(Scratch)
    /// A Dockerfile without RUN.
    case dockerfile(DockerfileBuild)
    /// A tar, a directory or a URL.
    case importing(Import)
    /// The image of another recipe, by its name.
    case recipe(String)
    /// An image that is there: a location such as `oci:DIR:TAG` or `docker://HOST/NAME@DIGEST`.
    case image(String)
  }

  /// A Debian system, as garboard-bootstrap makes it.
  public struct Bootstrap: Sendable, Equatable {
    /// The suite.
    public var suite: String
    /// The set of packages.
    public var variant: String?
    /// Packages to add.
    public var include: [String] = []
    /// Packages to leave out.
    public var exclude: [String] = []
    /// Components of the archive.
    public var components: [String] = []
    /// Mirrors, in the forms of the command's arguments; the machine's when empty.
    public var mirrors: [String] = []
    /// Keyrings to trust.
    public var keyrings: [FilePath] = []
    /// Whether manuals, documentation and translations are left out.
    public var isSlim = false
    /// Only the named packages, without what they depend on (variant extract).
    public var leavesOutDependencies = false
    /// `--path-exclude` and `--path-include`, in order.
    public var paths: [PathRule] = []
    /// Commands that run in it.
    public var hooks = Hooks()
    /// Lines for apt's configuration.
    public var aptOptions: [String] = []
    /// Lines for dpkg's configuration.
    public var dpkgOptions: [String] = []
    /// A lock file: exactly these packages.
    public var lock: FilePath?
    /// native, mmdebstrap or debootstrap; the default when nil.
    public var engine: String?

    /// The default system of a suite.
    public init(suite: String) { self.suite = suite }
  }

  /// A rule for paths of packages.
  public struct PathRule: Sendable, Equatable {
    /// Whether what matches is left out, or kept.
    public var isExcluded: Bool
    /// The pattern, which starts with `/`.
    public var pattern: String

    /// A rule.
    public init(isExcluded: Bool, pattern: String) {
      self.isExcluded = isExcluded
      self.pattern = pattern
    }
  }

  /// Commands that run while a system is made, with its root as `$1`, in the folder of the recipe.
  public struct Hooks: Sendable, Equatable {
    /// Before packages come.
    public var setup: [String] = []
    /// After the first packages are unpacked.
    public var extract: [String] = []
    /// After the essential packages are there.
    public var essential: [String] = []
    /// Before the system is packed.
    public var customize: [String] = []

    /// No hooks.
    public init() {}
  }

  /// Programs and what they need, as garboard-scratch puts them together.
  public struct Scratch: Sendable, Equatable {
    /// Where programs, libraries and all else are taken from; the recipe's folder and the machine when nil.
    public var root: Root?
    /// Programs, as `FILE[:DEST]`.
    public var files: [String] = []
    /// Whether the libraries of dynamic programs are added.
    public var addsLibraries = false
    /// What else is added.
    public var extras = Extras()
    /// More files and folders, as `SRC:DEST`.
    public var add: [String] = []

    /// Nothing.
    public init() {}

    /// A root that programs are taken from.
    public enum Root: Sendable, Equatable {
      /// The tree of another recipe's image.
      case recipe(String)
      /// The tree of an image that is there.
      case image(String)
      /// A folder.
      case folder(FilePath)
    }
  }

  /// What programs may need besides libraries.
  public struct Extras: Sendable, Equatable {
    /// Certificates of authorities for TLS.
    public var certificates = false
    /// Time zones.
    public var timeZones = false
    /// glibc's name service.
    public var nameService = false
    /// A /tmp for everybody.
    public var tmp = false
    /// A static init.
    public var initProcess = false
    /// A static shell.
    public var shell = false
    /// A user that runs the command, as `NAME[:UID[:GID]]`.
    public var user: String?

    /// Nothing.
    public init() {}
  }

  /// A Dockerfile without RUN, as garboard-scratch builds it.
  public struct DockerfileBuild: Sendable, Equatable {
    /// The Dockerfile.
    public var file: FilePath
    /// The context.
    public var context: FilePath
    /// The stage; the last when nil.
    public var target: String?
    /// Values of ARG, sorted by name.
    public var arguments: [Annotation] = []
    /// What names of images stand for: other recipes' images, sorted by name.
    public var recipes: [NamedRecipe] = []

    /// A Dockerfile in its context.
    public init(file: FilePath, context: FilePath) {
      self.file = file
      self.context = context
    }

    /// A name that the Dockerfile uses, and the recipe that makes the image.
    public struct NamedRecipe: Sendable, Equatable {
      /// The name in the Dockerfile.
      public var name: String
      /// The recipe.
      public var recipe: String

      /// A name for a recipe's image.
      public init(name: String, recipe: String) {
        self.name = name
        self.recipe = recipe
      }
    }
  }

  /// A root file system that is there, as garboard-import takes it.
  public struct Import: Sendable, Equatable {
    /// A path or a URL.
    public var from: String
    /// The SHA-256 that it must have, in hex; a URL must have one.
    public var sha256: String?
    /// Patterns of what is left out.
    public var exclude: [String] = []

    /// All of something.
    public init(from: String) { self.from = from }
  }

  /// What is done to an image.
  public enum Step: Sendable, Equatable {
    /// Packages are added, as one layer.
    case packages(Packages)
    /// Files are added, as one layer.
    case files([File])
    /// What programs may need is added, as one layer.
    case extras(Extras)
    /// Layers are joined, and things left out.
    case squash(Squash)
  }

  /// Packages on top of a Debian system.
  public struct Packages: Sendable, Equatable {
    /// The suite; that of the system below when nil.
    public var suite: String?
    /// The packages.
    public var include: [String] = []
    /// Mirrors; as below, or the machine's, when empty.
    public var mirrors: [String] = []
    /// Only the named packages, without what they depend on (on a system of variant extract).
    public var leavesOutDependencies = false
    /// Commands that run in it.
    public var hooks = Hooks()

    /// No packages.
    public init() {}
  }

  /// A file that is added.
  public struct File: Sendable, Equatable {
    /// Where its content comes from.
    public var content: Content
    /// Where it goes, from the root on.
    public var destination: String
    /// `USER[:GROUP]`; root when nil.
    public var owner: String?
    /// Permissions in octal.
    public var mode: String?

    /// A file.
    public init(_ content: Content, to destination: String) {
      self.content = content
      self.destination = destination
    }

    /// Where content comes from.
    public enum Content: Sendable, Equatable {
      /// A file or folder.
      case path(FilePath)
      /// A text in the recipe.
      case text(String)
    }
  }

  /// Joining layers, as garboard-squash does it.
  public struct Squash: Sendable, Equatable {
    /// Which layers.
    public var layers = Layers.all
    /// Patterns of what is left out.
    public var exclude: [String] = []
    /// Patterns of what is kept all the same.
    public var include: [String] = []
    /// Names of `--shrink` rules.
    public var shrink: [String] = []
    /// Locales that `shrink` keeps.
    public var keepLocales: [String] = []
    /// Whether identical files become hardlinks.
    public var removesDuplicates = false

    /// All layers into one.
    public init() {}

    /// Which layers are joined.
    public enum Layers: Sendable, Equatable {
      /// All.
      case all
      /// All that the source did not have.
      case aboveSource
      /// The last ones.
      case last(Int)
    }
  }
}

/// A place in a recipe file.
public struct RecipeLocation: Sendable, Hashable, CustomStringConvertible {
  /// The file.
  public var file: FilePath
  /// The line, from 1.
  public var line: Int
  /// The column, from 1.
  public var column: Int

  /// A place.
  public init(file: FilePath, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  /// `FILE:LINE:COLUMN`.
  public var description: String { "\(file):\(line):\(column)" }
}
