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
        tar.add("\(tree)", ".", filter=lambda member: member)
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
    let image = folder.appending("image.oci.tar").string
    let result = try garboard(
      "garboard-import", "archive", "-o", image, "--compression", "zstd:1",
      environment: ["LC_ALL=\(writer.locale)"], in: folder.path)
    #expect(result.status.isSuccess, "\(result.errorText)")
    let made = try #require(try verify(image: "oci-archive:" + image, running: .nothing).first)
    let expected = try TreeListing.ofExtracted(folder.appending("archive"))
    #expect(expected.lines.count > 8)
    #expect(expected.differences(made.tree) == [])
  }
}
