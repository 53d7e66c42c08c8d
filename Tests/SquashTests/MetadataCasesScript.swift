/// Layers whose archives and metadata are hard. Python, after `layerTruthScript`: writes `FOLDER/NAME/N.tar`.
///
/// GNU tar writes what Python doesn't: sparse files in four forms, ACLs as text.
let metadataCasesScript = #"""

  PAX, GNU, USTAR = tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT

  def entry(name, data=None, kind=None, link="", pax=(), **fields):
      member = tarfile.TarInfo(name)
      member.mtime, member.mode = 1700000000, 0o644
      member.type = kind or tarfile.REGTYPE
      member.linkname, member.pax_headers = link, dict(pax)
      for key, value in fields.items(): setattr(member, key, value)
      member.size = len(data or b"")
      return member, data or b""
  def directory(name, **fields): return entry(name, kind=tarfile.DIRTYPE, **{"mode": 0o755, **fields})
  def whiteout(name): return entry(name)
  def archive(*entries, format=PAX, headers=None, ends=True):
      out = io.BytesIO()
      with tarfile.open(fileobj=out, mode="w", format=format, encoding="utf-8", errors="surrogateescape",
                        pax_headers=headers or {}) as tar:
          for member, data in entries: tar.addfile(member, io.BytesIO(data))
          end = out.tell()
      return out.getvalue()[:None if ends else end]
  def shell(script, *tar):
      """What GNU tar makes of a directory that a script fills."""
      os.mkdir("made")
      subprocess.check_call(["sh", "-euc", "umask 022; " + script], cwd="made")
      data = subprocess.check_output(["tar", "--numeric-owner", "--sort=name", *tar, "-C", "made", "-c", "."])
      shutil.rmtree("made")
      return data

  CASES = {}
  def case(name, *layers): CASES[name] = layers

  def define_cases():
      sparse = "truncate -s 3M hole; printf x | dd of=part bs=1 seek=1000000 status=none; printf y >>part; truncate -s 2M part; echo full >full"
      for form in ("0.0", "0.1", "1.0"):
          case("pax sparse " + form, shell(sparse, "-S", "--format=pax", "--sparse-version=" + form), archive(whiteout(".wh.full")))
      many = "; ".join("printf %d | dd of=many bs=1 seek=%d conv=notrunc status=none" % (i, i * 300000) for i in range(30))
      case("GNU sparse with extension headers", shell(many, "-S", "--format=gnu"), archive(entry("z", b"z")))
      case("a sparse file replaced, its other name stays",
           shell("truncate -s 1M a; printf x >>a; ln a b", "-S", "--format=pax"), archive(entry("a", b"new")))
      case("a sparse file below, linked above",
           shell("truncate -s 1M a; printf x >>a", "-S", "--format=pax"), archive(entry("b", kind=tarfile.LNKTYPE, link="a")),
           archive(whiteout(".wh.a")))
      case("global headers", archive(entry("a", b"a"), entry("d/b", b"b"), headers={"mtime": "1600000000.25", "uname": "nobody", "uid": "77"}),
           archive(entry("c", b"c"), headers={"comment": "0123456789abcdef0123456789abcdef01234567"}))
      case("a global header for a name that the entry overrides",
           archive(entry("a", b"a", pax={"gid": "5"}), headers={"gid": "7"}))
      case("archives without end blocks", archive(entry("a", b"a"), ends=False), archive(directory("d"), whiteout(".wh.a"), ends=False))
      case("one end block", archive(entry("a", b"a"), ends=False) + bytes(512), archive(entry("b", b"b")))
      case("layers without entries", archive(), archive(entry("a", b"a")), archive(), b"", archive(entry("b", b"b")))
      case("no entries at all", archive(), archive())
      case("attributes of every namespace",
           archive(entry("f", b"f", pax={"SCHILY.xattr.user.u": "1", "SCHILY.xattr.trusted.t": "a=b\nc", "SCHILY.xattr.security.s": "3",
                                         "SCHILY.xattr.user.bytes": "\0\1\udcff\udc80", "SCHILY.xattr.user.empty": ""}),
                   directory("d", pax={"SCHILY.xattr.user.d": "d", "SCHILY.xattr.trusted.d": "d"}),
                   entry("l", kind=tarfile.SYMTYPE, link="f", pax={"SCHILY.xattr.trusted.l": "l"}),
                   entry("p", kind=tarfile.FIFOTYPE, pax={"SCHILY.xattr.trusted.p": "p"})),
           archive(directory("d", pax={"SCHILY.xattr.user.e": "e"}), entry("d/x", b"x")),
           archive(entry("g", kind=tarfile.LNKTYPE, link="f")))
      case("attributes go when a file is replaced without them",
           archive(entry("f", b"f", pax={"SCHILY.xattr.user.u": "1"})), archive(entry("f", b"f")))
      case("attributes of a directory that is named twice in a layer",
           archive(directory("d", pax={"SCHILY.xattr.user.one": "1"}), directory("d", mode=0o700, pax={"SCHILY.xattr.user.two": "2"})))
      case("a directory's attributes stay when a layer only adds to it",
           archive(directory("d", mode=0o1777, uid=5, pax={"SCHILY.xattr.user.d": "d"})), archive(entry("d/x", b"x")))
      acl = "echo x >f; setfacl -m u:1234:rwx,g:99:r f; mkdir d; setfacl -m u:77:rx,d:u:78:rwx,d:g::rx d; echo y >d/y; chmod 600 d/y"
      case("ACLs", shell(acl, "--acls", "--format=pax"), archive(entry("d/z", b"z")))
      case("an ACL is replaced", shell(acl, "--acls", "--format=pax"), shell("echo x >f; setfacl -m u:5:r f; mkdir d", "--acls", "--format=pax"))
      case("capabilities", shell("echo x >f; setcap cap_net_raw+ep f; ln f g", "--xattrs", "--xattrs-include=*", "--format=pax"), archive(whiteout(".wh.f")))
      case("times", archive(*[entry("t%d" % i, b"t", pax={"mtime": time}) for i, time in enumerate(
          ["1700000000.123456789", "-1", "-1.5", "-0.000000001", "0", "0.000000001", "4102444800", "8589934592.5", "-2147483648.75"])],
          directory("d", pax={"mtime": "1600000000.000000007"}), entry("l", kind=tarfile.SYMTYPE, link="x", pax={"mtime": "1.000000001"})))
      case("negative times of GNU's", archive(entry("a", b"a", mtime=-5), entry("b", b"b", mtime=2**33), format=GNU))
      case("owners over 2^31", archive(entry("a", b"a", uid=3000000000, gid=4294967294), directory("d", uid=2**31, gid=2**31)),
           archive(entry("b", b"b", uid=2097152, gid=2**31 + 1), format=GNU))
      devices = [("c", tarfile.CHRTYPE, 1, 3), ("b", tarfile.BLKTYPE, 259, 70000), ("w", tarfile.CHRTYPE, 4000, 1000000)]
      case("devices", archive(*[entry(n, kind=k, devmajor=a, devminor=b, mode=0o620) for n, k, a, b in devices], entry("p", kind=tarfile.FIFOTYPE)),
           archive(entry("c2", kind=tarfile.LNKTYPE, link="c"), whiteout(".wh.b")))
      names = ["latin-\udce4\udcf6", "nfc-\u00e9", "nfd-e\u0301", "a\nb", "a b", "a=b", "a\\b", "\udcff", "tab\t", "*", "..data", "..."]
      case("names that are not text", archive(*[entry(n, n.encode("utf-8", "surrogateescape")) for n in names]),
           archive(whiteout(".wh.\udcff"), whiteout(".wh.a\nb"), entry("nfc-e\u0301", b"other")))
      deep = "/".join([c * 99 for c in "abcd"])
      case("paths of 400 bytes", archive(entry(deep + "/x", b"x"), entry("l", kind=tarfile.SYMTYPE, link="t" * 400)),
           archive(entry("h", kind=tarfile.LNKTYPE, link=deep + "/x"), directory(deep, mode=0o700)), archive(entry(deep + "/y", b"y"), format=GNU))
      case("names of 255 bytes", archive(entry("n" * 255, b"n"), entry("d/" + "m" * 255, b"m"), entry("d/" + "k" * 252, b"k"), entry("d/s", b"s")),
           archive(directory("d"), whiteout("d/.wh..wh..opq"), entry("d/new", b"new")))
      case("a ustar prefix", archive(entry("p" * 90 + "/" + "q" * 90, b"q"), format=USTAR), archive(entry("p" * 90 + "/r", b"r"), format=USTAR))
      case("special bits and mode 0", archive(entry("setuid", b"s", mode=0o4755), entry("setgid", b"s", mode=0o2755), directory("sticky", mode=0o1777),
           directory("group", mode=0o2775), entry("zero", b"0", mode=0), directory("closed", mode=0), entry("closed/in", b"i", mode=0o600)),
           archive(entry("sticky/x", b"x"), entry("group/x", b"x"), entry("closed/y", b"y", mode=0)))
      case("a parent's metadata later in the layer", archive(entry("d/e/x", b"x"), directory("d/e", mode=0o700, uid=3), directory("d", mode=0o711, gid=4)))
      case("a parent's metadata in a later layer", archive(entry("d/e/x", b"x")), archive(directory("d/e", mode=0o750, mtime=5)), archive(directory("d", uid=9)))
      case("parents that nobody names", archive(entry("d/e/x", b"x", mtime=7), entry("d/b/y", b"y", mtime=9), entry("d/a2", b"a", mtime=11)),
           archive(entry("q/r/s", b"s", mtime=13)))
      case("a parent that nobody names is hidden and made anew", archive(directory("d", mode=0o700, uid=7), entry("d/x", b"x")),
           archive(whiteout(".wh.d"), entry("d/y", b"y", mtime=3)))
      case("metadata of hardlinks", archive(entry("a", b"a", mode=0o600, uid=3), entry("b", kind=tarfile.LNKTYPE, link="a", mode=0o600, uid=3)),
           archive(entry("c", kind=tarfile.LNKTYPE, link="b", mode=0o600, uid=3)), archive(whiteout(".wh.a"), whiteout(".wh.b")))
      case("a hardlink to a symlink and to a device", archive(entry("s", kind=tarfile.SYMTYPE, link="/x"), entry("c", kind=tarfile.CHRTYPE, devmajor=1, devminor=3),
           entry("s2", kind=tarfile.LNKTYPE, link="s"), entry("c2", kind=tarfile.LNKTYPE, link="c")), archive(whiteout(".wh.s")))
      case("a hardlink between directories of layers", archive(directory("b"), entry("b/z", b"z"), directory("y")), archive(entry("a/z", kind=tarfile.LNKTYPE, link="b/z")),
           archive(whiteout(".wh.b")), archive(entry("y/z", kind=tarfile.LNKTYPE, link="a/z")))
      case("the root's metadata", archive(directory("./", mode=0o700, uid=3, pax={"SCHILY.xattr.user.r": "r"}), entry("a", b"a")), archive(entry("b", b"b")),
           archive(directory("./", mode=0o711, mtime=3)))
      case("the root's metadata under an opaque root", archive(directory("./", mode=0o700), entry("a", b"a")), archive(whiteout(".wh..wh..opq"), entry("b", b"b")))
      case("contiguous and old types", archive(entry("a", b"a", kind=b"7"), entry("b", b"b", kind=b"\0")), archive(entry("d/", kind=b"\0")))

  def write_cases(folder):
      define_cases()
      for name, layers in CASES.items():
          path = "%s/%s" % (folder, name.replace(" ", "-").replace("'", "").replace("^", "").replace(",", ""))
          os.makedirs(path)
          for number, data in enumerate(layers):
              with open("%s/%d.tar" % (path, number), "wb") as f: f.write(data)
  """#
