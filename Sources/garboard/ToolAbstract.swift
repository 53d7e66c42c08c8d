import Glibc
import Posix
import SystemPackage

/// What a tool says of itself in the first line of its `--help`; nil when it says nothing in two seconds.
func abstract(ofProgram path: String) -> String? {
  do {
    var pipe = try Pipe()
    let reader = pipe.takeReader()
    let writer = pipe.takeWriter()
    // Wide enough that its first line is not wrapped.
    var command = Command(
      FilePath(path), ["--help"], environment: Command.cleanEnvironment + ["COLUMNS=1000"])
    command.output = .descriptor(writer.raw)
    let child = try command.start()
    _ = consume writer
    let text = firstBytes(reader.raw, count: 4096)
    child.signal(SIGKILL)
    _ = try child.wait()
    let line = text.split(separator: "\n").first { $0.hasPrefix("OVERVIEW: ") }
    return line.map { String($0.dropFirst("OVERVIEW: ".count)) }
  } catch {
    return nil
  }
}

private func firstBytes(_ descriptor: Int32, count: Int) -> String {
  var bytes = [UInt8](repeating: 0, count: count)
  var done = 0
  while done < count {
    var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&wait, 1, 2000) == 1 else { break }
    let got = bytes.withUnsafeMutableBytes { buffer in
      (try? readSome(descriptor, into: UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))) ?? 0
    }
    if got == 0 { break }
    done += got
  }
  return String(decoding: bytes.prefix(done), as: UTF8.self)
}
