import Glibc
import OCI
import Posix
import SystemPackage
import TestSupport
import Testing

/// Recipes over a small signed archive, built by this package's executables. Each tool stands behind a script that
/// notes its runs, and waits when a test says so.
final class BuildFixture {
  let folder: TemporaryDirectory
  let server: ArchiveServer
  private(set) var archive: DebianArchive
  /// How much later than the first the state is that is served.
  private var seconds: Int64 = 0

  /// The tools that stages run.
  private static let tools = ["bootstrap", "scratch", "squash", "import", "copy"]

  static func packages(alpha: String = "1") -> [DebianArchive.Package] {
    [
      .init("alpha", version: alpha, files: [("usr/share/alpha/data", "alpha \(alpha)\n")]),
      .init("beta", files: [("usr/share/beta/data", "beta\n")]),
    ]
  }

  init() throws {
    folder = try TemporaryDirectory()
    archive = try DebianArchive(packages: Self.packages())
    server = try ArchiveServer(archive.folder)
    try Tool.check("cp", [archive.keyring.string, folder.appending("key.asc").string])
    let script = """
      mkdir -p bin recipes/app
      cp "$0/garboard-build" bin/
      for tool; do
        {
          echo "#!/bin/sh"
          echo "echo $tool >>'$PWD/runs'"
          echo "if [ -e '$PWD/block-$tool' ]; then echo >'$PWD/blocked'; exec sleep 100; fi"
          echo "exec '$0/garboard-$tool' \\"\\$@\\""
        } >bin/garboard-$tool
        chmod 755 bin/garboard-$tool
      done
      touch runs
      """
    try Tool.check("sh", ["-euc", script, productsDirectory().string] + Self.tools, in: folder.path)
    try folder.write("recipes/app/one", "1\n")
    try write(
      "base",
      """
      source:
        bootstrap:
          suite: trixie
          variant: extract
          include: [alpha]
          mirrors: ["deb [signed-by=\(folder.appending("key.asc"))] \(server.url) trixie main"]
      tags: ["base:1"]
      """)
  }

  /// Recipes on top of `base`: files and a squash, packages, and a program.
  func writeFamily() throws {
    try write(
      "files",
      """
      variables: {greeting: hello}
      source: {recipe: base}
      steps:
        - files:
          - {text: "${greeting}\\n", destination: /etc/motd}
          - {source: app, destination: /srv/app, owner: "7:8"}
        - squash: {layers: above-source}
      config: {cmd: [cat, /etc/motd]}
      """)
    try write(
      "more",
      """
      source: {recipe: base}
      steps:
        - packages: {include: [beta]}
      """)
    try write(
      "program", "source: {scratch: {files: [\"/bin/busybox:/bin/sh\"]}}\nconfig: {cmd: [/bin/sh]}")
  }

  /// Writes `recipes/NAME.yaml`.
  func write(_ name: String, _ text: String) throws {
    try folder.write("recipes/\(name).yaml", "name: \(name)\n\(text)\n")
  }

  /// Serves an archive with another state.
  func serve(_ packages: [DebianArchive.Package]) throws {
    // The packages themselves have the first archive's times: only what is named changes.
    seconds += 1000
    let day = try Tool.check(
      "date", ["-u", "-d", "@\(archive.date + seconds)", "+%a, %d %b %Y %H:%M:%S UTC"])
    archive = try DebianArchive(
      packages: packages, date: archive.date,
      releaseFields: ["Date: " + day.text.split(separator: "\n").joined()])
    try Tool.check("cp", [archive.keyring.string, folder.appending("key.asc").string])
    server.serve(archive.folder)
  }

  // MARK: Running

  var arguments: [String] { ["--cache", folder.appending("cache").string, "--json", "-q"] }

  /// What a run left behind.
  @dynamicMemberLookup
  struct Run {
    var result: Tool.Result
    var document: Document

    subscript<Value>(dynamicMember path: KeyPath<Document, Value>) -> Value { document[keyPath: path] }
    func stages(_ status: String) -> [String] { document.stages(status) }
    func reasons(_ name: String) -> [String] { document.reasons(name) }
    func image(_ name: String) -> JSONObject? { document.image(name) }
    func layers(_ name: String) -> [String] { document.layers(name) }
  }

  /// What `--json` printed.
  struct Document {
    var json: JSONValue

    /// `IMAGE/STAGE` of the stages with a status.
    func stages(_ status: String) -> [String] {
      images.flatMap { image in
        (image.object?["stages"]?.array ?? []).filter { $0.object?["status"]?.string == status }.map {
          "\(image.object?["name"]?.string ?? "")/\($0.object?["name"]?.string ?? "")"
        }
      }.sorted()
    }

    var images: [JSONValue] { json.object?["images"]?.array ?? [] }
    var built: [String] { stages("built") }

    /// Why a stage was built.
    func reasons(_ name: String) -> [String] {
      for image in images {
        for stage in image.object?["stages"]?.array ?? []
        where "\(image.object?["name"]?.string ?? "")/\(stage.object?["name"]?.string ?? "")" == name {
          return (stage.object?["reasons"]?.array ?? []).compactMap(\.string)
        }
      }
      return []
    }

    func image(_ name: String) -> JSONObject? {
      images.first { $0.object?["name"]?.string == name }?.object
    }

    func layers(_ name: String) -> [String] {
      (image(name)?["layers"]?.array ?? []).compactMap { $0.object?["digest"]?.string }
    }
  }

  /// Builds, whatever comes out.
  func run(_ arguments: String..., environment: [String] = []) throws -> Run {
    let result = try Tool.run(
      folder.appending("bin/garboard-build").string, self.arguments + arguments, environment: environment,
      in: folder.path)
    return Run(result: result, document: Document(json: (try? JSONValue(parsing: result.output)) ?? .null))
  }

  /// Builds, which must succeed.
  func build(_ arguments: String..., environment: [String] = []) throws -> Run {
    let result = try Tool.check(
      folder.appending("bin/garboard-build").string, self.arguments + arguments, environment: environment,
      in: folder.path)
    return Run(result: result, document: Document(json: try JSONValue(parsing: result.output)))
  }

  /// A run in the background.
  func start(_ arguments: String...) throws -> (child: ChildProcess, output: FilePath) {
    let output = folder.appending(temporaryName("output"))
    let file = try openFile(output, .createNew(0o644))
    var command = Command(folder.appending("bin/garboard-build"), self.arguments + arguments)
    command.workingDirectory = folder.path
    command.output = .descriptor(file.raw)
    return (try command.start(), output)
  }

  /// The tools that ran since this was asked last, in their order.
  func takeRuns() throws -> [String] {
    let runs = String(decoding: try readBytes(folder.appending("runs")), as: UTF8.self)
    try folder.write("runs", "")
    return runs.split(separator: "\n").map(String.init)
  }

  /// Waits until a tool that is made to wait does so.
  func waitForBlock() throws {
    for _ in 0..<12_000 {
      if isThere(folder.appending("blocked")) { return }
      usleep(10_000)
    }
    throw PosixError("wait for", "a tool that waits", .timedOut)
  }

  func output(_ name: String) -> FilePath { folder.appending("output/\(name).oci.tar") }

  func isThere(_ path: FilePath) -> Bool { path.withPlatformString { access($0, F_OK) } == 0 }

  /// What is in a folder, a line for each file.
  func listing(_ path: String) throws -> String {
    try Tool.check("find", [folder.appending(path).string, "-mindepth", "1", "-printf", "%P %i %T@\\n"]).text
  }
}
