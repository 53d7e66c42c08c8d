import Dockerfile
import Image
import OCI
import Posix
import SystemPackage
import Testing
import TestSupport

/// Changes of configurations, asked of the builder that uses moby's own parser.
@Suite struct ConfigChangeTests {
  /// Each row is one Dockerfile's worth of instructions.
  static let rows: [[String]] = [
    ["CMD [\"a\", \"b c\"]"], ["CMD echo  hi  "], ["CMD ['a', 'b']"], ["CMD [\"a\",]"],
    ["CMD [ -f x ] && y"], ["ENTRYPOINT [\"/init\", \"--\"]"], ["ENTRYPOINT exec top -b"],
    ["ENTRYPOINT [\"a\"]", "CMD [\"b\"]"], ["CMD [\"b\"]", "ENTRYPOINT [\"a\"]"],
    ["CMD [\"b\"]", "ENTRYPOINT []"],
    ["CMD [\"a\"] x"], ["USER \"u\""], ["LABEL a='$x' b=\"${x:-y}\""], ["ENV A=\"b \\", " c\""],
    ["cmd x", "env a=b"], ["ENV A=$", "ENV B=$.x C=${A}"], ["LABEL a=b\\"], ["ENV A=\"\\x\"", "ENV B=\\x"],
    ["ENV A=b"], ["ENV A b c"], ["ENV A=b C=\"d e\" F='g h' I=j\\ k"], ["ENV A=b", "ENV C=$A D=${A}x A=z"],
    ["ENV A=1", "ENV B=${A:-x} C=${N:-x} D=${A:+y} E=${N:+y}"], ["ENV A=\"q \\\"r\\\" \\\\ \\$A\""],
    ["ENV A='$A \"x\"'"], ["ENV A=", "ENV B=x", "ENV A=y"], ["ENV A=b \\", "  C=d"],
    ["ENV A=b \\", "# note", "  C=d"], ["ENV PATH=/x:$PATH"], ["ENV A=x'y'\"z\""], ["ENV A=é"],
    ["LABEL a=b c=\"d e\""], ["LABEL a b c"], ["LABEL a=1", "LABEL a=2 b=$a"], ["LABEL \"a b\"=c"],
    ["ENV P=9000", "EXPOSE 80 443/tcp 53/udp $P"], ["EXPOSE 80", "EXPOSE 80/tcp 81"],
    ["USER u"], ["USER 1000:1000"], ["ENV U=me", "USER $U"],
    ["VOLUME /a"], ["VOLUME /a /b"], ["VOLUME [\"/a\", \"/b c\"]"], ["ENV D=/x", "VOLUME $D/y"],
    ["WORKDIR /a"], ["WORKDIR /a", "WORKDIR b/../c"], ["WORKDIR a"], ["ENV D=/x", "WORKDIR $D/y"],
    ["STOPSIGNAL SIGINT"], ["STOPSIGNAL 9"],
    ["ONBUILD RUN  make x"], ["ONBUILD ADD . /x", "ONBUILD CMD [\"a\"]"],
    ["HEALTHCHECK NONE"], ["HEALTHCHECK CMD curl x"],
    ["HEALTHCHECK --interval=5m --timeout=3s --retries=3 --start-period=1m30s CMD [\"a\", \"b\"]"],
  ]

  /// The members that both sides have; docker's others are always there and empty.
  static let names = [
    "Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "StopSignal", "User",
    "Volumes",
    "WorkingDir",
  ]

