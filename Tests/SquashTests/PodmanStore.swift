import SystemPackage
import TestSupport

/// podman's store of images, for one question.
enum PodmanStore {
  /// The trees that podman shows for the images of a layout, by their names. Needs root.
  ///
  /// All go into one store, and are mounted in a mount namespace that goes away.
  static func trees(of names: [String], in layout: FilePath) throws -> [TreeListing] {
    let scratch = try TemporaryDirectory()
    let script = """
      storage=$1 layout=$2 listing=$3
      shift 3
      # podman makes a name of the path, which must be one: so a short relative one.
      cd "$(dirname "$layout")"
      layout=$(basename "$layout")
      # The run root may not have more than 50 characters.
      run=$(mktemp -d /run/garboard.XXXXXX)
      trap 'umount -R "$run/root" "$storage/overlay" 2>/dev/null || :; rm -rf "$run"' EXIT
      for name; do
        podman="podman --root $storage --runroot $run/root --tmpdir $run/tmp --storage-driver overlay"
        id=$($podman pull --quiet "oci:$layout:$name")
        echo "image $name"
        python3 -I -c "$listing" dir "$($podman image mount "$id")"
      done
      """
    _ = try Tool.find("podman")
    let text = try Tool.check(
      "unshare",
      [
        "--mount", "sh", "-euc", script, "sh", scratch.appending("storage").string, layout.string,
        listingScript,
      ] + names
    ).text
    var listings: [String] = []
    for line in text.split(separator: "\n") {
      if line.hasPrefix("image ") { listings.append("") } else { listings[listings.count - 1] += line + "\n" }
    }
    return listings.map(TreeListing.init(text:))
  }
}
