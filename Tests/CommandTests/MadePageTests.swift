import Posix
import SystemPackage
import TestSupport
import Testing

/// `--report FILE.html` of the tools that make images: the page that `garboard-report --html` writes of the same image.
@Suite("A page on what was just made")
struct MadePageTests {
  private let folder: TemporaryDirectory

  /// A tree `root`, a smaller one `top`, and their images `root.oci.tar` and, in the layout `two`, for two platforms.
  init() throws {
    folder = try TemporaryDirectory()
    try TreeBuilder.shell(
      """
      mkdir -p root/usr/bin root/usr/share/doc root/var/lib/dpkg/info top/usr/share/doc top/etc
      for n in $(seq 1 60); do head -c $((n * 1000)) /dev/zero | tr '\\0' x >root/usr/share/doc/$n; done
      head -c 90000 /dev/urandom >root/usr/bin/tool; ln root/usr/bin/tool root/usr/bin/same
      echo /usr/bin/tool >root/var/lib/dpkg/info/tool.list
      echo new >top/usr/share/doc/60; echo '<a & b>' >"top/etc/<'&\\">"
      find root top -exec touch -h -d @1000000000 {} +
      """, in: folder.path)
    try made("garboard-import", "root", "--platform", "linux/amd64", "-o", "root.oci.tar", "-o", "oci:two:a")
    try made("garboard-import", "top", "--platform", "linux/arm64", "-o", "oci:two:b")
    try made("garboard-copy", "--all-platforms", "oci:two", "both.oci.tar")
  }

  @discardableResult
  private func made(_ tool: String, _ arguments: String..., input: [UInt8] = []) throws -> Tool.Result {
    try made(tool, arguments, input: input)
  }

  @discardableResult
  private func made(_ tool: String, _ arguments: [String], input: [UInt8] = []) throws -> Tool.Result {
    let result = try garboard(tool, ["-q"] + arguments, input: input, in: folder.path)
    #expect(result.status.isSuccess, "\(arguments): \(result.errorText)")
    return result
  }

  private func text(_ file: String) throws -> String {
    String(decoding: try readBytes(folder.appending(file)), as: UTF8.self)
  }

  /// What `garboard-report --html` writes of an image.
  private func reported(_ image: String, input: [UInt8] = []) throws -> String {
    try made("garboard-report", "--html", "reported.html", image, input: input)
    return try text("reported.html")
  }

  @Test(
    "An import into every kind of place for images: the same bytes",
    arguments: ["x.oci.tar", "x.docker.tar", "docker-archive:x.tar:own:2", "oci:layout:1", "oci:layout"])
  func stores(_ place: String) throws {
    try made("garboard-import", "root", "base:1", "-t", "more", "-o", place, "--report", "p.html")
    let page = try text("p.html")
    #expect(page == (try reported(place)))
    #expect(page.contains(">tool</td>") && page.contains("usr/share/doc/60"))
  }

  @Test("A stream: the page is on the bytes that went away")
  func stream() throws {
    let sent = try made("garboard-import", "root", "base:1", "-o", "-", "--report", "p.html").output
    #expect(try text("p.html") == reported("-", input: sent))
  }

  @Test("Plain tars and directories, which are no images: the page of the image with the same layer")
  func plain() throws {
    for (place, compression) in [("x.tar", "none"), ("rootfs:x", "none"), ("x.tar.gz", "gzip")] {
      try made("garboard-import", "root", "-o", place, "--compression", "gzip", "--report", "p.html")
      let image = "\(compression).oci.tar"
      try made("garboard-import", "root", "-o", image, "--compression", compression)
      let page = try text("p.html").replacing(">\(place)</", with: ">\(image)</")
      // A plain tree has no manifest, so there is nobody to ask for the digest of one.
      #expect(page == (try reported(image)), "\(place)")
    }
  }

  @Test("Several places: one image, under the names of all of them")
  func several() throws {
    let result = try made(
      "garboard-import", "root", "base:1", "-o", "x.tar.xz", "-o", "oci:layout:own", "-o", "x.docker.tar",
      "--report", "p.html", "--json")
    #expect(result.text.hasPrefix("{"))
    let page = try text("p.html").replacing("x.tar.xz oci:layout:own x.docker.tar", with: "x.docker.tar")
    let names = "<p>1 · base:1 · docker.io/library/base:1"
    let reported = try reported("x.docker.tar")
    #expect(reported.contains(names))
    #expect(page == reported.replacing(names, with: names + " · own"))
  }

