import CommandSupport
import Posix
import SystemPackage
import TestSupport
import Testing

/// Runs the examples that `--help` shows, in a folder with what they name. Needs root.
@Suite("The examples in --help")
struct ExamplesTests {
  /// What the tools keep for the next time.
  private static let cache = Result { try TemporaryDirectory() }

  /// The examples of a tool, as its help shows them.
  private func examples(of tool: String) throws -> [Example] {
    let help = try garboard(tool, "--help", environment: ["COLUMNS=400"])
    #expect(help.status.isSuccess)
    let examples = Example.examples(inDiscussion: help.text)
    #expect(examples.count >= 3, "\(tool) shows too few: \(help.text)")
    return examples
  }

  private func run(
    _ tool: String, preparedBy script: String, where isWanted: (Example) -> Bool = { _ in true }
  ) throws {
    let examples = try examples(of: tool).filter(isWanted)
    #expect(!examples.isEmpty)
    let path = "PATH=\(try productsDirectory()):/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    for example in examples {
      #expect(example.command.contains(tool))
      let folder = try TemporaryDirectory()
      try Tool.check("sh", ["-euc", script], environment: [path], in: folder.path)
      // podman keeps what it loads here, and not with the machine's images.
      let storage = try folder.write(
        "storage.conf",
        """
        [storage]
        driver = "vfs"
        graphroot = "\(folder.path)/storage"
        runroot = "\(folder.path)/run"
        """)
      let result = try Tool.run(
        "sh", ["-euc", example.command],
        environment: [
          path, "CONTAINERS_STORAGE_CONF=\(storage)", "GARBOARD_CACHE=\(try Self.cache.get().path)",
        ],
        in: folder.path)
      #expect(result.status.isSuccess, "\(example.purpose): \(example.command)\n\(result.errorText)")
    }
  }

  /// A root file system as `rootfs/` and `rootfs.tar`.
  private static let rootfs = """
    mkdir -p rootfs/etc rootfs/usr/share/doc/x; echo 13 >rootfs/etc/debian_version
    echo text >rootfs/usr/share/doc/x/copyright; tar -C rootfs -cf rootfs.tar .
    """

  /// The images that reports are made of.
  private static let images =
    rootfs + """

      mkdir -p rootfs/var/lib/dpkg/info output
      printf 'Package: x\\nStatus: install ok installed\\nVersion: 1\\nArchitecture: all\\n' \
        >rootfs/var/lib/dpkg/status
      printf '/.\\n/etc\\n/etc/debian_version\\n' >rootfs/var/lib/dpkg/info/x.list
      garboard-import -q rootfs/ -t debian:trixie -o image.oci.tar -o output/debian-trixie.oci.tar \
        -o layout:latest
      """

  @Test("garboard-import")
  func imports() throws { try run("garboard-import", preparedBy: Self.rootfs) }

  @Test("garboard-squash")
  func squashes() throws {
    let layers = """

      garboard-import -q rootfs/ -o base.oci.tar -o layout:1
      skopeo copy --quiet oci-archive:base.oci.tar oci:l:base
      mkdir top; echo app >top/app; tar -C top -cf top.tar .
      umoci raw add-layer --image l:base --tag app top.tar
      skopeo copy --quiet oci:l:app oci-archive:app.oci.tar
      """
    for tool in ["umoci", "skopeo"] { _ = try Tool.find(tool) }
    try run("garboard-squash", preparedBy: Self.rootfs + layers)
  }

  @Test("garboard-scratch")
  func scratches() throws {
    try run(
      "garboard-scratch",
      preparedBy: """
        printf 'int main(void) { return 0; }' | gcc -static -x c -o hello -
        printf '#!/bin/sh\\necho run\\n' >run.sh
        mkdir -p context; cp hello context/some_binary
        printf 'FROM scratch\\nADD some_binary /\\nCMD ["/some_binary"]\\n' >context/Dockerfile
        """)
  }

  @Test("garboard-copy, with a registry on port 5000 of the loopback")
  func copies() throws {
    let folder = try TemporaryDirectory()
    let file = try folder.write(
      "config.yml",
      """
      version: 0.1
      log: {level: error, accesslog: {disabled: true}}
      storage: {filesystem: {rootdirectory: \(folder.appending("data"))}}
      http: {addr: "127.0.0.1:5000"}

      """)
    // It ends with this thread, if not before.
    let registry = try Command(Tool.find("docker-registry"), ["serve", file.string]).start()
    defer {
      registry.signal(15)
      _ = try? registry.wait()
    }
    try run(
      "garboard-copy",
      preparedBy: Self.rootfs + """

        garboard-import -q rootfs/ app:1 -o app.oci.tar
        until curl -sf http://127.0.0.1:5000/v2/ >/dev/null; do sleep 0.1; done
        garboard-copy -q app.oci.tar docker://localhost:5000/team/base:1
        """)
  }

  @Test("garboard-cache")
  func caches() throws { try run("garboard-cache", preparedBy: ":") }

  @Test("garboard-report")
  func reports() throws { try run("garboard-report", preparedBy: Self.images) }

  @Test("garboard-bootstrap, from the machine's mirror")
  func bootstraps() throws {
    try run("garboard-bootstrap", preparedBy: ":") { example in
      !["--engine debootstrap", "--base"].contains { example.command.contains($0) }
    }
  }

  @Test("garboard-bootstrap on a base, from the machine's mirror")
  func adds() throws {
    try run(
      "garboard-bootstrap",
      preparedBy: "garboard-bootstrap -q --variant apt trixie debian-trixie.oci.tar"
    ) { $0.command.contains("--base") }
  }

  @Test("garboard-bootstrap, with debootstrap, from the machine's mirror")
  func debootstraps() throws {
    try run("garboard-bootstrap", preparedBy: ":") { $0.command.contains("--engine debootstrap") }
  }
}
