public import Dockerfile
public import OCI

extension RuntimeConfig {
  /// What shell forms are run with when nothing else is set.
  private static let defaultShell = ["/bin/sh", "-c"]

  /// Applies instructions in their order, as `docker import --change` and `docker commit --change` do.
  ///
  /// - Throws: `DockerfileError` for what only shows when variables are put in.
  public mutating func apply(_ instructions: [Instruction]) throws(DockerfileError) {
    var commandIsSet = false
    for instruction in instructions {
      let environment = self
      apply(try instruction.resolved { environment.variable($0) }, commandIsSet: &commandIsSet)
    }
  }

  /// Applies one change.
  ///
  /// - Parameter commandIsSet: whether one of the changes before set the command.
  public mutating func apply(_ change: ConfigChange, commandIsSet: inout Bool) {
    switch change {
    case .command(let line):
      command = words(of: line)
      argumentsEscaped = false
      commandIsSet = true
    case .entrypoint(let line):
      entrypoint = line == .shell(nil) || line == .exec([]) ? nil : words(of: line)
      argumentsEscaped = false
      // A command that was there belonged to the entrypoint that was there.
      if !commandIsSet { command = nil }
    case .environment(let pairs): for pair in pairs { set(pair) }
    case .expose(let ports): exposedPorts = Self.union(exposedPorts, ports)
    case .healthcheck(let test): healthcheck = check(test)
    case .labels(let pairs): for pair in pairs { labels[pair.name] = pair.value }
    case .onBuild(let text): onBuild.append(text)
    case .shell(let words): shell = words
    case .stopSignal(let signal): stopSignal = signal
    case .user(let name): user = name
    case .volumes(let paths): volumes = Self.union(volumes, paths)
    case .workingDirectory(let path): workingDirectory = resolved(path)
    }
  }

  private func words(of line: CommandLine) -> [String] {
    switch line {
    case .exec(let words): words
    case .shell(let text): (shell ?? Self.defaultShell) + (text.map { [$0] } ?? [])
    }
  }

  /// The value of an environment variable: of two with one name the last counts; nil when it isn't set.
  public func variable(_ name: String) -> String? {
    for entry in environment.reversed() {
      let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts[0].utf8.elementsEqual(name.utf8) { return parts.count == 2 ? String(parts[1]) : "" }
    }
    return nil
  }

  private mutating func set(_ pair: NameValue) {
    let entry = "\(pair.name)=\(pair.value)"
    let position = environment.firstIndex {
      $0.utf8.prefix { $0 != UInt8(ascii: "=") }.elementsEqual(pair.name.utf8)
    }
    if let position { environment[position] = entry } else { environment.append(entry) }
  }

  private static func union(_ one: [String], _ other: [String]) -> [String] {
    Set(one + other).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private func check(_ test: HealthcheckTest) -> Healthcheck {
    switch test {
    case .none: return Healthcheck(test: ["NONE"])
    case .command(let line, let interval, let timeout, let startPeriod, let startInterval, let retries):
      var check: Healthcheck
      switch line {
      case .exec(let words): check = Healthcheck(test: ["CMD"] + words)
      case .shell(let text): check = Healthcheck(test: ["CMD-SHELL", text ?? ""])
      }
      check.interval = interval
      check.timeout = timeout
      check.startPeriod = startPeriod
      check.startInterval = startInterval
      check.retries = retries
      return check
    }
  }

  /// A relative path goes on from the previous directory, without `.` and `..`; an absolute one stays.
  private func resolved(_ path: String) -> String {
    if path.hasPrefix("/") { return path }
    var parts: [Substring] = []
    for part in ("/" + (workingDirectory ?? "") + "/" + path).split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }
}
