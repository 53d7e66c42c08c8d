import Posix
import SystemPackage
import TestSupport
import Testing

/// README's way of a family of images from recipes to a registry, line by line, with a registry of the test's own.
@Suite("README's family of images (root)")
struct ReadmeFamilyTests {
  /// The lines between ```` ```sh ```` and the end of that block.
  private func lines() throws -> [Substring] {
    var folder = FilePath(#filePath)
    for _ in 0..<3 { folder.removeLastComponent() }
    let readme = String(decoding: try readBytes(folder.appending("README.md")), as: UTF8.self)
    let lines = readme.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex(of: "```sh"))
    return Array(lines[(start + 1)...].prefix { $0 != "```" })
  }

  @Test("is made, pushed and run, and shares the layers that it should")
  func family() throws {
    let lines = try lines()
    #expect(lines.count <= 10)
    let registry = try DockerRegistry()
    let folder = try TemporaryDirectory()
    try folder.write(
      "registries.conf", "[[registry]]\nlocation = \"\(registry.host)\"\ninsecure = true\n")
    try folder.write(
      "script", lines.joined(separator: "\n").replacing("registry.example.org", with: registry.host))
    // podman as it runs where cgroups and limits are not its own to set.
    let podman = """
      #!/bin/sh
      shift
      exec unshare --mount sh -c '
        umount /sys/fs/cgroup/unified 2>/dev/null
        run=$(mktemp -d /run/garboard.XXXXXX) || exit
        /usr/bin/podman --root "$0" --runroot "$run/root" --tmpdir "$run/tmp" --storage-driver overlay \\
          run --quiet --cgroups=disabled --network=host --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@"
        status=$?
        umount -R "$run/root" "$0/overlay" 2>/dev/null
        rm -rf "$run" "$0"
        exit $status
      ' '\(folder.appending("storage"))' "$@"
      """
    let wrapper = try folder.write("bin/podman", podman)
    try Tool.check("chmod", ["755", wrapper.string])
    _ = try Tool.find("podman")
    let path = "\(folder.appending("bin")):\(try productsDirectory()):/usr/sbin:/usr/bin:/sbin:/bin"
    let told = try Tool.run(
      "sh", ["-eu", folder.appending("script").string],
      environment: [
        "PATH=\(path)", "CONTAINERS_REGISTRIES_CONF=\(folder.appending("registries.conf"))",
        "GARBOARD_CACHE=\(folder.appending("cache"))",
      ],
      in: folder.path)
    #expect(told.status.isSuccess, "\(told.errorText)")
    #expect(told.text.hasSuffix("hello\n"))
    func layers(_ name: String) throws -> [Substring] {
      let told = try Tool.check(
        "skopeo",
        [
          "inspect", "--tls-verify=false", "--format", "{{range .Layers}}{{.}} {{end}}",
          "docker://\(registry.host)/\(name):1",
        ])
      return told.text.split { $0 == " " || $0 == "\n" }
    }
    let system = try layers("system")
    let tls = try layers("tls")
    #expect(system.count == 1)
    #expect(tls.count == 2 && tls[0] == system[0])
    #expect(try layers("hello") == tls)
  }
}
