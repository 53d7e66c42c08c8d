import Glibc
import Posix
import SystemPackage

/// The architecture of this machine, as Debian names it.
public func hostArchitecture() throws(BootstrapError) -> String { try foundArchitecture.get() }

/// Asked for once: it doesn't change.
private let foundArchitecture = Result { () throws(BootstrapError) in try findArchitecture() }

private func findArchitecture() throws(BootstrapError) -> String {
  if let dpkg = Command.find("dpkg") {
    let log = EngineLog(program: "dpkg")
    let command = Command(dpkg, ["--print-architecture"])
    if try EngineProcess(command, log: log, capturesOutput: true).finish().isSuccess,
      let name = log.lastLines.last
    {
      return name
    }
  }
  var names = utsname()
  uname(&names)
  let machine = withUnsafeBytes(of: &names.machine) { bytes in
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
  return debianNames[machine] ?? machine
}

/// Names of the kernel that Debian calls something else.
private let debianNames = [
  "x86_64": "amd64", "i686": "i386", "aarch64": "arm64", "armv7l": "armhf", "ppc64le": "ppc64el",
  "loongarch64": "loong64",
]

/// Names of Debian that qemu calls something else.
private let qemuNames = [
  "amd64": "x86_64", "arm64": "aarch64", "armel": "arm", "armhf": "arm", "ppc64el": "ppc64le",
  "powerpc": "ppc", "loong64": "loongarch64",
]

/// Checks that programs of `architecture` run here, before any work is done.
///
/// - Throws: `BootstrapError.foreignArchitecture` that names the packages to install.
func checkArchitecture(_ architecture: String) throws(BootstrapError) {
  if architecture == (try hostArchitecture()) { return }
  // arch-test runs a tiny program of the architecture: it sees native ones (i386 on amd64) and
  // emulated ones alike. mmdebstrap needs it too.
  guard let test = Command.find("arch-test") else {
    throw .missingProgram("arch-test", package: "arch-test")
  }
  let log = EngineLog(program: "arch-test")
  let status = try EngineProcess(Command(test, [architecture]), log: log, capturesOutput: true).finish()
  if status.isSuccess { return }
  let qemu = "qemu-" + (qemuNames[architecture] ?? architecture)
  let reason: String
  if log.lastLines.contains(where: { $0.contains("not supported") || $0.contains("not a supported") })
    == false,
    let last = log.lastLines.last, last.contains("no such") || last.contains("unknown")
  {
    reason = last
  } else if Command.find(qemu) == nil && Command.find(qemu + "-static") == nil {
    reason = "install \(qemu)-static (Debian packages qemu-user-static and binfmt-support)"
  } else if !fileExists("/proc/sys/fs/binfmt_misc/status") {
    reason = "binfmt_misc is not mounted at /proc/sys/fs/binfmt_misc"
  } else {
    reason = "\(qemu) is not registered with binfmt_misc (Debian package binfmt-support)"
  }
  throw .foreignArchitecture(architecture, reason: reason)
}
