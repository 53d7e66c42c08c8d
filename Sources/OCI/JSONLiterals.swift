extension JSONObject: ExpressibleByDictionaryLiteral {
  /// Members as they are written in source; of a name that stands twice, the last.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self.init()
    for (name, value) in elements { self[name] = value }
  }
}
