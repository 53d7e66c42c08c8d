import Glibc

/// Ports as docker's `EXPOSE` and `--publish` write them: `[[IP:]HOSTPORT:]PORT[-PORT][/PROTOCOL]`.
enum Ports {
  /// The container's ports, each as `PORT/PROTOCOL`; nil when the text is no port.
  static func parse(_ text: String) -> [String]? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard let last = parts.last else { return nil }
    let container = last.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let name = container.count > 1 && !container[1].isEmpty ? container[1].lowercased() : "tcp"
    guard ["tcp", "udp", "sctp"].contains(name), let ports = range(container[0]) else { return nil }
    // What the host would do with them is checked, and of no further use here.
    if parts.count > 1, !parts[parts.count - 2].isEmpty {
      guard let host = range(parts[parts.count - 2]) else { return nil }
      if ports.count > 1, host.count != ports.count { return nil }
    }
    if parts.count > 2, !isAddress(parts.dropLast(2).joined(separator: ":")) { return nil }
    return ports.map { "\($0)/\(name)" }
  }

  private static func range(_ text: String) -> ClosedRange<UInt16>? {
    let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = number(ends[0]), let last = ends.count == 2 ? number(ends[1]) : first, first <= last
    else {
      return nil
    }
    return first...last
  }

  private static func number(_ text: Substring) -> UInt16? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt16(text) : nil
  }

  private static func isAddress(_ text: String) -> Bool {
    if text.isEmpty { return true }
    var address = in6_addr()
    if text.hasPrefix("["), text.hasSuffix("]") {
      return inet_pton(AF_INET6, String(text.dropFirst().dropLast()), &address) == 1
    }
    return inet_pton(AF_INET, text, &address) == 1
  }
}
