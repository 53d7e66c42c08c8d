import Testing

/// A context and a Dockerfile, which buildah and we build.
struct DockerfileCase: CustomTestStringConvertible, Sendable {
  var name: String
  /// A shell script that makes the context in the working directory.
  var context: String
  var dockerfile: String
  /// Options of both tools.
  var options: [String] = []
  /// Whether its configuration has fields that buildah writes in docker's format only; then there is no tree
  /// to compare.
  var isDocker = false

  init(
    _ name: String, _ context: String, _ dockerfile: String, _ options: [String] = [], isDocker: Bool = false
  ) {
    self.name = name
    self.context = context
    self.dockerfile = dockerfile
    self.options = options
    self.isDocker = isDocker
  }

  var testDescription: String { name }

  /// A few files and directories, which most cases use.
  static let files = """
    mkdir -p d/sub/deep e; echo a >a; echo b >b; chmod 640 b; echo x >d/x; echo y >d/sub/y
    echo z >d/sub/deep/z; chmod 700 d/sub; chmod 755 d/x; ln -s x d/link; ln -s a file-link; ln -s d dir-link
    echo 1 >one.txt; echo 2 >two.txt; echo 3 >'with space'
    """
  /// A stage with users and symlinks.
  static let users = """
    \(files)
    mkdir etc; printf 'root:x:0:0::/:/x\\nweb:x:33:34::/:/x\\n' >etc/passwd
    printf 'root:x:0:\\nweb:x:34:\\nstaff:x:50:\\n' >etc/group
    """
  /// Archives in all compressions.
  static let archives = """
    \(files)
    mkdir t; echo in >t/in; mkdir -m 700 t/dir; echo 2 >t/dir/two; ln -s in t/ln; ln t/in t/hard
    chown -R 7:8 t; tar -C t -cf t.tar .; gzip -k t.tar; bzip2 -k t.tar; xz -k t.tar; zstd -q t.tar
    cp t.tar.gz noname; gzip -c a >a.gz; rm -r t
    """

  static let copies: [DockerfileCase] = [
    .init("the seed", files, "FROM scratch\nADD a /\nCMD [\"/a\"]"),
    .init("a file in a new place", files, "FROM scratch\nCOPY a /x/y/z"),
    .init("a file into a directory", files, "FROM scratch\nCOPY a b /x/y/"),
    .init("a directory's content", files, "FROM scratch\nCOPY d /new"),
    .init("a directory into the root", files, "FROM scratch\nCOPY d /"),
    .init("the whole context", files, "FROM scratch\nCOPY . /all/\nCOPY . ."),
    .init("relative to WORKDIR", files, "FROM scratch\nWORKDIR /w\nCOPY a .\nCOPY b c\nCOPY d ./d/"),
    .init("relative WORKDIRs", files, "FROM scratch\nWORKDIR a\nWORKDIR b/../c\nWORKDIR ./d\nCOPY a ./"),
    .init("WORKDIR that is there", files, "FROM scratch\nCOPY d /d\nWORKDIR /d/sub\nCOPY a ."),
    .init(
      "wildcards", files, "FROM scratch\nCOPY *.txt /txt/\nCOPY d/s*/y /y\nCOPY [ab] /ab/\nCOPY ?ne.txt /q"),
    .init("wildcards over directories", files, "FROM scratch\nCOPY d/* /w/\nCOPY d/*/deep /deep/"),
    .init("one match without a slash", files, "FROM scratch\nCOPY on*.txt /one"),
    .init("a JSON array", files, "FROM scratch\nCOPY [\"with space\", \"a\", \"/to here/\"]"),
    .init("links to files and directories", files, "FROM scratch\nCOPY file-link /f\nCOPY dir-link /d"),
    .init("links in a directory stay", files, "FROM scratch\nCOPY d /d"),
    .init("a path through a link", files, "FROM scratch\nCOPY dir-link/sub /s"),
    .init(
      "links that stay inside", "mkdir -p d/e; echo v >v; ln -s ../../v d/e/l; ln -s /v abs",
      "FROM scratch\nCOPY d/e/l /l\nCOPY abs /abs"),
    .init("hardlinks", "mkdir h; echo 1 >h/a; ln h/a h/b; ln h/a h/c", "FROM scratch\nCOPY h /h"),
    .init("a file over a file", files, "FROM scratch\nCOPY a /f\nCOPY b /f"),
    .init("a file into a directory that is there", files, "FROM scratch\nCOPY d /d\nCOPY a /d"),
    .init("a directory over one", files, "FROM scratch\nCOPY d /d\nCOPY d/sub /d\nCOPY e /d/sub"),
    .init("an empty directory", files, "FROM scratch\nCOPY e /e"),
    .init(
      "absolute and dotted sources", files, "FROM scratch\nCOPY /a /1/\nCOPY ./d/../b /2/\nCOPY ../a /3/"),
    .init("destinations with dots", files, "FROM scratch\nCOPY a /x/../y/./z\nCOPY b ../../up"),
    .init("modes", files, "FROM scratch\nCOPY --chmod=600 a /a\nCOPY --chmod=750 d /d\nCOPY b /b"),
    .init("owners as numbers", files, "FROM scratch\nCOPY --chown=5:6 a /x/a\nCOPY --chown=7:8 d /d"),
    .init(
      "owners by name", users,
      """
      FROM scratch
      COPY etc /etc
      COPY --chown=web:staff a /n/a
      COPY --chown=web d /d
      COPY --chown=root:web b /b
      COPY --chown=web:50 b /c
      """),
    .init("WORKDIR with USER", users, "FROM scratch\nCOPY etc /etc\nUSER web\nWORKDIR /home/web\nCOPY a ."),
    .init("names that are no UTF-8", "touch \"$(printf 'n\\351')\" ordinary", "FROM scratch\nCOPY . /n/"),
    .init("a second source that is a directory", files, "FROM scratch\nCOPY a d e /m/"),
  ]

