import OCI
import Posix
import SystemPackage

/// What containers-registries.conf(5) says of registries, in its second format: other places for a part of
/// the names, mirrors, and which may be insecure. Short names are not looked up: `docker.io` is implied.
struct RegistriesConfiguration: Sendable {
  /// A place that names can be at.
  struct Place: Equatable, Sendable {
    var location: String?
    var isInsecure = false
    /// `all`, `digest-only` or `tag-only`.
    var pulls = "all"
  }

  /// One `[[registry]]`.
  struct Entry: Equatable, Sendable {
    var prefix: String
    var place = Place()
    var isBlocked = false
    var mirrorsForDigestsOnly = false
    var mirrors: [Place] = []
  }

  private(set) var entries: [Entry] = []

  /// Reads files; those that aren't there say nothing. Of two entries of one prefix the later one counts.
  init(_ files: [FilePath]? = nil) throws {
    for file in try files ?? Self.usualFiles() {
      guard let bytes = try readSmallFile(file) else { continue }
      do throws(ConfigurationSyntaxError) {
        for entry in try Self.parse(bytes) {
          entries.removeAll { $0.prefix == entry.prefix }
          entries.append(entry)
        }
      } catch {
        throw RegistryError(
          .configuration(file: "\(file):\(error.line)", problem: error.problem), at: "")
      }
    }
  }

  private static func usualFiles() throws -> [FilePath] {
    if let file = environmentVariable("CONTAINERS_REGISTRIES_CONF") { return [FilePath(file)] }
    let base =
      environmentVariable("XDG_CONFIG_HOME").map { FilePath($0) } ?? homeDirectory().appending(".config")
    var folders = [FilePath("/etc/containers"), base.appending("containers")]
    let users = folders[1].appending("registries.conf")
    if try readSmallFile(users) != nil { folders[0] = folders[1] }
    var files = [folders[0].appending("registries.conf")]
    for folder in [FilePath("/etc/containers"), folders[1]] {
      let parts = folder.appending("registries.conf.d")
      guard let directory = try? openFile(parts, .directory) else { continue }
      let names = try listDirectory(directory.raw, shown: parts.string).map {
        String(decoding: $0, as: UTF8.self)
      }
      files += names.filter { $0.hasSuffix(".conf") }.sorted().map { parts.appending($0) }
    }
    return files
  }

  // MARK: What it means

  /// Where a repository is read from, in the order in which the places are asked.
  func readingEndpoints(_ reference: Reference, insecure: Set<String>) throws -> [Endpoint] {
    guard let (entry, rest) = try match(reference) else { return [Self.plain(reference, insecure)] }
    var endpoints: [Endpoint] = []
    for mirror in entry.mirrors {
      let byDigest = reference.digest != nil
      let onlyDigests = entry.mirrorsForDigestsOnly || mirror.pulls == "digest-only"
      if onlyDigests && !byDigest || mirror.pulls == "tag-only" && byDigest { continue }
      var endpoint = try Self.endpoint(mirror, rest, reference, insecure)
      endpoint.isForDigestsOnly = onlyDigests
      endpoints.append(endpoint)
    }
    return endpoints + [try Self.endpoint(entry.place, rest, reference, insecure)]
  }

  /// Where a repository is written to: never a mirror.
  func writingEndpoint(_ reference: Reference, insecure: Set<String>) throws -> Endpoint {
    guard let (entry, rest) = try match(reference) else { return Self.plain(reference, insecure) }
    return try Self.endpoint(entry.place, rest, reference, insecure)
  }

  private static func plain(_ reference: Reference, _ insecure: Set<String>) -> Endpoint {
    let host = Endpoint.realHost(of: reference.domain)
    return Endpoint(
      host: host, repository: "\(reference.path)",
      isInsecure: isInsecure(host, insecure) || insecure.contains("\(reference.domain)"))
  }

  private static func isInsecure(_ host: String, _ insecure: Set<String>) -> Bool {
    insecure.contains(host) || ServerURL.hostAndPort(host).map { insecure.contains($0.host) } ?? false
  }

  /// The entry of the longest prefix, and what of the name is behind it.
  private func match(_ reference: Reference) throws -> (Entry, rest: String)? {
    let name = reference.name
    var best: (entry: Entry, length: Int)?
    for entry in entries {
      guard let length = Self.length(of: entry.prefix, in: name), length > best?.length ?? -1 else {
        continue
      }
      best = (entry, length)
    }
    guard let best else { return nil }
    if best.entry.isBlocked {
      throw RegistryError(.refusedURL("registries.conf blocks \(best.entry.prefix)"), at: "\(reference)")
    }
    return (best.entry, String(name.dropFirst(best.length)))
  }

  private static func length(of prefix: String, in name: String) -> Int? {
    if prefix.hasPrefix("*.") {
      let host = name.prefix { $0 != "/" }
      return host.hasSuffix(prefix.dropFirst()) ? host.count : nil
    }
    guard name.hasPrefix(prefix) else { return nil }
    let next = name.dropFirst(prefix.count).first
    return next == nil || next == "/" ? prefix.count : nil
  }

  private static func endpoint(
    _ place: Place, _ rest: String, _ reference: Reference, _ insecure: Set<String>
  ) throws -> Endpoint {
    guard let location = place.location else {
      var endpoint = plain(reference, insecure)
      endpoint.isInsecure = endpoint.isInsecure || place.isInsecure
      return endpoint
    }
    let moved: Reference
    do { moved = try Reference(location + rest) } catch {
      throw RegistryError(
        .refusedURL("registries.conf leads to \(location + rest): \(error)"), at: "\(reference)")
    }
    var endpoint = plain(moved, insecure)
    endpoint.isInsecure = endpoint.isInsecure || place.isInsecure
    return endpoint
  }
}
