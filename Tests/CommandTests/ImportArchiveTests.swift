import Posix
import SystemPackage
import TestSupport
import Testing

/// Archives of every common writer, imported, and unpacked by umoci: the tree is what GNU tar extracts.
/// Needs root.
@Suite("garboard-import: archives of every writer")
struct ImportArchiveTests {
  /// How an archive is made: a shell script in a folder with `nasty` and `tame`, for `archive`.
  struct Writer: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var script: String
    var locale = "C"
  }

  private static let gnu = "tar -C nasty --numeric-owner"
  private static let gnuPax = gnu + " --format=posix --xattrs '--xattrs-include=*' --acls"
  static let writers = [
    Writer(testDescription: "GNU tar, its own format", script: "\(gnu) --format=gnu -cf archive ."),
    Writer(
      testDescription: "GNU tar, its own format, sparse, gzip",
      script: "\(gnu) --format=gnu -S -czf archive ."),
    Writer(testDescription: "GNU tar, its old format", script: "\(gnu) --format=oldgnu -cf archive ."),
    Writer(
      testDescription: "GNU tar, its old format, sparse", script: "\(gnu) --format=oldgnu -ScJf archive .",
      locale: "C.UTF-8"),
    Writer(testDescription: "GNU tar, pax", script: "\(gnuPax) -cf archive ."),
    Writer(testDescription: "GNU tar, pax, UTF-8", script: "\(gnuPax) -cf archive .", locale: "C.UTF-8"),
    Writer(
      testDescription: "GNU tar, pax, sparse 0.0, bzip2",
      script: "\(gnuPax) -S --sparse-version=0.0 -cjf archive ."),
    Writer(
      testDescription: "GNU tar, pax, sparse 0.1, zstd",
      script: "\(gnuPax) -S --sparse-version=0.1 -c --zstd -f archive ."),
    Writer(
      testDescription: "GNU tar, pax, sparse 1.0", script: "\(gnuPax) -S --sparse-version=1.0 -cf archive ."),
    Writer(
      testDescription: "GNU tar, pax, names in any order",
      script: """
        (cd nasty; find . ! -type s -print0 | sort -z -R --random-source=/bin/sh) |
          \(gnuPax) --no-recursion --null -T - -cf archive
        """),
    Writer(
      testDescription: "GNU tar, pax with a global header",
      script: "\(gnuPax) --pax-option=globexthdr.name=g,comment=hello -cf archive ."),
    Writer(testDescription: "GNU tar, ustar", script: "tar -C tame --format=ustar -cf archive ."),
    Writer(testDescription: "GNU tar, v7", script: "tar -C tame --format=v7 -cf archive ."),
    Writer(testDescription: "bsdtar, pax", script: "bsdtar -C nasty --format pax -cf archive ."),
    Writer(
      testDescription: "bsdtar, pax, UTF-8", script: "bsdtar -C nasty --format pax -czf archive .",
      locale: "C.UTF-8"),
    Writer(testDescription: "bsdtar, GNU's format", script: "bsdtar -C tame --format gnutar -cf archive ."),
    Writer(testDescription: "bsdtar, ustar", script: "bsdtar -C tame --format ustar -cf archive ."),
    Writer(testDescription: "bsdtar, v7", script: "bsdtar -C tame --format v7tar -cf archive ."),
    Writer(testDescription: "Python, pax", script: python("PAX")),
    Writer(testDescription: "Python, pax, UTF-8", script: python("PAX"), locale: "C.UTF-8"),
    Writer(testDescription: "Python, GNU's format", script: python("GNU")),
    Writer(testDescription: "Python, ustar", script: python("USTAR", of: "tame")),
  ]

  private static func python(_ format: String, of tree: String = "nasty") -> String {
    """
    python3 -I -c '
    import tarfile
    with tarfile.open("archive", "w", format=tarfile.\(format)_FORMAT) as tar:
        def whole(member):  # 1e-09 is not a time of POSIX
            member.mtime = round(member.mtime, 3)
            return member
        tar.add("\(tree)/", ".", filter=whole)
    '
    """
  }

  /// The nasty tree, and one that every format can hold. Made once.
  private static let trees = Result { () throws -> TemporaryDirectory in
    let folder = try TemporaryDirectory()
    try TreeBuilder.nasty(in: folder.appending("nasty"))
    try TreeBuilder.shell(
      """
      mkdir -p tame/a tame/dir/sub; cd tame; printf data >a/f; printf more >dir/sub/g; : >empty
      ln a/f dir/hard; ln -s ../a/f dir/symlink; chmod 4751 a/f; chmod 1777 dir
      chown 1000:2000 dir/sub/g; printf x >"$(printf 'latin-\\344')"; touch -d @1234567890 dir/sub/g dir .
      """, in: folder.path)
    return folder
  }

  @Test("The tree is the one that GNU tar extracts", arguments: writers)
  func sameTree(_ writer: Writer) throws {
    let folder = try TemporaryDirectory()
    let trees = try Self.trees.get()
    try TreeBuilder.shell(
      "ln -s '\(trees.path)/nasty' '\(trees.path)/tame' .; export LC_ALL=\(writer.locale); " + writer.script,
      in: folder.path)
    try Self.check(folder, locale: writer.locale)
  }

  /// Imports `archive`, and compares what GNU tar extracts from it, what it extracts from the layer, and what
  /// umoci unpacks.
  private static func check(_ folder: TemporaryDirectory, locale: String = "C") throws {
    let image = folder.appending("image.oci.tar").string
    let result = try garboard(
      "garboard-import", "archive", "-o", image, "-o", "layer.tar", "--compression", "zstd:1",
      environment: ["LC_ALL=\(locale)"], in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    var expected = try TreeListing.ofExtracted(folder.appending("archive"))
    #expect(expected.lines.count > 1)
    // GNU tar takes ACLs only as text, and a layer has them in the kernel's form: umoci shows those.
    var (before, after) = (expected, try TreeListing.ofExtracted(folder.appending("layer.tar")))
    let lists = Set(before.lines.filter { $0["xattr:system.posix_acl_access"] != nil }.map(\.path))
    for index in before.lines.indices where lists.contains(before.lines[index].path) {
      // An ACL's mask is in the mode too.
      before.lines[index].fields.removeAll { $0.name == "mode" }
    }
    for index in after.lines.indices where lists.contains(after.lines[index].path) {
      after.lines[index].fields.removeAll { $0.name == "mode" }
    }
    before.drop("system.posix_acl")
    after.drop("system.posix_acl")
    #expect(before.differences(after) == [])
    var made = try #require(try verify(image: "oci-archive:" + image, running: .nothing).first).tree
    // Go's reader knows neither attributes without a value nor GNU's way to write a name with "=".
    for attribute in ["user.empty", "user.name\\x3d", "user.name%3D"] {
      expected.drop(attribute)
      made.drop(attribute)
    }
    #expect(expected.differences(made) == [])
  }

  @Test("The last entry of a path counts, and links keep what their target was")
  func duplicates() throws {
    let folder = try TemporaryDirectory()
    try TreeBuilder.shell(
      """
      mkdir -p t/d/sub t/e; cd t
      printf one >f; ln f g; printf 1 >d/x; ln -s x d/y; printf dir >e/f
      tar --format=posix -cf ../archive . ./f g
      rm f d/x; printf 'two, longer' >f; ln f h; ln -s f d/x
      tar -rf ../archive ./f h d/x ./g
      rm -r g d/y; ln -s e g; mkdir d/y; printf in >d/y/z; mkfifo p
      tar -rf ../archive ././g d/y p p
      cd ..; tar -rf archive -C t --transform 's,^,./d/y/,' f h; rm -r t
      """, in: folder.path)
    try Self.check(folder)
  }

  @Test("Links before their targets, links to links, and a file given twice with several names")
  func links() throws {
    let folder = try TemporaryDirectory()
    var tar = HandmadeTar()
    tar.add("a", type: "1", link: "b")
    tar.add("b", type: "1", link: "./z/file")
    tar.add("z/file", data: "data")
    tar.add("z/file", type: "1", link: "z/file")
    tar.add("m", type: "1", link: "a")
    try folder.write("archive", tar.finished)
    let result = try garboard("garboard-import", "archive", "-o", "layer.tar", in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    let made = try TreeListing.ofExtracted(folder.appending("layer.tar"))
    #expect(made.lines.map(\.path).filter { $0 != "." } == ["a", "b", "m", "z", "z/file"])
    for line in made.lines where line.path != "." && line.path != "z" {
      #expect(line["to"] == (line.path == "a" ? nil : "a"))
    }
    #expect(made.lines.first { $0.path == "a" }?["size"] == "4")
  }

  @Test("ACLs with the names of users need their numbers too")
  func aclNames() throws {
    let folder = try TemporaryDirectory()
    try TreeBuilder.shell(
      "mkdir t; : >t/f; setfacl -m u:daemon:r t/f; tar -C t --format=posix --acls -cf archive .",
      in: folder.path)
    let result = try garboard("garboard-import", "archive", "-o", "x.tar", in: folder.path)
    #expect(result.status == .exited(1))
    #expect(
      result.errorText.contains("without its number"),
      "\(result.errorText)")
    // bsdtar writes both, and then the number counts. GNU tar would look the name up.
    try TreeBuilder.shell("bsdtar -C t --format pax -cf archive .", in: folder.path)
    try Self.check(folder)
  }

  @Test("A sparse file of 3 GiB in a few blocks")
  func hugeSparse() throws {
    let folder = try TemporaryDirectory()
    try TreeBuilder.shell(
      """
      mkdir t; truncate -s 3G t/huge; printf end | dd of=t/huge bs=1 seek=3221225469 conv=notrunc status=none
      printf middle | dd of=t/huge bs=1 seek=2147483646 conv=notrunc status=none
      tar -C t --format=posix -S -cf archive .
      """, in: folder.path)
    // Only the content is compared: unpacked it would fill the disk.
    let result = try garboard(
      "garboard-import", "archive", "-q", "--compression", "zstd:1", "-o", "x.tar.zst", in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    let sum = "sha256sum | cut -c1-64"
    let texts = try Tool.check(
      "sh", ["-c", "tar -xOf x.tar.zst huge | \(sum); cat t/huge | \(sum)"], in: folder.path
    ).text.split(separator: "\n")
    #expect(texts.count == 2 && texts[0] == texts[1])
  }
}

extension TreeListing {
  /// Forgets the attributes whose names begin so.
  fileprivate mutating func drop(_ attribute: String) {
    for index in lines.indices {
      lines[index].fields.removeAll { $0.name.hasPrefix("xattr:" + attribute) }
    }
  }
}
