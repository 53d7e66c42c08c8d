import Posix
public import SystemPackage

/// A user without privileges who has subordinate ids, as adduser makes one. Needs root.
public enum OrdinaryUser {
  /// The number of the user and their group.
  public static let id: UInt32 = 4711

  /// Runs a shell script with `$1` a command that runs others as the user, and more arguments from `$2` on.
  ///
  /// The machine's own accounts stay as they are: the files that say who there is are others in the script's
  /// mount namespace alone.
  @discardableResult
  public static func check(
    _ script: String, _ arguments: [String] = [], in directory: FilePath
  ) throws -> Tool.Result {
    let user = try TemporaryDirectory()
    try user.write("as", "#!/bin/sh\nexec setpriv --reuid \(id) --regid \(id) --clear-groups \"$@\"\n")
    try Tool.check("chmod", ["755", user.appending("as").string])
    return try Tool.check(
      "unshare",
      ["-m", "sh", "-euc", accounts + script, user.path.string, user.appending("as").string] + arguments,
      in: directory)
  }

  private static let accounts = """
    cp -a /etc "$0/etc"
    mount --bind "$0/etc" /etc
    echo 'ordinary:x:\(id):\(id)::/nonexistent:/bin/sh' >>/etc/passwd
    echo 'ordinary:x:\(id):' >>/etc/group
    echo 'ordinary:300000:65536' >/etc/subuid
    cp /etc/subuid /etc/subgid
    chmod 644 /etc/subuid /etc/subgid

    """
}
