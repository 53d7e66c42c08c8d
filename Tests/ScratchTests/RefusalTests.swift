import Posix
import SystemPackage
import TestSupport
import Testing

@Suite("What garboard-scratch refuses, and that it is always the same")
struct RefusalTests {
  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  private func refused(_ arguments: [String], says text: String, status: Int32 = 1) throws {
    let output = folder.appending("x.oci.tar")
    let result = try garboard("garboard-scratch", arguments + ["-o", output.string], in: folder.path)
    #expect(result.status == .exited(status), "\(arguments): \(result.errorText)")
    #expect(result.errorText.contains(text), "\(arguments): \(result.errorText)")
    if status == 1 { #expect(result.errorText.split(separator: "\n").count == 1, "\(result.errorText)") }
    #expect(try !Tool.run("test", ["-e", output.string]).status.isSuccess)
    let left = try Tool.check("find", [folder.path.string, "-name", ".garboard*"]).text.split(separator: "\n")
    // The folder itself has such a name.
    #expect(left.count == 1)
  }

  @Test("what is missing, of another kind or platform, or has no meaning")
  func refusals() throws {
    let text = try folder.write("text", "no program\n").string
    try ScratchFixture.compile("int main(void) { return 0; }", folder.appending("dynamic"))
    // A copy that says it is for arm64.
    var bytes = try readBytes(folder.appending("dynamic"))
    bytes[18] = 183
    try folder.write("arm64", bytes)
    try folder.write("object", Array(bytes[..<16]) + [1] + bytes[17...])
    try refused(["nothing-here"], says: "there is no file nothing-here")
    try refused(["/usr"], says: "/usr is no file")
    try refused([text], says: "is neither an ELF program nor a script")
    try refused(["object"], says: "no program for Linux")
    try refused(["arm64", "--libraries"], says: "ld-linux-x86-64.so.2 is for another architecture")
    try refused(
      ["dynamic", "arm64"], says: "for several platforms: dynamic (linux/amd64), arm64 (linux/arm64)")
    try refused(
      ["dynamic", "--platform", "linux/arm64"], says: "dynamic is for linux/amd64, not for linux/arm64")
    try refused(["dynamic", "--add", "missing:/x"], says: "there is no file missing")
    try refused(["dynamic", "--chown", "nobody-here"], says: "the image knows no \"nobody-here\"")
    try refused(["dynamic", "--add", "\(text):/dynamic/x"], says: "is no folder")
    try refused(["dynamic", "--root", folder.path.string, "--libraries"], says: "needs what was not found")
    for extra in ["--init", "--shell", "--tzdata", "--ca-certificates"] {
      try refused(["dynamic", "--root", folder.path.string, extra], says: "\(extra) needs ")
    }
    try refused(["dynamic", "--change", "RUN x"], says: "--change", status: 64)
    try refused(["dynamic", "--user", "a b"], says: "is not NAME", status: 64)
    try refused(["dynamic", "--chmod", "9"], says: "octal", status: 64)
    try refused(["dynamic", "--entrypoint", "[1]"], says: "JSON array", status: 64)
    try refused([":/x"], says: "is not FILE or FILE:DEST")
  }

  @Test("hostile ELF files and symlinks, with one line")
  func hostile() throws {
    try ScratchFixture.compile("int main(void) { return 0; }", folder.appending("good"))
    let good = try readBytes(folder.appending("good"))
    try folder.write("short", Array(good[..<100]))
    try refused(["short"], says: "short is truncated: the program header table is beyond its end")
    var far = good
    for index in 32..<40 { far[index] = 0xff }
    try folder.write("far", far)
    try refused(["far"], says: "beyond its end")
    var many = good
    many[56] = 0xff
    many[57] = 0xff
    try folder.write("many", many)
    try refused(["many"], says: "has 65535 entries")
    try Tool.check("sh", ["-c", "ln -s loop2 loop1; ln -s loop1 loop2"], in: folder.path)
    try refused(["loop1"], says: "too many symlinks")
  }

  @Test("a dynamic program without its libraries is warned of, by name")
  func warning() throws {
    let program = folder.appending("dynamic")
    try ScratchFixture.compile("int main(void) { return 0; }", program)
    let result = try garboard("garboard-scratch", program.string, "-o", folder.appending("x.tar").string)
    #expect(result.status.isSuccess)
    #expect(
      result.errorText.contains(
        "warning: \(program) will not start without /lib64/ld-linux-x86-64.so.2, libc.so.6 (--libraries adds")
    )
  }

  @Test("the same files give the same image for every user and umask (as root)")
  func same() throws {
    try Tool.check("chmod", ["755", folder.path.string])
    let options = [
      "--libraries", "--nss", "--ca-certificates", "--tzdata", "--init", "--shell", "--tmp", "--user", "me:5",
      "/usr/bin/bash:/bin/bash", "--sbom",
    ]
    var results: [[UInt8]] = []
    var bills: [[UInt8]] = []
    let tool = try builtProgram("garboard-scratch").string
    for (index, wrapper) in [
      "umask 022;", "umask 077; exec setpriv --reuid 65534 --regid 65534 --clear-groups",
    ].enumerated() {
      let own = folder.appending("\(index)")
      try Tool.check("install", ["-d", "-m", "777", own.string])
      try Tool.check(
        "sh",
        ["-c", "\(wrapper) \"$0\" \"$@\"", tool] + options + [
          "\(own)/bill.json", "-q", "-o", "\(own)/image.oci.tar",
        ],
        environment: ["TZ=\(index == 0 ? "UTC" : "Asia/Tokyo")", "TMPDIR=\(own)"])
      results.append(try Tool.check("sha256sum", [], input: readBytes(own.appending("image.oci.tar"))).output)
      bills.append(try readBytes(own.appending("bill.json")))
    }
    #expect(results[0] == results[1])
    #expect(bills[0] == bills[1])
  }
}
