import Fetch
import Glibc
import Posix
import SystemPackage

/// The files of archives, by whatever way their URIs name them: `http`, `https`, `file`, `copy`.
struct ArchiveFiles: Sendable {
  /// Whether nothing may be asked over the network.
  var isOffline: Bool
  /// How patient downloads are.
  var options = TransferOptions()
  /// Is told how many bytes have come over the network since the last call; negative when some are dropped.
  var onBytes: @Sendable (Int) -> Void = { _ in }

  /// The path of a file of this machine; nil for one that is fetched.
  static func localPath(_ url: String) throws(BootstrapError) -> FilePath? {
    for scheme in ["file:", "copy:"] where url.hasPrefix(scheme) {
      let path = url.dropFirst(scheme.count)
      let address = "file://" + (path.hasPrefix("//") ? String(path.dropFirst(2)) : String(path))
      do throws(FetchError) { return try Fetch.localPath(ofURL: address) } catch { throw .download(error) }
    }
    return nil
  }

  /// The bytes of a URL as they come.
  func open(_ url: String) throws(BootstrapError) -> any ByteSource {
    if let path = try Self.localPath(url) {
      do throws(PosixError) {
        return DescriptorSource(try openFile(path, .read), name: path.string)
      } catch {
        if error.errno == .noSuchFileOrDirectory { throw .download(FetchError(url, .status(404))) }
        throw .system(error)
      }
    }
    if isOffline { throw .offline(url) }
    do throws(FetchError) { return try HTTPSource(url, options: options) } catch { throw .download(error) }
  }

  /// A small file as a whole.
  ///
  /// - Parameter limit: more bytes than this are an error.
  func read(_ url: String, limit: Int = 32 << 20) throws(BootstrapError) -> [UInt8] {
    let source = try open(url)
    let isLocal = try Self.localPath(url) != nil
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    do {
      while true {
        let count = try buffer.withUnsafeMutableBytes { try source.read(into: $0) }
        if count == 0 { return bytes }
        bytes += buffer[..<count]
        if !isLocal { onBytes(count) }
        if bytes.count > limit { throw PosixError("read", url, .fileTooLarge) }
      }
    } catch {
      throw BootstrapError(ending: error) ?? .system(PosixError("read", url, .ioError))
    }
  }

  /// The same; nil when the archive has no such file.
  func readIfThere(_ url: String) throws(BootstrapError) -> [UInt8]? {
    do throws(BootstrapError) {
      return try read(url)
    } catch {
      if case .download(let failure) = error, case .status(let code) = failure.reason,
        code == 404 || code == 410
      {
        return nil
      }
      throw error
    }
  }
}
