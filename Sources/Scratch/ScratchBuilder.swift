public import Archive
import ELF
import Image
public import OCI
import Posix
public import Rootfs
import SystemPackage

/// Makes the trees and configurations of images from programs.
public struct ScratchBuilder {
  /// One image before it is written.
  public struct Plan {
    /// What it runs on.
    public var platform: Platform
    /// How it is run.
    public var runtime: RuntimeConfig
    /// What is said to have made it.
    public var createdBy: String
    let tree: ImageTree

    /// Gives all entries in canonical order.
    public func send(to sink: any EntrySink, latest: Timestamp?) throws {
      let order = CanonicalOrder(into: sink, temporaryDirectory: temporaryDirectory()) { entry in
        if let latest { entry.modified = min(entry.modified, latest) }
        return true
      }
      try order.order(tree.source())
    }
  }

  private let request: ScratchRequest
  private let warning: (String) -> Void
  private let host: SourceTree
  private let trees = OpenTrees()

  /// The trees that are open: one path is one tree.
  private final class OpenTrees {
    private var trees: [FilePath: SourceTree] = [:]

    func open(_ path: FilePath) throws -> SourceTree {
      if let tree = trees[path] { return tree }
      let tree = try SourceTree(path)
      trees[path] = tree
      return tree
    }
  }

  /// - Parameter warning: takes what may be a mistake of the user's.
  public init(_ request: ScratchRequest, warning: @escaping (String) -> Void) throws {
    self.request = request
    self.warning = warning
    host = try trees.open("/")
  }

  /// Reads the programs and puts all that they need into trees: one image for each platform.
  ///
  /// - Throws: `ScratchError` with what is missing; `PosixError`.
  public func plans() throws -> [Plan] {
    let fallback = try root(for: nil)
    let programs = try request.programs.map { named in
      // A program in the root of its platform keeps the links of that root.
      try Program(named, root: try rootHolding(named.source) ?? fallback, host: host)
    }
    let platforms = try self.platforms(of: programs)
    return try platforms.map { platform in
      let own = programs.filter { $0.platform == nil || $0.platform == platform }
      return try plan(platform, own, try root(for: platform))
    }
  }

  private func platforms(of programs: [Program]) throws -> [Platform] {
    var platforms: [Platform] = []
    for program in programs {
      guard let platform = program.platform else { continue }
      if let wanted = request.platform, !request.isMultiArchitecture, platform.distance(to: wanted) == nil {
        throw ScratchError.platform(program.shown, is: platform, wanted: wanted)
      }
      if !platforms.contains(platform) { platforms.append(platform) }
    }
    if platforms.count > 1, !request.isMultiArchitecture {
      throw ScratchError.platforms(
        programs.compactMap { program in program.platform.map { "\(program.shown) (\($0))" } })
    }
    if platforms.isEmpty { return [request.platform ?? .host] }
    if !request.isMultiArchitecture, let wanted = request.platform { return [wanted] }
    return platforms
  }

  private func root(for platform: Platform?) throws -> SourceTree {
    let chosen =
      request.roots.first { $0.platform != nil && $0.platform == platform }
      ?? request.roots.first { $0.platform == nil }
    return try open(chosen?.path ?? "/")
  }

  private func open(_ path: FilePath) throws -> SourceTree { try trees.open(path) }

  private func rootHolding(_ file: FilePath) throws -> SourceTree? {
    let absolute = try lexicallyNormal(Array(absolutePath(file).string.utf8))
    for root in request.roots {
      let base = try lexicallyNormal(Array(absolutePath(root.path).string.utf8))
      if base.count > 1, absolute.starts(with: base + [0x2f]) { return try open(root.path) }
    }
    return nil
  }

  // MARK: One image

