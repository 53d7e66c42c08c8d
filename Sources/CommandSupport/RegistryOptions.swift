public import ArgumentParser
public import Image
import Posix
import Registry
public import SystemPackage

/// How registries are reached, for every tool that takes or gives `docker://`.
public struct RegistryOptions: ParsableArguments {
  /// Registries whose certificate is not verified.
  @Option(
    help: ArgumentHelp(
      "A registry whose certificate is not verified, and that may speak plain HTTP; may be repeated.",
      valueName: "host[:port]"))
  public var insecure: [String] = []

  /// Certificates to trust.
  @Option(
    help: ArgumentHelp(
      "Trust the certificates in this file (PEM) instead of the system's, for registries.", valueName: "file"),
    completion: .file(), transform: { FilePath($0) })
  public var cacert: FilePath?

  /// Nothing given.
  public init() {}

  /// Refuses what names no host.
  public func validate() throws {
    for host in insecure where host.isEmpty || host.contains("/") {
      throw ValidationError("--insecure takes HOST or HOST:PORT, not \"\(host)\".")
    }
  }

  /// The same options for another tool, whatever its working directory.
  public func words() throws -> [String] {
    let here = try workingDirectory()
    return insecure.map { "--insecure=\($0)" } + (cacert.map { ["--cacert=\(here.pushing($0))"] } ?? [])
  }

  /// What reaches registries.
  public func stores(_ common: CommonOptions) -> any RemoteStores {
    var settings = RegistrySettings()
    settings.insecure = Set(insecure)
    settings.authorities = cacert
    settings.jobs = max(1, min(common.givenJobs ?? 4, 16))
    settings.notice = { message in Console.shared.verbose(message) }
    return Registries(settings)
  }
}
