public import SystemPackage

/// Trees on disk for tests, made by outside programs.
public enum TreeBuilder {
  /// Makes a tree with everything in it that is hard to keep, as far as this user may. Root gets owners,
  /// devices, capabilities, ACLs and attributes of every namespace as well.
  public static func nasty(in directory: FilePath) throws {
    try Tool.python(nastyScript, [directory.string])
  }

  /// Makes `count` small files, a hundred to a directory.
  public static func many(_ count: Int, in directory: FilePath) throws {
    try Tool.python(manyScript, [directory.string, String(count)])
  }

  /// Runs lines of shell in a directory, with umask 022; the first that fails is an error.
  public static func shell(_ script: String, in directory: FilePath) throws {
    try Tool.check("sh", ["-euc", "umask 022; " + script], in: directory)
  }

  /// What is in the nasty tree, each line for something that some tool has lost.
  private static let nastyScript = #"""
    import os, stat, subprocess, sys, socket
    top = os.fsencode(sys.argv[1])
    os.makedirs(top, exist_ok=True)
    os.chdir(top)
    os.umask(0)
    root = os.geteuid() == 0

    def write(path, data=b"", mode=0o644):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(fd, data)
        os.close(fd)
        os.chmod(path, mode)

    # Sibling names around the slash in byte order.
    for path in (b"a", b"ab"):
        os.mkdir(path, 0o755)
        write(path + b"/x", b"in " + path)
    for path in (b"a.b", b"a-b", b"a b", b"a\nb", b"a=b", b"a\\b", b"..data", b"...", b".wh", b"x.wh.y"):
        write(path, path)
    # Names that are not UTF-8, one name in two normal forms, a long one, a 400-byte path.
    write(b"latin-\xe4\xf6\xfc", b"latin")
    write("nfc-\u00e9".encode(), b"nfc")
    write("nfc-e\u0301".encode(), b"nfd")
    write(b"n" * 255, b"long")
    deep = b"/".join([b"d" * 99] * 4)
    os.makedirs(deep, 0o755)
    write(deep + b"/leaf", b"leaf")
    os.symlink(b"t" * 300, b"long-link")
    # Modes.
    write(b"setuid", b"s", 0o4755)
    write(b"setgid", b"s", 0o2755)
    os.mkdir(b"sticky"); os.chmod(b"sticky", 0o1777)
    os.mkdir(b"setgid-directory"); os.chmod(b"setgid-directory", 0o2775)
    write(b"read-only", b"r", 0o444)
    if root:
        write(b"mode-0", b"0", 0)
        os.mkdir(b"mode-0-directory")
        write(b"mode-0-directory/inside", b"i", 0o600)
        os.chmod(b"mode-0-directory", 0)
    write(b"empty")
    os.mkdir(b"empty-directory", 0o755)
    # Links.
    for target in (b"/absolute", b"../../../../above", b"a/../a/x", b"dangling", b"sym\xe4", b"."):
        os.symlink(target, b"link-" + target.replace(b"/", b"_"))
    os.mkdir(b"hard", 0o755)
    write(b"hard/z-first-made", b"one file", 0o640)
    os.link(b"hard/z-first-made", b"hard/a")
    os.link(b"hard/z-first-made", b"zz-hard")
    os.symlink(b"where", b"hard/symlink")
    os.link(b"hard/symlink", b"hard/symlink-2", follow_symlinks=False)
    os.mkfifo(b"fifo", 0o620)
    s = socket.socket(socket.AF_UNIX); s.bind("socket"); s.close()
    # Sparse: holes in front, between and behind.
    with open(b"sparse", "wb") as f:
        f.seek(1 << 20); f.write(b"data"); f.seek(5 << 20); f.write(b"more" * 2000); f.truncate(9 << 20)
    with open(b"all-hole", "wb") as f:
        f.truncate(3 << 20)
    with open(b"zeros-written", "wb") as f:
        f.write(bytes(1 << 20) + b"end")
    # Attributes.
    write(b"attributes", b"x")
    os.setxattr(b"attributes", b"user.text", b"value")
    os.setxattr(b"attributes", b"user.empty", b"")
    os.setxattr(b"attributes", b"user.binary", bytes(range(256)))
    os.setxattr(b"attributes", b"user.name=with sign", b"=")
    os.setxattr(b"empty-directory", b"user.directory", b"d")
    write(b"read-only-attribute", b"r", 0o600)
    os.setxattr(b"read-only-attribute", b"user.r", b"r")
    os.chmod(b"read-only-attribute", 0o444)
    write(b"acl", b"x", 0o640)
    subprocess.check_call(["setfacl", "-m", "u:1234:rwx,g:99:r", "acl"])
    os.mkdir(b"acl-directory", 0o750)
    subprocess.check_call(["setfacl", "-m", "u:77:rx,d:u:78:rwx,d:g::rx", "acl-directory"])
    if root:
        write(b"acl-directory/inherits", b"i", 0o664)
        os.setxattr(b"attributes", b"trusted.secret", b"t")
        os.setxattr(b"attributes", b"security.label", b"l")
        os.setxattr(b"long-link", b"trusted.on-symlink", b"s", follow_symlinks=False)
        write(b"capable", b"#!", 0o755)
        subprocess.check_call(["setcap", "cap_net_raw,cap_net_bind_service+ep", "capable"])
        # Devices and owners.
        for name, kind, numbers in ((b"null", stat.S_IFCHR, (1, 3)), (b"disk", stat.S_IFBLK, (259, 70000)),
                                    (b"wide", stat.S_IFCHR, (4000, 1000000))):
            os.mknod(name, 0o666 | kind, os.makedev(*numbers))
        os.setxattr(b"fifo", b"trusted.on-fifo", b"f")
        write(b"owned", b"o", 0o4711)
        os.chown(b"owned", 3000000000, 4000000000)
        os.chmod(b"owned", 0o6711)
        os.chown(b"hard/symlink", 1000, 1001, follow_symlinks=False)
        os.chown(b"empty-directory", 65534, 65534)
        os.chown(b"null", 5, 6)
    # Times: fine, negative, far; directories last.
    os.utime(b"a.b", ns=(1, 1700000000123456789))
    os.utime(b"a-b", ns=(1, -1500000001))
    os.utime(b"setuid", ns=(1, 1))
    os.utime(b"a b", (0, 4102444800))
    os.utime(b"link-dangling", ns=(1, 1600000000000000007), follow_symlinks=False)
    for path in (b"a", b"hard", b"empty-directory", b"."):
        os.utime(path, ns=(1, 1500000000000000001))
    """#

  private static let manyScript = #"""
    import os, sys
    for i in range(int(sys.argv[2])):
        folder = "%s/d%03d" % (sys.argv[1], i // 100)
        os.makedirs(folder, exist_ok=True)
        with open("%s/f%02d" % (folder, i % 100), "wb") as f:
            f.write(b"%d\n" % i)
    """#
}