  private func plan(_ platform: Platform, _ programs: [Program], _ root: SourceTree) throws -> Plan {
    let tree = ImageTree(on: request.base)
    var files: Set<EntryPath> = []
    // An image of scripts alone is for this machine.
    let header = try programs.lazy.compactMap { $0.header }.first ?? ownHeader()
    let extras = Extras(tree: tree, root: root) { files.insert($0) }
    let additions = Additions(
      tree: tree, root: root, host: host, taken: { files.insert($0) }, notice: warning)

    var placed: [EntryPath] = []
    var destinations: [EntryPath] = []
    let libraryPath = request.environment.last { $0.name == "LD_LIBRARY_PATH" }?.value ?? ""
    let closure = Closure(into: tree, from: root, libraryPath: libraryPath)
    // Libraries first: they bring the links between folders that everything else then follows.
    if request.addsLibraries {
      for program in programs { try follow(program, closure) }
    }
    for program in programs {
      var entry = ImageTree.entry(program.destination, program.found.node)
      entry.attributes = try program.tree.capabilities(of: program.found.path)
      let place = try tree.put(entry, .file(program.tree, program.found.path))
      destinations.append(program.destination)
      placed.append(place)
      if program.tree === root { files.insert(program.found.path) }
    }
    for addition in request.additions { placed += try additions.add(addition) }
    if request.addsNameService { try addNameService(extras, closure, programs, root) }
    if request.addsLibraries { try followAdded(placed, programs, closure, header) }
    for (source, place) in closure.taken where source === root { files.insert(place) }
    if !closure.cached.isEmpty {
      let cache = LoaderCache.bytes(closure.cached)
      try tree.put(
        Entry(try EntryPath("etc/ld.so.cache"), .file, mode: 0o644, size: UInt64(cache.count)), .bytes(cache))
    }
    if request.addsCertificates {
      try extras.addCertificates(ownFirst: request.base != nil && request.roots.isEmpty)
    }
    if request.addsTimeZones { try extras.addTimeZones() }
    if request.addsShell { try extras.addShell(for: header) }
    if request.addsInit { try extras.addInit(for: header) }
    if request.user != nil || request.addsNameService {
      try Accounts(tree).add(request.user, hasShell: tree.resolve(Array("bin/sh".utf8)) != nil)
    }
    try applyOwnerAndMode(placed, tree)
    if request.addsTemporaryFolder { try tree.put(Entry(try EntryPath("tmp"), .directory, mode: 0o1777)) }
    try check(programs, in: tree)
    // A base with dpkg's own database has no place for them.
    if tree.resolve(Array("var/lib/dpkg/status".utf8)) == nil {
      try DebianRecords(root, into: tree).write(files.filter { !tree.isBelow($0) })
    }
    let commands = destinations.map { "/\($0)" }
    return Plan(
      platform: platform, runtime: runtime(command: commands.first),
      createdBy: (["garboard-scratch"] + baseWords + commands).joined(separator: " "), tree: tree)
  }

  private func ownHeader() throws -> ELFHeader {
    guard let own = try host.file(Array("proc/self/exe".utf8)) else {
      throw ScratchError.missing("/proc/self/exe")
    }
    return try host.elf(own.path).header
  }

  private func follow(_ program: Program, _ closure: Closure) throws {
    guard case .elf(let elf, _) = program.kind else { return }
    let missing = try closure.follow(
      Closure.Start(
        tree: program.tree, place: program.found.path, image: program.destination, elf: elf,
        name: program.shown))
    if !missing.isEmpty { throw ScratchError.libraries(program: program.shown, missing) }
  }

  /// Follows the libraries that came with `--add`, which programs will open by themselves.
  private func followAdded(
    _ placed: [EntryPath], _ programs: [Program], _ closure: Closure, _ header: ELFHeader
  ) throws {
    let interpreter = programs.lazy.compactMap { $0.interpreter }.first
    for path in placed {
      guard case .file(let source, let place)? = closure.content(of: path), let node = try source.node(place),
        node.status.size >= 52, let elf = try? source.elf(place), elf.header.isCompatible(with: header),
        elf.header.isForLinux
      else { continue }
      let missing = try closure.follow(
        Closure.Start(tree: source, place: place, image: path, elf: elf, name: "/\(path)"),
        interpreter: interpreter)
      if !missing.isEmpty { warning("\(ScratchError.libraries(program: "/\(path)", missing))") }
    }
  }

  private func addNameService(
    _ extras: Extras, _ closure: Closure, _ programs: [Program], _ root: SourceTree
  ) throws {
    let libc =
      closure.taken.first { $0.tree === root && $0.place.name.starts(with: "libc.so.6".utf8) }
      ?? closure.taken.first { $0.tree === root && $0.place.name.starts(with: "libc-2".utf8) }
    let names = try extras.addNameService(libc: try libc.map { try root.elf($0.place) }, in: libc?.place)
    guard !names.isEmpty, let folder = libc?.place.parent, request.addsLibraries else { return }
    let interpreter = programs.lazy.compactMap { $0.interpreter }.first
    for name in names {
      guard let found = try root.file(folder.appending(name).bytes) else { continue }
      let place = try closure.add(found)
      _ = try closure.follow(
        Closure.Start(
          tree: root, place: found.path, image: place, elf: try root.elf(found.path), name: displayed(name)),
        interpreter: interpreter)
    }
  }

