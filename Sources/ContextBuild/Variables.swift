import Dockerfile
import Image
import OCI

/// The values of `ARG` in a stage, or before the first.
struct BuildArguments {
  /// Those that users may give without an `ARG`, as docker has them.
  static let proxies: Set<String> = [
    "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY",
    "no_proxy",
    "ALL_PROXY", "all_proxy",
  ]

  /// What users gave.
  let given: [String: String]
  /// Those before the first `FROM`, and those of the platforms.
  let globals: [String: String]
  /// Those that were declared here.
  private(set) var declared: [String: String] = [:]

  init(given: [String: String], globals: [String: String]) {
    self.given = given
    self.globals = globals
  }

  /// Declares one: what the user gave, else its default, else its value before the first `FROM`.
  mutating func declare(_ name: String, _ defaultValue: String?) {
    declared[name] = given[name] ?? defaultValue ?? globals[name]
  }

  /// Carries out an `ARG`.
  mutating func declare(
    _ declarations: [ArgumentDeclaration], of instruction: BuildInstruction, _ config: RuntimeConfig
  ) throws {
    for declaration in declarations {
      let current = self
      let lookup: (String) -> String? = { current.value($0, config) }
      let name = try instruction.expand(declaration.name, lookup)
      declare(name, try declaration.value.map { word in try instruction.expand(word, lookup) })
    }
  }

  /// A variable's value: `ENV` before `ARG`.
  func value(_ name: String, _ config: RuntimeConfig) -> String? {
    config.variable(name) ?? declared[name] ?? (Self.proxies.contains(name) ? given[name] : nil)
  }
}

extension Platform {
  /// `TARGETPLATFORM` and its relatives, or with another prefix those of the machine that builds.
  func arguments(_ prefix: String) -> [String: String] {
    [
      "\(prefix)PLATFORM": "\(self)", "\(prefix)OS": os, "\(prefix)ARCH": architecture,
      "\(prefix)VARIANT": variant ?? "",
    ]
  }
}
