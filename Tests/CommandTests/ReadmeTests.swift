import CommandSupport
import Posix
import SystemPackage
import TestSupport
import Testing

/// README shows what the tools' help shows, and `ExamplesTests` runs that.
@Suite("README")
struct ReadmeTests {
  private let readme: String

  init() throws {
    var folder = FilePath(#filePath)
    for _ in 0..<3 { folder.removeLastComponent() }
    readme = String(decoding: try readBytes(folder.appending("README.md")), as: UTF8.self)
  }

  @Test("shows only command lines that are run as examples")
  func examples() throws {
    var known: Set<String> = []
    for tool in [
      "garboard-import", "garboard-bootstrap", "garboard-squash", "garboard-report", "garboard-scratch",
      "garboard-copy", "garboard-build", "garboard-cache",
    ] {
      let help = try garboard(tool, "--help", environment: ["COLUMNS=400"]).text
      known.formUnion(Example.examples(inDiscussion: help).map(\.command))
    }
    // The block of shell is run by `ReadmeFamilyTests`.
    let shell = try #require(readme.split(separator: "```sh\n").last?.split(separator: "```").first)
    let shown = readme.replacing(shell, with: "").split(separator: "\n").map(String.init)
      .filter { $0.hasPrefix("garboard-") || $0.hasPrefix("tar ") }
    #expect(shown.count >= 8)
    for command in shown { #expect(known.contains(command), "no tool's help has: \(command)") }
  }

  @Test("names every tool, and pages that are there")
  func pages() throws {
    var folder = FilePath(#filePath)
    for _ in 0..<3 { folder.removeLastComponent() }
    for tool in [
      "garboard-import", "garboard-bootstrap", "garboard-squash", "garboard-report", "garboard-scratch",
      "garboard-copy", "garboard-build", "garboard-cache",
    ] {
      #expect(readme.contains("### \(tool)"))
    }
    let links = readme.split(separator: "](").dropFirst().compactMap { $0.split(separator: ")").first }
    #expect(links.count >= 8)
    for link in links {
      try Tool.check("test", ["-e", folder.appending(String(link)).string])
    }
  }
}
