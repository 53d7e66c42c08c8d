import Digest
import Posix
import SystemPackage
import TestSupport
import Testing

/// What Debian's buildah doesn't know yet, by docker's documentation
/// (<https://docs.docker.com/reference/dockerfile/>); trees are read by Python's tarfile.
@Suite struct DockerSemanticsTests {
  private func build(_ dockerfile: String, _ script: String = DockerfileCase.files) throws -> TestBuild {
    try TestBuild(script, dockerfile, in: try TemporaryDirectory())
  }

  private func sum(_ text: String) -> String { SHA256.digest(Array(text.utf8)).hex }

  @Test("Texts in the Dockerfile")
  func heredocs() throws {
    let tree = try build(
      """
      FROM scratch
      ARG NAME=world
      COPY <<EOF /hello
      hello "$NAME" and '${NAME:-x}' \\$NAME
      # no comment
      EOF
      COPY <<"EOF" /raw
      $NAME \\$x
      EOF
      COPY <<-EOF /tabs/
      \t\tone
      \t two
      \tEOF
      COPY <<one <<two a /many/
      1
      one
      2
      two
      ADD --chmod=755 --chown=3:4 <<run.sh /bin/
      #!/bin/sh
      run.sh
      COPY <<EMPTY /empty
      EMPTY
      """
    ).tree()
    #expect(
      tree.field("sha256", of: "hello") == sum("hello \"world\" and 'world' $NAME\n# no comment\n"))
    #expect(tree.field("sha256", of: "raw") == sum("$NAME \\$x\n"))
    #expect(tree.field("sha256", of: "tabs/EOF") == sum("one\n two\n"))
    #expect(tree.field("sha256", of: "many/one") == sum("1\n"))
    #expect(tree.field("sha256", of: "many/two") == sum("2\n"))
    #expect(tree.field("sha256", of: "many/a") == sum("a\n"))
    #expect(tree.field("mode", of: "bin/run.sh") == "0755")
    #expect(tree.field("owner", of: "bin/run.sh") == "3:4")
    #expect(tree.field("mode", of: "hello") == "0644")
    #expect(tree.field("size", of: "empty") == "0")
  }

  @Test("--exclude")
  func exclude() throws {
    let tree = try build(
      """
      FROM scratch
      COPY --exclude=*.txt --exclude=d/sub . /c/
      COPY --exclude=one* *.txt /t/
      COPY --exclude=* --exclude=!sub/y d /d/
      """
    ).tree()
    #expect(
      tree.paths == [
        "c", "c/a", "c/b", "c/d", "c/d/link", "c/d/x", "c/dir-link", "c/e", "c/file-link", "c/with\\x20space",
        "d", "d/sub", "d/sub/y", "t", "t/two.txt",
      ])
  }

  @Test("--parents")
  func parents() throws {
    let tree = try build(
      """
      FROM scratch
      COPY --parents d/sub/y a /p/
      COPY --parents d/./sub/deep /q/
      COPY --parents ./**/z ./d/*/y /r/
      """
    ).tree()
    #expect(
      tree.paths == [
        "p", "p/a", "p/d", "p/d/sub", "p/d/sub/y", "q", "q/sub", "q/sub/deep", "q/sub/deep/z", "r", "r/d",
        "r/d/sub", "r/d/sub/deep", "r/d/sub/deep/z", "r/d/sub/y",
      ])
    #expect(tree.field("mode", of: "p/d/sub") == "0700")
  }

  @Test("Destinations lead through symlinks inside the root; --link doesn't follow them")
  func links() throws {
    let script = """
      mkdir -p r/usr/lib; ln -s usr/lib r/lib; ln -s /usr/lib r/abs; ln -s ../../../usr/lib r/up
      ln -s /nowhere r/dangling; ln -s usr/lib/f r/filelink; echo f >r/usr/lib/f
      echo a >a; mkdir s; echo 1 >s/1
      """
    let tree = try build(
      """
      FROM scratch
      COPY r /
      COPY a /lib/1
      COPY a /abs/2
      COPY a /up/
      COPY s /lib
      COPY a /dangling/x
      COPY a /filelink
      WORKDIR /lib/w
      COPY a .
      """, script
    ).tree()
    #expect(
      tree.paths == [
        "abs", "dangling", "filelink", "lib", "nowhere", "nowhere/x", "up", "usr", "usr/lib", "usr/lib/1",
        "usr/lib/2", "usr/lib/a", "usr/lib/f", "usr/lib/w", "usr/lib/w/a",
      ])
    #expect(tree.field("sha256", of: "usr/lib/f") == sum("a\n"))
    #expect(tree.field("sha256", of: "usr/lib/1") == sum("1\n"))
    let linked = try build("FROM scratch\nCOPY r /\nCOPY --link a /lib/", script).tree()
    #expect(linked.field("type", of: "lib") == "directory")
    #expect(linked.paths.contains("lib/a"))
  }

  @Test("--chmod with letters, and setuid bits")
  func modes() throws {
    let tree = try build(
      """
      FROM scratch
      COPY --chmod=u+x,go= a /a
      COPY --chmod=go+rX d /d
      COPY --chmod=a=rw b /b
      COPY s /s
      ADD --chmod=4711 a /suid
      """, DockerfileCase.files + "\necho s >s; chmod 6755 s"
    ).tree()
    #expect(tree.field("mode", of: "a") == "0700")
    #expect(tree.field("mode", of: "d/sub") == "0755")
    #expect(tree.field("mode", of: "d/x") == "0755")
    #expect(tree.field("mode", of: "d/sub/y") == "0644")
    #expect(tree.field("mode", of: "b") == "0666")
    #expect(tree.field("mode", of: "s") == "6755")
    #expect(tree.field("mode", of: "suid") == "4711")
  }

  @Test("Archives unpack through symlinks, and replace what is in their way")
  func archives() throws {
    let script = """
      mkdir -p r/usr/lib/old t/lib t/usr/was; ln -s usr/lib r/lib; echo f >r/usr/was
      echo 1 >t/lib/1; echo in >t/usr/was/in; ln t/lib/1 t/usr/hard
      tar -C t --no-recursion -cf t.tar lib/1 usr/was usr/was/in usr/hard; rm -r t
      """
    let tree = try build("FROM scratch\nCOPY r /\nADD t.tar /", script).tree()
    #expect(
      tree.paths == [
        "lib", "usr", "usr/hard", "usr/lib", "usr/lib/1", "usr/lib/old", "usr/was", "usr/was/in",
      ])
    #expect(tree.field("type", of: "lib") == "symlink")
    let plain = try build("FROM scratch\nADD --unpack=false t.tar /x/", script).tree()
    #expect(plain.paths == ["x", "x/t.tar"])
  }

  @Test("Names of stages don't care for case; an escape character other than the backslash; ONBUILD")
  func odds() throws {
    let layout = try TemporaryDirectory()
    let base = try build("FROM scratch\nONBUILD COPY a /from/trigger\nONBUILD ENV T=1\nENV B=2")
    let made = try base.run("oci:\(layout.appending("base")):b")
    #expect(made.status.isSuccess, "\(made.errorText)")
    let next = try build(
      """
      # escape=`
      FROM \(layout.appending("base")):b AS Base
      ENV W=c:\\d V=`$B
      FROM scratch
      COPY --from=BASE /from /to
      FROM named
      COPY --from=ctx /f /f
      COPY --from=base /from /again
      """)
    let context = try TemporaryDirectory()
    _ = try context.write("f", "f")
    let options = [
      "--build-context", "named=oci:\(layout.appending("base")):b", "--build-context", "ctx=\(context.path)",
    ]
    let tree = try next.tree(options)
    #expect(tree.paths == ["again", "again/trigger", "f", "from", "from/trigger"])
  }

  @Test("Only what a target needs is built")
  func targets() throws {
    let tree = try build(
      """
      FROM scratch AS one
      COPY a /
      FROM scratch AS two
      RUN make
      COPY nothing /
      FROM one AS three
      COPY b /
      """
    ).tree(["--target", "THREE"])
    #expect(tree.paths == ["a", "b"])
  }

  @Test("Dockerfile.dockerignore stands for .dockerignore; a build argument that nothing takes is named")
  func ignoreFile() throws {
    let build = try build("FROM scratch\nCOPY . /", DockerfileCase.files + "\necho d >.dockerignore")
    _ = try build.folder.write("Dockerfile.dockerignore", "*\n!d\n!*.txt\n")
    let tree = try build.tree()
    #expect(
      tree.paths == [
        "d", "d/link", "d/sub", "d/sub/deep", "d/sub/deep/z", "d/sub/y", "d/x", "one.txt", "two.txt",
      ])
    let result = try build.run("oci:\(build.folder.appending("o")):x", ["--build-arg", "LOST=1"])
    #expect(result.errorText.contains("warning: the build argument LOST is used by no ARG"))
  }

  @Test("Platforms")
  func platforms() throws {
    let build = try build(
      """
      FROM --platform=$BUILDPLATFORM scratch AS tools
      ARG TARGETARCH
      ARG TARGETVARIANT
      COPY a /$TARGETARCH-$TARGETVARIANT
      FROM scratch
      COPY --from=tools / /
      """)
    #expect(try build.tree(["--platform", "linux/arm/v6"]).paths == ["arm-v6"])
    let result = try build.run(
      "oci:\(build.folder.appending("p")):x", ["--platform", "linux/arm/v6", "--json"])
    #expect(result.text.contains("\"platform\": \"linux/arm/v6\""))
  }
}