  /// Builds all rows with buildah, as docker images, in one run of the shell.
  static func oracle() throws -> [JSONValue] {
    let directory = try TemporaryDirectory()
    for name in ["buildah", "skopeo"] { _ = try Tool.find(name) }
    for (index, row) in rows.enumerated() {
      let text = (["FROM scratch"] + row).joined(separator: "\n") + "\n"
      try directory.write("\(index)/Dockerfile", text)
    }
    let script = """
      umount /sys/fs/cgroup/unified 2>/dev/null || true
      cd "$0"
      b() { buildah --root "$0/root" --runroot "$0/run" --storage-driver vfs "$@"; }
      for n in $(seq 0 \(rows.count - 1)); do
        b bud -q --identity-label=false --format docker --isolation chroot -t "t$n" "$n" >/dev/null
        b inspect --type image "t$n" > "$n.json"
      done
      """
    try Tool.check("unshare", ["-m", "sh", "-euc", script, directory.path.string])
    return try rows.indices.map { index in
      try JSONValue(parsing: readBytes(directory.appending("\(index).json")))["Docker"]["config"]
    }
  }

  @Test func asMobysParserTakesThem() throws {
    let expected = try Self.oracle()
    for (row, expected) in zip(Self.rows, expected) {
      var config = ImageConfig(platform: .host)
      // What this builder starts every image from.
      config.runtime.environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
      try config.runtime.apply(Instruction.parseChanges(row))
      let found = config.json["config"]
      for name in Self.names {
        #expect(Self.plain(found[name]) == Self.plain(expected[name]), "\(name) of \(row)")
      }
    }
  }

  /// Empty is the same as absent here.
  private static func plain(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let object) where object.isEmpty: .null
    case .array(let elements) where elements.isEmpty: .null
    case .string(""): .null
    case let value: value
    }
  }

  static func applied(_ changes: [String], to config: RuntimeConfig = RuntimeConfig()) throws -> RuntimeConfig
  {
    var config = config
    try config.apply(Instruction.parseChanges(changes))
    return config
  }

  @Test func onTopOfAnImage() throws {
    var base = RuntimeConfig()
    base.environment = ["PATH=/bin", "A=1", "B"]
    base.command = ["old"]
    base.workingDirectory = "/srv"
    base.exposedPorts = ["80/tcp"]
    base.labels = ["a": "1", "b": "2"]
    base.onBuild = ["RUN x"]
    #expect(
      try Self.applied(["ENV PATH=$PATH:/x A=2 C=$B-$NONE"], to: base).environment == [
        "PATH=/bin:/x", "A=2", "B", "C=-",
      ])
    // A command belonged to the entrypoint that it was set with.
    #expect(try Self.applied(["ENTRYPOINT [\"e\"]"], to: base).command == nil)
    #expect(try Self.applied(["CMD [\"c\"]", "ENTRYPOINT [\"e\"]"], to: base).command == ["c"])
    #expect(try Self.applied(["USER x"], to: base).command == ["old"])
    #expect(try Self.applied(["WORKDIR ../a/./b"], to: base).workingDirectory == "/a/b")
    #expect(
      try Self.applied(["EXPOSE 443 8-9/udp"], to: base).exposedPorts == [
        "443/tcp", "8/udp", "80/tcp", "9/udp",
      ])
    #expect(try Self.applied(["LABEL b=3 c=4"], to: base).labels == ["a": "1", "b": "3", "c": "4"])
    #expect(try Self.applied(["ONBUILD RUN y"], to: base).onBuild == ["RUN x", "RUN y"])
    // Builders ask SHELL for all shell forms, says the reference of Dockerfiles; buildah does for RUN only.
    let shell = "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]"
    #expect(
      try Self.applied([shell, "CMD a | b"]).command == ["/bin/bash", "-o", "pipefail", "-c", "a | b"])
    #expect(
      try Self.applied([shell, "ENTRYPOINT a"]).entrypoint == ["/bin/bash", "-o", "pipefail", "-c", "a"])
    #expect(try Self.applied(["CMD"], to: base).command == ["/bin/sh", "-c"])
    #expect(try Self.applied(["ENTRYPOINT"], to: base).entrypoint == nil)
  }

  @Test func errorsOfVariables() {
    #expect(throws: DockerfileError.self) { try Self.applied(["ENV P=x", "EXPOSE $P"]) }
    #expect(throws: DockerfileError.self) { try Self.applied(["STOPSIGNAL $S"]) }
  }
}