  @Test("Several platforms: one after the other, as a report on the index has them")
  func platforms() throws {
    for place in ["s.oci.tar", "s.docker.tar", "oci:s:1"] {
      try made("garboard-squash", "both.oci.tar", "-t", "x:1", "-o", place, "--report", "p.html")
      let page = try text("p.html")
      #expect(page == (try reported(place)))
      #expect(page.split(separator: "<h1>").count == 3)
      #expect(page.contains("linux/amd64") && page.contains("linux/arm64"))
    }
  }

  @Test("Layers that stay are in the page, with what is wasted in them, wherever the image goes")
  func keptLayers() throws {
    try folder.write("Dockerfile", Array("FROM base\nCOPY top /\nCOPY top/etc /other\n".utf8))
    // Once made, once out of the cache.
    for _ in 1...2 {
      try made(
        "garboard-scratch", "-f", "Dockerfile", "--build-context", "base=oci-archive:root.oci.tar", ".",
        "--cache", "cache", "-o", "app.oci.tar", "--report", "p.html")
      let page = try text("p.html")
      #expect(page == (try reported("app.oci.tar")))
      #expect(page.contains("<h2>Most wasted</h2>") && page.contains("60.0 kB"))
    }
    try made("garboard-squash", "app.oci.tar", "--last", "2", "-o", "less.oci.tar", "--report", "p.html")
    #expect(try text("p.html") == reported("less.oci.tar"))
    try made(
      "garboard-scratch", "--base", "app.oci.tar", "--add", "top:/opt", "-o", "more.oci.tar", "--report",
      "p.html"
    )
    #expect(try text("p.html") == reported("more.oci.tar"))
    try made("garboard-copy", "app.oci.tar", "oci:in:1")
    try made("garboard-squash", "--onto", "root.oci.tar", "--in-place", "oci:in:1", "--report", "p.html")
    #expect(try text("p.html") == reported("oci:in:1"))
  }

  @Test("Base systems, and packages on them")
  func bootstrap() throws {
    let archive = try DebianArchive(packages: [
      .init("one", files: [("usr/bin/one", String(repeating: "1", count: 5000))]),
      .init("two", files: [("usr/bin/two", String(repeating: "2", count: 7000))]),
    ])
    func bootstrap(_ arguments: String..., to place: String) throws {
      try made(
        "garboard-bootstrap",
        ["--keyring", archive.keyring.string, "--cache", "cache", "--report", "p.html"]
          + arguments + [archive.suite, place, archive.fileURI])
      let page = try text("p.html")
      #expect(page == (try reported(place)))
      #expect(page.contains(">one</td>"))
    }
    try bootstrap("--variant", "extract", "--include", "one", to: "one.oci.tar")
    try bootstrap("--base", "one.oci.tar", "--include", "two", to: "two.oci.tar")
    #expect(try text("p.html").contains(">two</td>"))
  }

  @Test("A page that can't be written, or a name that says nothing, is refused before anything is made")
  func refused() throws {
    for (report, message, status) in [
      ("none/p.html", "none", 1), ("p.htm", "the name must end in .json or .html", 64),
    ] {
      let result = try garboard(
        "garboard-import", ["root", "-o", "x.oci.tar", "--report", report], in: folder.path)
      #expect(result.status == .exited(Int32(status)))
      #expect(result.errorText.contains(message), "\(result.errorText)")
      #expect(!exists("x.oci.tar"))
    }
    let before = try readBytes(folder.appending("root.oci.tar"))
    let result = try garboard(
      "garboard-squash", ["--in-place", "root.oci.tar", "--report", "none/p.html"], in: folder.path)
    #expect(result.status == .exited(1))
    #expect(try readBytes(folder.appending("root.oci.tar")) == before)
  }

  private func exists(_ name: String) -> Bool { (try? readBytes(folder.appending(name))) != nil }
}
