import Archive
public import OCI

extension Comparison {
  /// The comparison as JSON.
  ///
  /// - Parameters:
  ///   - rows: the paths that are listed.
  ///   - shares: the parts whose bytes differ.
  ///   - grouping: what those are.
  public func json(rows: [Row], shares: [ShareRow], by grouping: Grouping) -> JSONValue {
    func object(_ sum: Sum) -> JSONValue {
      .object([
        "paths": number(sum.paths), "before": number(sum.before), "after": number(sum.after),
      ])
    }
    let listed = rows.map { row in
      JSONValue.object([
        "path": .string(row.path.description),
        "change": .string(row.change.rawValue),
        "before": number(row.before),
        "after": number(row.after),
        "package": row.package.map { .string($0) } ?? .null,
      ])
    }
    let parts = shares.map { share in
      JSONValue.object([
        "name": .string(share.name), "before": number(share.before), "after": number(share.after),
      ])
    }
    var by = JSONObject()
    by[grouping.rawValue] = .array(parts)
    return .object([
      "added": object(added), "removed": object(removed), "changed": object(changed),
      "paths": .array(listed), "by": .object(by),
    ])
  }
}
