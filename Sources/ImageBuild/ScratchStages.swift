import Digest
import Dockerfile
import OCI
import Posix
import Recipe
import Scratch
import SystemPackage

/// Programs, Dockerfiles, and what is added to images.
extension StagePreparation {
  func scratch(_ work: Recipe.Scratch, _ stage: Stage, _ prepared: inout PreparedStage) throws {
    var line = CommandLine("scratch")
    var unpacked: StageResult?
    var location: String?
    var folder: FilePath?
    switch work.root {
    case .recipe(let name):
      let result = try image(name)
      _ = use(result, named: name, &prepared)
      unpacked = result
    case .image(let text):
      let found = try context.sources.find(text)
      prepared.key.add(.source, text, found.digest)
      location = "\(found.location)"
    case .folder(let path):
      try read(path, .everything, &prepared)
      folder = absolute(path)
    case nil: break
    }
    let files = try work.files.map { try FileAndPlace(parsing: $0) }
    let additions = try work.add.map { try FileAndPlace(parsing: $0) }
    if work.root == nil {
      for file in files + additions { try read(file.source, .modes, &prepared) }
      if work.addsLibraries || work.extras != Recipe.Extras() {
        try readMachine("/var/lib/dpkg/status", as: "the list of packages", &prepared)
      }
      if work.extras.certificates {
        try readMachine("/etc/ssl/certs/ca-certificates.crt", as: "certificates", &prepared)
      }
    }
    line.flag("libraries", work.addsLibraries)
    extras(work.extras, &line)
    imageOptions(stage, &line)
    let options = line
    let from = location
    let platform = build.platform
    let context = context
    // What comes from a root counts by its place there.
    func complete(_ stageFolder: FilePath) -> CommandLine {
      var line = options
      runOptions(&line)
      let root = folder ?? stageFolder.appending("root")
      let hasRoot = work.root != nil
      if hasRoot { line.option("root", Word(root.string, key: "root")) }
      func place(_ file: FileAndPlace, keepsPlace: Bool) -> Word {
        if !hasRoot { return word(file.source, suite: file.destination) }
        let destination = file.destination ?? (keepsPlace ? file.source.string : "")
        return Word("\(root)\(file.source):\(destination)", key: "\(file.source):\(destination)")
      }
      for addition in additions { line.option("add", place(addition, keepsPlace: true)) }
      line.option("output", Word("oci:\(stageFolder.appending("out"))", key: ""))
      line.groups += files.map { [place($0, keepsPlace: true)] }
      return line
    }
    prepared.key.add(.arguments, complete("/").keyText)
    prepared.lines = { stageFolder in
      var lines: [CommandLine] = []
      if let from = unpacked.map({ "oci:\(context.folder.layout($0.digest))" }) ?? from {
        var unpack = CommandLine("squash")
        unpack.option("platform", platform)
        registryOptions(&unpack)
        unpack.add(from, "rootfs:\(stageFolder.appending("root"))")
        lines.append(unpack)
      }
      return lines + [complete(stageFolder)]
    }
  }

  private func word(_ path: FilePath, suite destination: String?) -> Word {
    word(path, suffix: destination.map { ":" + $0 } ?? "")
  }

  private func extras(_ extras: Recipe.Extras, _ line: inout CommandLine) {
    line.flag("ca-certificates", extras.certificates)
    line.flag("tzdata", extras.timeZones)
    line.flag("nss", extras.nameService)
    line.flag("tmp", extras.tmp)
    line.flag("init", extras.initProcess)
    line.flag("shell", extras.shell)
    line.option("user", ifThere: extras.user)
  }

  func extras(
    _ work: Recipe.Extras, _ stage: Stage, on base: StageResult, _ prepared: inout PreparedStage
  ) throws {
    var line = CommandLine("scratch")
    line.option("base", use(base, named: baseName, &prepared))
    extras(work, &line)
    try readMachine("/var/lib/dpkg/status", as: "the list of packages", &prepared)
    if work.certificates {
      try readMachine("/etc/ssl/certs/ca-certificates.crt", as: "certificates", &prepared)
    }
    imageOptions(stage, &line)
    close(line, &prepared)
  }

  func files(
    _ files: [Recipe.File], _ stage: Stage, on base: StageResult, _ prepared: inout PreparedStage
  ) throws {
    var line = CommandLine("scratch")
    line.option("build-context", buildContext(of: base, &prepared))
    for file in files {
      if case .path(let path) = file.content { try read(path, .content, &prepared) }
    }
    let context = FileContext(files: files, time: self.context.time(of: base))
    prepared.key.add(
      .arguments, "files", JSONText.list(context.dockerfile.split(separator: "\n").map(String.init)))
    for file in files {
      guard case .text(let text) = file.content else { continue }
      prepared.key.add(.file, "the text of \(file.destination)", "\(SHA256.digest(Array(text.utf8)))")
    }
    line.flag("single-layer", true)
    close(line, stage, &prepared) { try context.write(to: $0) }
  }

  func configure(_ stage: Stage, on base: StageResult, _ prepared: inout PreparedStage) throws {
    var line = CommandLine("scratch")
    line.option("build-context", buildContext(of: base, &prepared))
    let context = FileContext(files: [], time: 0)
    close(line, stage, &prepared) { try context.write(to: $0) }
  }

  private func buildContext(of base: StageResult, _ prepared: inout PreparedStage) -> Word {
    let location = use(base, named: baseName, &prepared)
    return Word("\(FileContext.baseName)=\(location.actual)", key: "\(FileContext.baseName)=\(location.key)")
  }

  /// A build from a Dockerfile that is written for it.
  private func close(
    _ line: CommandLine, _ stage: Stage, _ prepared: inout PreparedStage,
    furnish: @escaping (FilePath) throws -> Void
  ) {
    var options = line
    imageOptions(stage, &options)
    cacheOptions(&options)
    let base = options
    func complete(_ folder: FilePath) -> CommandLine {
      var line = base
      runOptions(&line)
      line.option("file", Word(folder.appending("Dockerfile").string, key: ""))
      line.option("output", Word("oci:\(folder.appending("out"))", key: ""))
      line.groups.append([Word(folder.appending("context").string, key: "")])
      return line
    }
    prepared.key.add(.arguments, "options", complete("/").keyText)
    prepared.furnish = furnish
    prepared.lines = { [complete($0)] }
  }

  /// A line whose image goes to `--output`.
  func close(_ line: CommandLine, last: [Word] = [], _ prepared: inout PreparedStage) {
    func complete(_ folder: FilePath) -> CommandLine {
      var line = line
      runOptions(&line)
      line.option("output", Word("oci:\(folder.appending("out"))", key: ""))
      if !last.isEmpty { line.groups.append(last) }
      return line
    }
    prepared.key.add(.arguments, complete("/").keyText)
    prepared.lines = { [complete($0)] }
  }
}
