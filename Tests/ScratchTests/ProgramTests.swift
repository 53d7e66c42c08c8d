import Posix
import SystemPackage
import TestSupport
import Testing

/// Programs run by podman from images that hold nothing but what they need. Needs root.
@Suite("Programs in images from scratch, as root")
struct ProgramTests {
  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  /// Makes an image, has it verified and run by podman, and compares its libraries with what ldd names.
  private func run(
    _ arguments: [String], _ command: [String], programs: [String], added: String? = nil
  ) throws -> String {
    let archive = folder.appending("image.oci.tar").string
    let made = try garboard("garboard-scratch", arguments + ["-t", "test", "-o", archive])
    #expect(made.status.isSuccess, "\(made.errorText)")
    #expect(!made.errorText.contains("warning"), "\(made.errorText)")
    let image = try #require(
      try verify(image: "oci-archive:\(archive)", running: command.isEmpty ? .configured : .command(command))
        .first)
    var expected: Set<String> = []
    for program in programs { expected.formUnion(try ScratchFixture.ldd(program).found) }
    let libraries = image.tree.lines.filter { $0["type"] == "file" && $0.path.contains(".so") }.map {
      "/" + $0.path
    }
    .filter { path in added.map { !path.hasPrefix($0) } ?? true }
    #expect(Set(libraries) == expected.filter { path in added.map { !path.hasPrefix($0) } ?? true })
    return image.output ?? ""
  }

  @Test("a static program, from one command line")
  func seed() throws {
    let program = folder.appending("some_binary")
    try ScratchFixture.compile(
      "#include <stdio.h>\nint main(void) { puts(\"it runs\"); return 0; }", program, ["-static"])
    #expect(try run([program.string], [], programs: []) == "it runs\n")
    let tree = try ScratchFixture.tree(folder, "tree", [program.string])
    #expect(try Tool.check("ls", ["-A", tree.string]).text == "some_binary\n")
    // The configuration is buildah's of the same, times and history aside.
    try Tool.check(
      "sh",
      [
        "-euc",
        """
        mkdir context; cp -p some_binary context
        printf 'FROM scratch\\nADD some_binary /\\nCMD ["/some_binary"]\\n' >context/Dockerfile
        buildah --root "$PWD/storage" --runroot "$PWD/run" --storage-driver vfs build -q -t oci-archive:theirs.tar context
        rm -rf storage run
        """,
      ], in: folder.path)
    let script = """
      import json, sys, tarfile
      def config(path):
          with tarfile.open(path) as tar:
              read = lambda name: json.load(tar.extractfile(name))
              blob = lambda one: read("blobs/" + one["digest"].replace(":", "/"))
              config = blob(blob(read("index.json")["manifests"][0])["config"])
              config["config"].pop("Labels", None)
              return config["architecture"], config["os"], config["config"]
      one, other = (config(path) for path in sys.argv[1:])
      assert one == other, (one, other)
      """
    try Tool.python(
      script, [folder.appending("image.oci.tar").string, folder.appending("theirs.tar").string])
  }

  @Test("bash")
  func bash() throws {
    let output = try run(
      [
        "--libraries", "/usr/bin/bash:/bin/bash", "--entrypoint", "/bin/bash -c", "--cmd",
        "[\"echo $((6 * 7)) $USER\"]",
        "--env", "USER=me",
      ], [], programs: ["/usr/bin/bash"])
    #expect(output == "42 me\n")
  }

  @Test("python3 with its library")
  func python() throws {
    let library = String(
      try Tool.python("import sysconfig; print(sysconfig.get_path('stdlib'))", []).text.dropLast())
    let modules = try Tool.check("find", ["\(library)/lib-dynload", "-name", "*.so"]).text
    let output = try run(
      ["--libraries", "/usr/bin/python3:/usr/bin/python3", "--add", "\(library):\(library)"],
      [
        "/usr/bin/python3", "-I", "-c",
        "import ctypes, json, ssl, sqlite3; print(json.dumps([len(ssl.OPENSSL_VERSION) > 0]))",
      ],
      programs: ["/usr/bin/python3"] + modules.split(separator: "\n").map(String.init), added: library)
    #expect(output == "[true]\n")
  }

  @Test("curl over TLS, with the authority of a root of its own")
  func tls() throws {
    // A root that is the closure itself, with an authority that nobody else trusts.
    let root = try ScratchFixture.tree(
      folder, "root", ["--libraries", "--nss", "--ca-certificates", "/usr/bin/curl:/usr/bin/curl"])
    let bundle = root.appending("etc/ssl/certs/ca-certificates.crt").string
    try Tool.check("cmp", [bundle, "/etc/ssl/certs/ca-certificates.crt"])
    try Tool.check(
      "sh",
      [
        "-euc",
        """
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=test-ca 2>/dev/null
        openssl req -newkey rsa:2048 -nodes -keyout key -out csr -subj /CN=localhost 2>/dev/null
        echo subjectAltName=DNS:localhost >ext
        openssl x509 -req -in csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out crt 2>/dev/null
        cp ca.crt "$0"
        """, bundle,
      ], in: folder.path)
    let server = """
      import http.server, ssl, sys
      class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
          self.send_response(200); self.end_headers(); self.wfile.write(b"over TLS")
        def log_message(self, *_): pass
      server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain("crt", "key")
      server.socket = context.wrap_socket(server.socket, server_side=True)
      with open("port.new", "w") as file: file.write(str(server.server_port))
      import os; os.rename("port.new", "port")
      server.serve_forever()
      """
    var command = Command(try Tool.find("python3"), ["-I", "-c", server])
    command.workingDirectory = folder.path
    let process = try command.start()
    defer {
      process.signal(9)
      _ = try? process.wait()
    }
    let port = try Tool.check(
      "sh", ["-c", "until [ -e port ]; do sleep 0.05; done; cat port"], in: folder.path
    ).text
    let output = try run(
      [
        "--libraries", "--nss", "--ca-certificates", "--root", root.string,
        "\(root.string)/usr/bin/curl:/usr/bin/curl",
      ],
      ["/usr/bin/curl", "-sS", "https://localhost:\(port)/"], programs: ["/usr/bin/curl"])
    #expect(output == "over TLS")
  }

  @Test("getent for hosts and users, through the name service")
  func nameService() throws {
    let options = ["--libraries", "--nss", "--user", "app:4321:4322", "/usr/bin/getent:/usr/bin/getent"]
    #expect(
      try run(options, ["/usr/bin/getent", "passwd", "app"], programs: ["/usr/bin/getent"])
        == "app:x:4321:4322:app:/home/app:/sbin/nologin\n")
    let tree = try ScratchFixture.tree(folder, "tree", options)
    let hosts = try Tool.check("chroot", [tree.string, "/usr/bin/getent", "hosts", "127.0.0.1"]).text
    #expect(hosts.split(separator: " ").last == "localhost\n")
    #expect(
      try Tool.check("stat", ["-c", "%u:%g %a", tree.appending("home/app").string]).text == "4321:4322 700\n")
  }

  @Test("date in a named zone")
  func zones() throws {
    let output = try run(
      ["--libraries", "--tzdata", "/usr/bin/date:/usr/bin/date", "--env", "TZ=Asia/Kathmandu"],
      ["/usr/bin/date", "-d", "@0", "+%F %T %z"], programs: ["/usr/bin/date"])
    #expect(
      output == (try Tool.check("date", ["-d", "@0", "+%F %T %z"], environment: ["TZ=Asia/Kathmandu"]).text))
    #expect(output.contains("+0530"))
  }

  @Test("a C++ program with exceptions")
  func cxx() throws {
    let program = folder.appending("cxx")
    try ScratchFixture.compile(
      """
      #include <iostream>
      #include <stdexcept>
      int main() { try { throw std::runtime_error("caught"); } catch (std::exception &e) { std::cout << e.what() << "\\n"; } }
      """, program, with: "g++")
    #expect(try run(["--libraries", program.string], [], programs: [program.string]) == "caught\n")
  }

  @Test("a Swift program, this package's own")
  func swift() throws {
    let program = try builtProgram("garboard-import").string
    let output = try run(
      ["--libraries", "\(program):\(program)"], [program, "--version"], programs: [program])
    #expect(output.hasPrefix("garboard-import "))
  }

  @Test("a script with its interpreter, and one that lacks it")
  func scripts() throws {
    let script = try folder.write("hello.sh", "#!/bin/sh\necho \"script $1\"\n").string
    try Tool.check("chmod", ["755", script])
    let output = try run(
      ["--shell", script, "--cmd", "/hello.sh"], ["/hello.sh", "runs"], programs: [])
    #expect(output == "script runs\n")
    let lacking = try garboard("garboard-scratch", script, "-o", folder.appending("x.tar").string)
    #expect(lacking.status == .exited(1))
    #expect(
      lacking.errorText
        == "garboard-scratch: error: \(script) is a script for /bin/sh, but /bin/sh is not in the image: add it as FILE:/bin/sh\n"
    )
  }

  @Test("a program for arm64 with its libraries from a root of that machine, under qemu")
  func foreign() throws {
    let suite = try Tool.check("sh", ["-c", ". /etc/os-release; echo $VERSION_CODENAME"]).text.dropLast()
    let root = folder.appending("arm64")
    let made = try garboard(
      "garboard-bootstrap", "--variant", "extract", "--arch", "arm64", "--include", "coreutils",
      String(suite),
      "rootfs:\(root.string)")
    #expect(made.status.isSuccess, "\(made.errorText)")
    let archive = folder.appending("arm64.oci.tar").string
    let program = root.appending("bin/ls").string
    let options = ["--libraries", "--root", root.string, "\(program):/bin/ls"]
    let result = try garboard("garboard-scratch", options + ["-o", archive])
    #expect(result.status.isSuccess, "\(result.errorText)")
    let image = try #require(try verify(image: "oci-archive:\(archive)", running: .nothing).first)
    #expect(image.platform.hasPrefix("linux/arm64"))
    let qemu = try Tool.find("qemu-aarch64-static").string
    let tree = try ScratchFixture.tree(folder, "tree", options)
    // The loader of that root itself says what it takes.
    try Tool.check("cp", [qemu, root.string])
    let listed = try Tool.check(
      "chroot", [root.string, "/qemu-aarch64-static", "/lib/ld-linux-aarch64.so.1", "--list", "/bin/ls"]
    ).text
    var expected: Set<String> = []
    for path in listed.split(whereSeparator: \.isWhitespace) where path.hasPrefix("/") {
      let real = try Tool.check("realpath", [root.string + path]).text.dropLast()
      expected.insert(String(real.dropFirst(root.string.count)))
    }
    #expect(expected.count >= 4)
    #expect(try ScratchFixture.libraries(in: tree) == expected)
    try Tool.check("cp", [qemu, tree.string])
    let output = try Tool.check("chroot", [tree.string, "/qemu-aarch64-static", "/bin/ls", "/bin"]).text
    #expect(output == "ls\n")

    // One index of both.
    let both = folder.appending("both.oci.tar").string
    let index = try garboard(
      "garboard-scratch", "--libraries", "--multi-arch", "--root", "/", "--root", "arm64=\(root.string)",
      "\(program):/bin/ls", "/usr/bin/ls:/bin/ls", "-o", both)
    #expect(index.status.isSuccess, "\(index.errorText)")
    let images = try verify(image: "oci-archive:\(both)", running: .nothing)
    #expect(Set(images.map(\.platform)).count == 2)
  }
}