  static let adds: [DockerfileCase] = [
    .init("ADD of a directory", files, "FROM scratch\nADD d /d\nADD a b /c/"),
    .init("ADD unpacks a tar", archives, "FROM scratch\nADD t.tar /t/"),
    .init("ADD unpacks into the root", archives, "FROM scratch\nADD t.tar /"),
    .init("ADD unpacks gzip", archives, "FROM scratch\nADD t.tar.gz /gz"),
    .init("ADD unpacks bzip2 and xz", archives, "FROM scratch\nADD t.tar.bz2 /b/\nADD t.tar.xz /x/"),
    .init("ADD unpacks zstd", archives, "FROM scratch\nADD t.tar.zst /z/"),
    .init("ADD unpacks by content", archives, "FROM scratch\nADD noname /n/\nADD a.gz /plain/"),
    .init("ADD unpacks over a tree", archives, "FROM scratch\nCOPY d /t\nADD t.tar /t"),
    .init("COPY unpacks nothing", archives, "FROM scratch\nCOPY t.tar.gz /t/"),
  ]

  static let stages: [DockerfileCase] = [
    .init(
      "from stages by name and number", files,
      """
      FROM scratch AS one
      COPY d /d
      FROM scratch as two
      COPY --from=one /d/sub /s/
      FROM scratch
      COPY --from=0 /d/x /x
      COPY --from=two /s /s
      COPY --from=one d/sub/deep/* /deep/
      """),
    .init(
      "a stage on a stage", files,
      "FROM scratch AS base\nCOPY a /a\nENV X=1\nLABEL l=1\nCMD [\"c\"]\nFROM base\nCOPY b /b\nENV Y=$X"),
    .init(
      "a target", files, "FROM scratch AS one\nCOPY a /a\nFROM scratch AS two\nCOPY b /b",
      ["--target", "one"]),
    .init(
      "links in a stage", files,
      """
      FROM scratch AS s
      COPY . /c/
      FROM scratch
      COPY --from=s /c/dir-link/sub /s
      COPY --from=s /c/file-link /f
      """
    ),
  ]

  static let ignores: [DockerfileCase] = [
    ("names", "a\nd/sub\n"), ("wildcards", "*.txt\n*/x\n"), ("every depth", "**/y\n"),
    ("an exception", "d\n!d/x\n"), ("all but one", "*\n!d/sub/y\n"), ("order", "!a\n*\n!b\nb\n"),
    ("comments and slashes", "# a\n/b/\n\n  d/  \n./e\n"), ("a question mark", "?\n"),
    ("directories below", "d/**\n!d/sub/**\n"), ("stars in the middle", "d/**/z\n"),
    ("an exception for a pattern", "*.txt\n!one*\n"), ("classes", "[ab]\n"),
  ].map { (name, patterns) in
    DockerfileCase(
      ".dockerignore: " + name, files + "\nchmod 755 d/sub\ncat >.dockerignore <<'EOF'\n\(patterns)EOF",
      "FROM scratch\nCOPY . /c/")
  }

