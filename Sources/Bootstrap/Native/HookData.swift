import Archive
import Codec
import Posix
import Rootfs
import SystemPackage

/// Writes a directory, or the one name in it, as a tar.
func sendTree(_ directory: FilePath, only: [UInt8]?, to raw: Int32) throws {
  var options = DirectoryScan.Options()
  options.only = only
  let scan = try DirectoryScan(directory, options: options)
  let output = BufferedOutput(raw)
  let writer = TarWriter { try output.add($0) }
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
  defer { buffer.deallocate() }
  while let entry = try scan.next() {
    if entry.path.isRoot, only != nil { continue }
    try writer.add(entry, dataOf: scan, buffer)
  }
  try writer.finish()
  try output.flush()
}

/// Unpacks a tar, compressed or not.
///
/// - Parameter change: may change each entry before it is made.
func receiveTree(
  _ data: borrowing Descriptor, into directory: FilePath, _ options: Unpacker.Options,
  _ change: (inout Entry) throws -> Void
) throws {
  let source = DescriptorSource(try data.duplicate(), name: "the archive")
  let reader = TarReader(try Decompressor(source, limits: debLimits, threaded: false))
  let unpacker = try Unpacker(into: directory, options: options)
  while var entry = try reader.next() {
    // Where it comes from, they may have meant something; a user namespace may not even set them.
    entry.attributes.removeAll { EntryFilter.isMachines($0.name) }
    try change(&entry)
    try unpacker.add(entry) { try reader.read(into: $0) }
  }
  try reader.drain()
  try unpacker.finish()
}

/// Copies what there is to read.
func copyBytes(from source: Int32, to target: Int32) throws {
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
  defer { buffer.deallocate() }
  while true {
    let count = try readSome(source, into: buffer)
    if count == 0 { return }
    try writeAll(target, UnsafeRawBufferPointer(rebasing: buffer[..<count]))
  }
}
