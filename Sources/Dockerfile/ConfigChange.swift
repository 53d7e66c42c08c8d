/// A change of an image's configuration: an instruction with its quotes resolved, its variables put in
/// and its values checked.
public enum ConfigChange: Hashable, Sendable {
  /// The command.
  case command(CommandLine)
  /// The entrypoint.
  case entrypoint(CommandLine)
  /// Environment variables, in their order.
  case environment([NameValue])
  /// Ports, each `PORT/PROTOCOL`.
  case expose([String])
  /// The test of health.
  case healthcheck(HealthcheckTest)
  /// Labels, in their order.
  case labels([NameValue])
  /// An instruction for builds on top.
  case onBuild(String)
  /// What shell forms are run with.
  case shell([String])
  /// The signal that ends the container.
  case stopSignal(String)
  /// The user.
  case user(String)
  /// Paths of volumes.
  case volumes([String])
  /// The working directory, relative to the previous one when it doesn't start with `/`.
  case workingDirectory(String)
}

/// A name and its value.
public struct NameValue: Hashable, Sendable {
  /// The name.
  public var name: String
  /// The value.
  public var value: String

  /// A name and its value.
  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}

extension Instruction {
  /// Resolves quotes and variables, and checks what then is there.
  ///
  /// - Parameter variable: the value of an environment variable before this instruction; nil when
  ///   it isn't set.
  public func resolved(_ variable: @escaping (String) -> String?) throws(DockerfileError) -> ConfigChange {
    switch kind {
    case .command(let line): return .command(line)
    case .entrypoint(let line): return .entrypoint(line)
    case .healthcheck(let test): return .healthcheck(test)
    case .onBuild(let text): return .onBuild(text)
    case .shell(let shell): return .shell(shell)
    case .environment(let pairs): return .environment(try expand(pairs, variable))
    case .labels(let pairs): return .labels(try expand(pairs, variable))
    case .user(let word): return .user(try expand(word, variable))
    case .expose(let words): return .expose(try ports(words, variable))
    case .workingDirectory(let word):
      let path = try expand(word, variable)
      if path.isEmpty { throw DockerfileError(.missing("a directory"), name, word.position) }
      return .workingDirectory(path)
    case .stopSignal(let word):
      let signal = try expand(word, variable)
      if !Signals.isValid(signal) {
        throw DockerfileError(.badValue(signal, expected: "a signal"), name, word.position)
      }
      return .stopSignal(signal)
    case .volumes(let words):
      var paths: [String] = []
      for word in words {
        let path = try expand(word, variable)
        if path.isEmpty { throw DockerfileError(.missing("a path"), name, word.position) }
        paths.append(path)
      }
      return .volumes(paths)
    }
  }

  private func expand(_ word: Word, _ variable: @escaping (String) -> String?) throws(DockerfileError)
    -> String
  {
    try WordExpansion.expand(word, escape: escape, instruction: name, variable)
  }

  private func expand(
    _ pairs: [Pair], _ variable: @escaping (String) -> String?
  ) throws(DockerfileError) -> [NameValue] {
    var result: [NameValue] = []
    for pair in pairs {
      let name = try expand(pair.name, variable)
      if name.isEmpty { throw DockerfileError(.missing("a name"), self.name, pair.name.position) }
      result.append(NameValue(name: name, value: try expand(pair.value, variable)))
    }
    return result
  }

  private func ports(
    _ words: [Word], _ variable: @escaping (String) -> String?
  ) throws(DockerfileError) -> [String] {
    var result: [String] = []
    for word in words {
      let parts = try WordExpansion.split(word, escape: escape, instruction: name, variable)
      for text in parts {
        guard let ports = Ports.parse(text) else {
          let expected = "a port (PORT, PORT-PORT, with /tcp, /udp or /sctp)"
          throw DockerfileError(.badValue(text, expected: expected), name, word.position)
        }
        result.append(contentsOf: ports)
      }
    }
    return result
  }
}