  static let configurations: [DockerfileCase] = [
    .init(
      "everything that configures", files,
      """
      FROM scratch
      ENV A=1 B="two words" C=three\\ words
      ENV D all of it
      ENV E=${A}x F=${N:-none} G=${A:+set} H='$A' I="$A"
      LABEL one=1 "two words"="a b" multi="x \\
      y"
      EXPOSE 80 443/tcp 53/udp
      VOLUME /v1 /v2
      VOLUME ["/v 3"]
      USER 10:20
      STOPSIGNAL SIGTERM
      SHELL ["/bin/bash", "-c"]
      ENTRYPOINT ["/e", "$A"]
      CMD ["exec", "me"]
      """, isDocker: true),
    .init(
      "arguments", files,
      """
      ARG G=global
      ARG W
      FROM scratch
      ARG G
      ARG W=stage
      ARG D=${G}-x
      ARG GIVEN=no
      ARG UNSET
      ENV G=$G W=$W D=$D GIVEN=$GIVEN U=[$UNSET]
      ARG W=again
      ENV W2=$W
      LABEL x=${GIVEN:-n}
      """, ["--build-arg", "GIVEN=yes", "--build-arg", "W=given"]),
    .init(
      "ENV hides ARG", files, "FROM scratch\nENV V=env\nARG V=arg\nENV R=$V", ["--build-arg", "V=given"]),
    .init(
      "another escape", files, "# escape=`\nFROM scratch\nENV A=a`\nb\nCOPY a `\n  b /x/\nCMD x `\n  y"),
    .init(
      "comments and continuations", files,
      """
      # syntax=some/frontend
      # check=skip=all

      FROM scratch
        # indented
      copy a \\
      # between

        b \\
        /x/
      """
    ),
    .init("variables in COPY", files, "FROM scratch\nARG F=a\nENV T=/to\nCOPY $F ${F}* ${T}/${F}/"),
    .init(
      "health and maintainer", files,
      "FROM scratch\nMAINTAINER me <me@example.org>\nHEALTHCHECK --interval=5s --retries=3 CMD [\"/x\"]",
      isDocker: true),
    .init(

      "no health", files, "FROM scratch\nHEALTHCHECK NONE\nONBUILD COPY a /\nONBUILD ENV X=1",
      isDocker: true),
    .init(
      "an entrypoint forgets the command", files, "FROM scratch AS b\nCMD [\"c\"]\nFROM b\nENTRYPOINT [\"e\"]"
    ),
  ]

  static let all = copies + adds + stages + ignores + configurations

  /// Dockerfiles that docker refuses, and Debian's buildah doesn't.
  static let refusedByDocker: [(String, String)] = [
    ("LABEL without a name", "FROM scratch\nLABEL =x"), ("EXPOSE of no port", "FROM scratch\nEXPOSE x"),
    ("several without a slash", "FROM scratch\nCOPY a b /x"),
    ("a heredoc left open", "FROM scratch\nCOPY <<EOF /x\ntext"),
    ("a heredoc as a destination", "FROM scratch\nCOPY a <<EOF\nx\nEOF"),
    ("a variable in --from", "FROM scratch\nARG S=x\nCOPY --from=$S a /"),
    ("the same option twice", "FROM scratch\nCOPY --chown=1 --chown=2 a /"),
    ("--link with a wrong value", "FROM scratch\nCOPY --link=maybe a /"),
    ("an upper-case name of a number", "FROM scratch AS 1a"),
    ("a file over a directory", "FROM scratch\nCOPY d /d\nCOPY a /d/x/y"),
    ("a directory in the place of a file", "FROM scratch\nCOPY a /d/sub\nCOPY d /d"),
    ("a malformed pattern", "FROM scratch\nCOPY [a /x/"),
    ("--checksum of a file", "FROM scratch\nADD --checksum=sha256:\(String(repeating: "0", count: 64)) a /"),
    ("a user that isn't there", "FROM scratch\nCOPY --chown=nobody a /"),
    ("RUN", "FROM scratch\nCOPY a /\nRUN make"), ("--keep-git-dir", "FROM scratch\nADD --keep-git-dir a /"),
    ("a repository", "FROM scratch\nADD https://git.example.org/x.git /x"),
    ("another scheme", "FROM scratch\nADD ftp://example.org/x /x"),
    ("an image of a registry that nobody is", "FROM 127.0.0.1:1/debian\nCOPY a /"),
    ("a wrong platform", "FROM --platform=a/b/c/d scratch"),
    ("a stage below", "FROM later AS x\nFROM scratch AS later\nFROM x"),
    ("a variable that must be set", "FROM scratch\nENV A=${B:?it is needed}"),
    ("an empty image", "ARG X\nFROM ${X}"), ("a whiteout's name", "FROM scratch\nCOPY a /.wh.a"),
  ]

