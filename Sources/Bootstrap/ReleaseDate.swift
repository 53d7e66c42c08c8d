import Debian
import Glibc
import Posix
import SystemPackage

/// The archive's own idea of its date: what the times of an image are clamped to.
///
/// It is the newest `Date` of the sources' `Release` files: no package in them is newer, it is the
/// same for everyone who reads the archive in this state, and debuerreotype takes it for Debian's own
/// images. It is read before the engine starts, since maintainer scripts write it into files
/// (`/etc/shadow`). It is not verified: the engine verifies what it installs from, and a wrong date
/// only makes wrong times.
func archiveDate(
  of sources: [AptSource], aptOptions: [String], in folder: FilePath
) throws(BootstrapError) -> Int64 {
  var newest: Int64?
  for source in sources {
    for uri in source.uris {
      for suite in source.suites {
        let release = try fetchRelease(uri: uri, suite: suite, aptOptions: aptOptions, in: folder)
        guard let date = release.date else {
          throw .noRelease(suite: suite, uri: uri, reason: "its Release file has no Date")
        }
        newest = max(newest ?? date, date)
      }
    }
  }
  guard let newest else { throw .badMirror("") }
  return newest
}

private func fetchRelease(
  uri: String, suite: String, aptOptions: [String], in folder: FilePath
) throws(BootstrapError) -> ReleaseFile {
  var root = uri
  while root.hasSuffix("/") { root.removeLast() }
  // A suite that ends in a slash is a path: sources.list(5).
  let place = suite.hasSuffix("/") ? root + "/" + suite.dropLast() : root + "/dists/" + suite
  var reason = ""
  for name in ["InRelease", "Release"] {
    let address = place + "/" + name
    switch try fetch(address, aptOptions: aptOptions, in: folder) {
    case .success(let bytes):
      do {
        return try ReleaseFile(bytes, file: address)
      } catch {
        throw .noRelease(suite: suite, uri: uri, reason: error.description)
      }
    case .failure(let failure):
      if reason.isEmpty { reason = failure.reason }
    }
  }
  throw .noRelease(suite: suite, uri: uri, reason: reason)
}

private struct FetchFailure: Error { var reason: String }

/// A small file of an archive, by whatever way its URI names; apt's own helper knows them all.
private func fetch(
  _ address: String, aptOptions: [String], in folder: FilePath
) throws(BootstrapError) -> Result<[UInt8], FetchFailure> {
  for scheme in ["file:", "copy:"] where address.hasPrefix(scheme) {
    let path = "/" + address.dropFirst(scheme.count).drop { $0 == "/" }
    do {
      return .success(try readHostFile(FilePath(path)))
    } catch {
      return .failure(FetchFailure(reason: error.description))
    }
  }
  let target = folder.appending("release")
  _ = target.withPlatformString { unlink($0) }
  var command: Command
  if fileExists("/usr/lib/apt/apt-helper") {
    var arguments = ["-oAcquire::Retries=1", "-oAPT::Sandbox::User=root"]
    for option in aptOptions where !fileExists(FilePath(option)) {
      // Only what fits on a command line, as proxies do: `Acquire::http::Proxy "…";`.
      if let setting = simpleSetting(option) { arguments.append("-o" + setting) }
    }
    command = Command("/usr/lib/apt/apt-helper", arguments + ["download-file", address, target.string])
  } else if let wget = Command.find("wget") {
    command = Command(wget, ["-q", "-O", target.string, "--", address])
  } else {
    throw .missingProgram("apt-helper", package: "apt")
  }
  command.environment = engineEnvironment(temporary: folder, epoch: nil)
  let log = EngineLog(program: "apt-helper")
  let status = try EngineProcess(command, log: log, capturesOutput: true).finish()
  if status.isSuccess, fileExists(target) { return .success(try readHostFile(target)) }
  let failure = EngineFailure(program: "apt-helper", status: status, lastLines: log.lastLines)
  return .failure(FetchFailure(reason: failure.cause ?? failure.description))
}

/// `Name=value` of a line `Name "value";`; nil for anything more.
private func simpleSetting(_ line: String) -> String? {
  var text = Substring(line)
  while let last = text.last, last == ";" || last == " " || last == "\n" { text.removeLast() }
  guard let blank = text.firstIndex(of: " "), !text.contains("{") else { return nil }
  let value = text[text.index(after: blank)...].drop { $0 == " " }
  if value.hasPrefix("\""), value.hasSuffix("\""), value.count >= 2 {
    return "\(text[..<blank])=\(value.dropFirst().dropLast())"
  }
  return "\(text[..<blank])=\(value)"
}
