import Glibc
import TestSupport

/// Which seeds `make fuzz` asks for.
enum FuzzSeeds {
  /// `FIRST-LAST` in `$GARBOARD_FUZZ_SEEDS`; nil when it isn't set.
  static let given: (first: Int, end: Int)? = {
    guard let text = getenv("GARBOARD_FUZZ_SEEDS").map({ String(cString: $0) }) else { return nil }
    let numbers = text.split(separator: "-").compactMap { Int($0) }
    precondition(numbers.count == 2 && numbers[0] <= numbers[1], "GARBOARD_FUZZ_SEEDS is to be FIRST-LAST")
    return (numbers[0], numbers[1] + 1)
  }()
}
