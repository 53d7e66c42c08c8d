import Posix
import SystemPackage
import TestSupport
import Testing

/// Whether tools that unpack images make of squashed ones the trees that overlayfs shows.
enum ForeignTools {
  /// Checks all images of the layout and unpacks them by umoci, loads some into podman, and compares.
  ///
  /// - Parameter podman: the names of those that podman gets.
  static func expect(_ truth: SquashTruth, podman names: [String]) throws {
    let images = try verify(image: "oci:\(truth.layout)", running: .nothing)
    #expect(try images.compactMap(\.reference).sorted() == truth.names().sorted())
    for image in images {
      let name = try #require(image.reference)
      let tree = try truth.tree(of: name).withoutWhatUmociLoses
      #expect(
        tree.differences(image.tree.withoutWhatUmociLoses, ignoring: [.root]) == [], "\(name), by umoci")
    }
    let trees = try PodmanStore.trees(of: names, in: truth.layout)
    #expect(trees.count == names.count)
    for (name, tree) in zip(names, trees) {
      let expected = try truth.tree(of: name).asPodmanKeepsIt
      let found = expected.differences(tree.asPodmanKeepsIt, ignoring: [.root])
      #expect(found == [], "\(name), by podman")
    }
  }
}

extension TreeListing {
  private func withTimes(_ change: (_ seconds: Int) -> String?) -> TreeListing {
    var listing = self
    for index in listing.lines.indices {
      for field in listing.lines[index].fields.indices
      where listing.lines[index].fields[field].name == "mtime" {
        let seconds = listing.lines[index].fields[field].value.split(separator: ".").first.flatMap { Int($0) }
        if let changed = seconds.flatMap(change) { listing.lines[index].fields[field].value = changed }
      }
    }
    return listing
  }

  /// umoci has no attributes without a value, and only times that fit its numbers (1901 to 2262).
  var withoutWhatUmociLoses: TreeListing {
    withTimes { (-(1 << 31)..<(9_223_372_036)).contains($0) && $0 != -(1 << 31) ? nil : "far" }
      .withoutEmptyAttributes
  }

  /// Without attributes that have no value.
  var withoutEmptyAttributes: TreeListing {
    var listing = self
    for index in listing.lines.indices {
      listing.lines[index].fields.removeAll { $0.name.hasPrefix("xattr:") && $0.value == "-" }
    }
    return listing
  }

  /// podman sets most times before 1970 to 1970 (not all), and loses attributes without a value.
  var asPodmanKeepsIt: TreeListing {
    withTimes { $0 < 0 ? "0.000000000" : nil }.withoutEmptyAttributes
  }
}