  /// Dockerfiles that nobody accepts.
  static let refused: [(String, String)] = [
    ("an unknown instruction", "FROM scratch\nFOO a"), ("no FROM", "COPY a /"), ("FROM alone", "FROM"),
    ("FROM with rubbish", "FROM scratch x y z"), ("FROM … AS", "FROM scratch AS"),
    ("COPY of one word", "FROM scratch\nCOPY a"), ("COPY alone", "FROM scratch\nCOPY"),
    ("ADD of one word", "FROM scratch\nADD a"),
    ("an unknown option of COPY", "FROM scratch\nCOPY --foo=1 a /"),
    ("an unknown option of ADD", "FROM scratch\nADD --from=x a /"),
    ("an unknown option of FROM", "FROM --foo=1 scratch"), ("ENV alone", "FROM scratch\nENV"),
    ("ENV without a value", "FROM scratch\nENV A"), ("ENV with half a pair", "FROM scratch\nENV A=1 B"),
    ("LABEL alone", "FROM scratch\nLABEL"),
    ("EXPOSE alone", "FROM scratch\nEXPOSE"),
    ("VOLUME alone", "FROM scratch\nVOLUME"), ("an empty VOLUME", "FROM scratch\nVOLUME [\"\"]"),
    ("USER alone", "FROM scratch\nUSER"), ("WORKDIR alone", "FROM scratch\nWORKDIR"),
    ("STOPSIGNAL alone", "FROM scratch\nSTOPSIGNAL"), ("a wrong STOPSIGNAL", "FROM scratch\nSTOPSIGNAL FOO"),
    ("SHELL without an array", "FROM scratch\nSHELL bash"), ("SHELL alone", "FROM scratch\nSHELL"),
    ("ARG alone", "FROM scratch\nARG"), ("HEALTHCHECK alone", "FROM scratch\nHEALTHCHECK"),
    ("an unknown HEALTHCHECK", "FROM scratch\nHEALTHCHECK FOO"),
    ("HEALTHCHECK CMD alone", "FROM scratch\nHEALTHCHECK CMD"),
    ("a wrong interval", "FROM scratch\nHEALTHCHECK --interval=x CMD a"),
    ("ONBUILD alone", "FROM scratch\nONBUILD"), ("ONBUILD FROM", "FROM scratch\nONBUILD FROM x"),
    ("ONBUILD ONBUILD", "FROM scratch\nONBUILD ONBUILD CMD x"),
    ("a missing file", "FROM scratch\nCOPY nothing /"),
    ("a wildcard without matches", "FROM scratch\nCOPY nothing* /"),
    ("a quote left open", "FROM scratch\nENV A=\"x"),
    ("a brace left open", "FROM scratch\nENV A=${B"), ("a wrong substitution", "FROM scratch\nENV A=${B!x}"),
    ("a wrong escape", "# escape=x\nFROM scratch"), ("MAINTAINER alone", "FROM scratch\nMAINTAINER"),
    ("an unknown stage number", "FROM scratch\nCOPY --from=5 a /"),
    ("an unknown user", "FROM scratch\nCOPY --chown=nobody:x a /"), ("nothing at all", "# only a comment"),
    ("a wrong mode", "FROM scratch\nCOPY --chmod=9z a /"),
  ]
}
