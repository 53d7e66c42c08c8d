/// What a decoder did in one step.
enum DecodingStep {
  /// It wrote so many bytes of output; 0 when it only used input.
  case produced(Int)
  /// It handed on so many bytes, and has more only when the source gives more.
  case passed(Int)
  /// It can't go on without more input. At the end of the input this means that the stream is truncated.
  case needsInput
  /// The stream has ended properly, and so has the input.
  case ended
}

/// A decompressor of one format, with all streams that follow each other in it.
protocol StreamDecoder: AnyObject {
  /// Whether it is before the first, between two, or after the last of the streams that follow each other.
  var isBetweenStreams: Bool { get }

  /// Decodes some of `input` into `output`, which is not empty.
  ///
  /// At the end of the input it is asked once more than it has input, to give what it still holds.
  func step(_ input: CompressedInput, into output: UnsafeMutableRawBufferPointer) throws -> DecodingStep
}

/// No compression.
final class RawDecoder: StreamDecoder {
  let isBetweenStreams = false

  func step(_ input: CompressedInput, into output: UnsafeMutableRawBufferPointer) throws -> DecodingStep {
    let count = try input.read(into: output)
    return count == 0 ? .ended : .passed(count)
  }
}