  private func applyOwnerAndMode(_ placed: [EntryPath], _ tree: ImageTree) throws {
    let owner = try request.owner.map { try Accounts(tree).owner($0) }
    for path in placed {
      tree.change(path) { entry in
        if let owner { (entry.user, entry.group) = owner }
        if let mode = request.mode, entry.kind != .symlink { entry.mode = mode }
      }
    }
  }

  /// What would not start, and why.
  private func check(_ programs: [Program], in tree: ImageTree) throws {
    for program in programs {
      switch program.kind {
      case .script(let interpreter, let argument):
        var needed = [interpreter]
        // env looks its argument up itself.
        if interpreter.split(separator: 0x2f).last?.elementsEqual("env".utf8) == true, let argument,
          !["bin/", "usr/bin/", "usr/local/bin/"].contains(where: {
            tree.resolve(Array($0.utf8) + argument) != nil
          })
        {
          needed.append(Array("/usr/bin/".utf8) + argument)
        }
        for path in needed where tree.resolve(path) == nil {
          throw ScratchError.interpreter(
            script: program.shown, interpreter: displayed(interpreter + (argument.map { [0x20] + $0 } ?? [])),
            missing: displayed(path))
        }
      case .elf(let elf, _):
        if request.addsLibraries || elf.isStatic { continue }
        let names = Set(tree.pieces.keys.map { Array($0.name) })
        var lacking = (elf.dynamic?.needed ?? []).filter {
          !names.contains(Array($0.split(separator: 0x2f).last ?? []))
        }
        if let interpreter = elf.interpreter, tree.resolve(interpreter) == nil {
          lacking.insert(interpreter, at: 0)
        }
        if !lacking.isEmpty {
          warning(
            "\(program.shown) will not start without \(lacking.map { displayed($0) }.joined(separator: ", ")) "
              + "(--libraries adds what it needs)")
        }
      }
    }
  }

  /// What the history says of a base, and of what comes besides programs then.
  private var baseWords: [String] {
    guard let base = request.base else { return [] }
    let extras: [(String, Bool)] = [
      ("--libraries", request.addsLibraries), ("--nss", request.addsNameService),
      ("--ca-certificates", request.addsCertificates), ("--tzdata", request.addsTimeZones),
      ("--tmp", request.addsTemporaryFolder), ("--init", request.addsInit), ("--shell", request.addsShell),
    ]
    var words = ["--base", base.name] + extras.filter(\.1).map(\.0)
    if let user = request.user { words += ["--user", "\(user.name):\(user.user):\(user.group)"] }
    return words
  }

  /// How an image on a base is run: as the base, but for what is said here, as a Dockerfile's instructions would
  /// change it.
  private func runtime(on base: RuntimeConfig, command: String?) -> RuntimeConfig {
    var runtime = base
    if let entrypoint = request.entrypoint {
      runtime.entrypoint = entrypoint
      runtime.command = nil
    }
    if let words = request.command ?? (request.entrypoint == nil ? command.map { [$0] } : nil) {
      runtime.command = words
    }
    if request.addsInit { runtime.entrypoint = [Extras.initPath, "--"] + (runtime.entrypoint ?? []) }
    for (name, value) in request.environment {
      runtime.environment.removeAll { $0.hasPrefix("\(name)=") }
      runtime.environment.append("\(name)=\(value)")
    }
    if let folder = request.workingDirectory { runtime.workingDirectory = folder }
    runtime.labels.merge(request.labels) { _, new in new }
    if let user = request.user { runtime.user = "\(user.user):\(user.group)" }
    return runtime
  }

  private func runtime(command: String?) -> RuntimeConfig {
    if let base = request.base { return runtime(on: base.runtime, command: command) }
    var runtime = RuntimeConfig()
    runtime.entrypoint = request.entrypoint
    runtime.command = request.command
    if request.entrypoint == nil, request.command == nil, let command { runtime.command = [command] }
    if request.addsInit { runtime.entrypoint = [Extras.initPath, "--"] + (request.entrypoint ?? []) }
    // As docker and buildah have it for images from scratch.
    runtime.environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    for (name, value) in request.environment {
      runtime.environment.removeAll { $0.hasPrefix("\(name)=") }
      runtime.environment.append("\(name)=\(value)")
    }
    runtime.workingDirectory = request.workingDirectory
    runtime.labels = request.labels
    // Numbers, so that orchestrators can tell that it isn't root.
    if let user = request.user { runtime.user = "\(user.user):\(user.group)" }
    return runtime
  }
}
