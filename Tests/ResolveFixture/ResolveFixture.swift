import Debian
import Posix
import SystemPackage

/// Resolves each line of standard input with nothing installed, for tests and measurements:
/// `resolve-fixture ARCHITECTURE PACKAGES… < requests`. It prints a line for each: the request, a tab,
/// and `name=version` for all packages, or `error:` and why.
@main
enum ResolveFixture {
  static func main() throws {
    let arguments = CommandLine.arguments
    precondition(arguments.count > 2, "resolve-fixture ARCHITECTURE PACKAGES…")
    let clock = ContinuousClock()
    let start = clock.now
    var sources: [PackagePool.Source] = []
    for name in arguments.dropFirst(2) {
      let text = try read(name)
      let parsed = clock.now
      // Never freed: the indexes are needed to the end.
      let index = try PackageIndex(parsing: text, owner: nil, architecture: arguments[1], file: name)
      write("\(name): \(index.count) packages, parsed in \(clock.now - parsed)\n", to: 2)
      let release = try ReleaseFile(Array("Suite: test\nCodename: test\n".utf8), file: "Release")
      sources.append(PackagePool.Source(index: index, release: release, suite: "test"))
    }
    var spent = Duration.zero
    while let line = readLine() {
      let began = clock.now
      let answer: String
      do throws(SolverError) {
        let solver = PackageSolver(PackagePool(sources, architecture: arguments[1]))
        var versions: [Int] = []
        for word in line.split(separator: " ") { versions += try solver.pool.find(String(word)) }
        try solver.install(versions)
        answer = try solver.choices().map { "\($0.record.name)=\($0.record.version.text)" }.sorted()
          .joined(separator: " ")
      } catch {
        answer = "error: \(error)"
      }
      spent += clock.now - began
      write("\(line)\t\(answer)\n", to: 1)
    }
    write("resolved in \(spent), all \(clock.now - start)\n", to: 2)
  }

  static func read(_ name: String) throws -> UnsafeRawBufferPointer {
    let file = try openFile(FilePath(name), .read)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(try file.size()), alignment: 16)
    _ = try file.read(into: buffer, at: 0)
    return UnsafeRawBufferPointer(buffer)
  }

  static func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { try? writeAll(descriptor, UnsafeRawBufferPointer($0)) }
  }
}
