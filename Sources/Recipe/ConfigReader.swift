import Dockerfile
import OCI
import Posix

/// Reads the configuration, and writes it as instructions of a Dockerfile.
///
/// Values are taken as they are: what has a meaning in a Dockerfile is quoted.
struct ConfigReader {
  let scope: Scope

  func changes(_ node: YAMLNode?) -> [String] {
    guard let node else { return [] }
    var reader = MappingReader(node, "config", scope)
    var changes: [String] = []
    /// Adds an instruction after the parser of instructions has had a look at it.
    func add(_ instruction: String, _ node: YAMLNode) {
      do {
        for instruction in try Instruction.parseChanges([instruction]) {
          _ = try instruction.resolved { _ in nil }
          if case .onBuild(let text) = instruction.kind { _ = try BuildInstruction.parse(trigger: text) }
        }
        changes.append(instruction)
      } catch {
        scope.problems.add(
          node.location, "\(error.instruction.isEmpty ? "" : "\(error.instruction): ")\(error.reason)")
      }
    }
    // What later instructions depend on comes first: shell forms on SHELL; ENTRYPOINT takes CMD away.
    if let shell = reader.take("shell"), let words = words(shell) { add("SHELL \(words)", shell) }
    for entry in scope.table(reader.take("env")) {
      if isName(entry.key, entry.member), isOneLine(entry.value, entry.member.value.location) {
        add("ENV \(entry.key)=\(quoted(entry.value))", entry.member.value)
      }
    }
    for entry in scope.table(reader.take("labels")) {
      if isOneLine(entry.key, entry.member.keyLocation), isOneLine(entry.value, entry.member.value.location) {
        add("LABEL \(quoted(entry.key))=\(quoted(entry.value))", entry.member.value)
      }
    }
    line(reader.take("workdir"), "WORKDIR", add)
    line(reader.take("user"), "USER", add)
    for (text, node) in scope.texts(reader.take("expose")) { add("EXPOSE \(quoted(text))", node) }
    if let volumes = reader.take("volumes"), let words = words(volumes) { add("VOLUME \(words)", volumes) }
    line(reader.take("stop-signal"), "STOPSIGNAL", add)
    if let healthcheck = reader.take("healthcheck") { self.healthcheck(healthcheck, add) }
    command(reader.take("entrypoint"), "ENTRYPOINT", add)
    command(reader.take("cmd"), "CMD", add)
    for (text, node) in scope.texts(reader.take("onbuild")) where isOneLine(text, node.location) {
      add("ONBUILD \(text)", node)
    }
    reader.finish()
    return changes
  }

  private typealias Add = (String, YAMLNode) -> Void

  private func line(_ node: YAMLNode?, _ instruction: String, _ add: Add) {
    guard let node, let text = scope.text(node), isOneLine(text, node.location) else { return }
    add("\(instruction) \(quoted(text))", node)
  }

  /// A command: a list for words as they are, a text for the shell.
  private func command(_ node: YAMLNode?, _ instruction: String, _ add: Add) {
    guard let node, let words = commandWords(node) else { return }
    add("\(instruction) \(words)", node)
  }

  private func commandWords(_ node: YAMLNode) -> String? {
    if case .sequence = node.content { return words(node) }
    guard let text = scope.text(node), isOneLine(text, node.location) else { return nil }
    if text.hasPrefix("[") {
      scope.problems.add(node.location, "a list in quotes is a text", advice: "take the quotes away")
      return nil
    }
    return text
  }

  /// A list of texts as a JSON array.
  private func words(_ node: YAMLNode) -> String? {
    guard case .sequence(let items) = node.content else {
      _ = scope.items(node)
      return nil
    }
    let words = items.compactMap { scope.text($0, orEmpty: true) }
    if words.count != items.count { return nil }
    return String(decoding: JSONWriter.bytes(of: .array(words.map { .string($0) })), as: UTF8.self)
  }

  private func healthcheck(_ node: YAMLNode, _ add: Add) {
    if case .scalar(let text, _) = node.content, text == "none" {
      add("HEALTHCHECK NONE", node)
      return
    }
    var reader = MappingReader(node, "healthcheck", scope)
    var words = "HEALTHCHECK"
    for key in ["interval", "timeout", "start-period", "retries"] {
      guard let value = reader.take(key), let text = scope.text(value) else { continue }
      // Each is looked at by itself, so that an error is at its place.
      let option = "--\(key)=\(text)"
      if text.contains(where: { $0.isWhitespace }) {
        scope.problems.add(value.location, "\(shown(text)) has a space in it")
        continue
      }
      do { _ = try Instruction.parseChanges(["HEALTHCHECK \(option) CMD true"]) } catch {
        scope.problems.add(
          value.location, "\(key): \(error.reason)", advice: key == "retries" ? "as 3" : "as 30s or 1m30s")
        continue
      }
      words += " " + option
    }
    let test = reader.require("test", "write the command: [\"/bin/check\"], or the text none")
    reader.finish()
    if let test, let command = commandWords(test) { add("\(words) CMD \(command)", test) }
  }

  /// A word in double quotes, in which `"`, `\` and `$` mean themselves.
  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      if ["\"", "\\", "$"].contains(scalar) { result += "\\" }
      result.unicodeScalars.append(scalar)
    }
    return result + "\""
  }

  private func isOneLine(_ text: String, _ location: RecipeLocation) -> Bool {
    if !text.unicodeScalars.contains("\n") { return true }
    scope.problems.add(location, "a line can't end within \(shown(text))", advice: "write it in one line")
    return false
  }

  private func isName(_ name: String, _ member: YAMLNode.Member) -> Bool {
    if name.utf8.contains(where: { $0 == UInt8(ascii: "=") || $0 <= 0x20 }) {
      scope.problems.add(member.keyLocation, "\(shown(name)) can't be the name of an environment variable")
      return false
    }
    return true
  }
}
