import Debian

/// The packages that a request adds to those of an image, as `apt-get install` chooses them there.
struct BaseSet {
  let request: BootstrapRequest
  let base: BasePackages

  func resolve(_ pool: PackagePool) throws(BootstrapError) -> [VariantSet.Package] {
    let solver = PackageSolver(pool, automatic: base.automatic)
    do throws(SolverError) {
      let isWhole = try solver.isWhole()
      if base.kind == .configured, !isWhole {
        throw SolverError.impossible(
          ["the base's own packages lack something: " + (try solver.lacking()).joined(separator: "; ")])
      }
      var reasons: [String: BootstrapPlan.Reason] = [:]
      var included: [Int] = []
      for words in request.include {
        for version in try pool.find(words) {
          let name = pool.packageName(of: version)
          if reasons[name] == nil { reasons[name] = .requested(words) }
          included.append(version)
        }
      }
      if request.resolvesDependencies {
        try solver.install(included, excluding: Set(request.exclude))
      } else {
        try solver.installAlone(included)
      }
      try check(solver.replacements())
      return try VariantSet.packages(solver, reasons) { _ in .rest }
    } catch {
      throw .unsolvable(error)
    }
  }

  /// Refuses what would take something away from the image.
  private func check(_ replacements: [PackageSolver.Replacement]) throws(SolverError) {
    for one in replacements {
      guard let after = one.after else {
        throw .impossible([
          "\(one.name) of the base would have to go, since it can't be with what is included"
        ])
      }
      if after < one.before {
        throw .impossible(["the base has \(one.name) \(one.before.text), which is newer than \(after.text)"])
      }
      if base.kind != .configured {
        throw .impossible([
          "\(one.name) \(after.text) is wanted, but the base has \(one.before.text), and packages that are only "
            + "unpacked are not upgraded: make the base anew"
        ])
      }
    }
  }
}

extension BasePackages {
  /// The packages as a source of a pool.
  func source(architecture: String) throws(BootstrapError) -> PackagePool.Source {
    let text = UnsafeMutableRawBufferPointer.allocate(byteCount: index.count, alignment: 16)
    text.copyBytes(from: index)
    do throws(SyntaxError) {
      return PackagePool.Source(
        installed: try PackageIndex(
          parsing: UnsafeRawBufferPointer(text), owner: OwnedText(text), architecture: architecture,
          file: "the base's database of packages"))
    } catch {
      throw .badSources(error)
    }
  }
}

/// Bytes that go with whoever keeps this.
private final class OwnedText {
  private let bytes: UnsafeMutableRawBufferPointer
  init(_ bytes: UnsafeMutableRawBufferPointer) { self.bytes = bytes }
  deinit { bytes.deallocate() }
}
