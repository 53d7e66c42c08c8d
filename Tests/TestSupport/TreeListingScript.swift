/// Prints a listing of a directory (`dir PATH`) or of a tar (`tar PATH`).
public let listingScript = #"""
  import hashlib, os, stat, sys, tarfile

  def escaped(name):
      return "".join(chr(b) if 0x20 < b < 0x7f and b not in b"\\=" else "\\x%02x" % b for b in name)

  def digest(stream):
      sum, zeros, length = hashlib.sha256(), 0, 0
      for part in iter(lambda: stream.read(1 << 20), b""):
          sum.update(part)
          length += len(part)
      return length, sum.hexdigest()

  def show(path, fields):
      print(escaped(path) or ".", *("%s=%s" % field for field in fields))

  def common(mode, uid, gid, seconds, nanoseconds):
      return [("mode", "%04o" % mode), ("owner", "%d:%d" % (uid, gid)),
              ("mtime", "%d.%09d" % (seconds, nanoseconds))]

  def attributes(pairs):
      return [("xattr:" + escaped(name), value.hex() or "-") for name, value in sorted(pairs)]

  def order(path):
      return path.replace(b"/", b"\0")

  def list_directory(top):
      found = {b"": os.lstat(top)}
      for folder, folders, files in os.walk(top, onerror=fail):
          for name in folders + files:
              path = os.path.join(folder, name)
              found[os.path.relpath(path, top)] = os.lstat(path)
      first = {}
      for path in sorted(found, key=order):
          s = found[path]
          host = os.path.join(top, path) if path else top
          kind = stat.S_IFMT(s.st_mode)
          if kind == stat.S_IFSOCK:
              continue
          if kind != stat.S_IFDIR and s.st_nlink > 1:
              other = first.setdefault((s.st_dev, s.st_ino), path)
              if other != path:
                  show(path, [("type", "hardlink"), ("to", escaped(other))])
                  continue
          names = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink",
                   stat.S_IFCHR: "character", stat.S_IFBLK: "block", stat.S_IFIFO: "fifo"}
          fields = [("type", names[kind])]
          fields += common(stat.S_IMODE(s.st_mode), s.st_uid, s.st_gid,
                           s.st_mtime_ns // 10**9, s.st_mtime_ns % 10**9)
          if kind == stat.S_IFREG:
              with open(host, "rb") as stream:
                  size, sum = digest(stream)
              assert size == s.st_size
              fields += [("size", size), ("sha256", sum)]
          elif kind == stat.S_IFLNK:
              fields += [("to", escaped(os.readlink(host)))]
          elif kind in (stat.S_IFCHR, stat.S_IFBLK):
              fields += [("device", "%d:%d" % (os.major(s.st_rdev), os.minor(s.st_rdev)))]
          pairs = []
          for name in os.listxattr(host, follow_symlinks=False):
              pairs.append((os.fsencode(name), os.getxattr(host, name, follow_symlinks=False)))
          show(path, fields + attributes(pairs))

  def fail(error):
      raise error

  def list_tar(file):
      found = {}
      with tarfile.open(file, "r:*", encoding="utf-8", errors="surrogateescape") as tar:
          for member in tar:
              def raw(text):
                  return text.encode("utf-8", "surrogateescape")
              def normal(text):
                  return b"/".join(p for p in raw(text).split(b"/") if p not in (b"", b"."))
              path = normal(member.name)
              if member.islnk():
                  found[path] = [("type", "hardlink"), ("to", escaped(normal(member.linkname)))]
                  continue
              kind = ("file" if member.isreg() else "directory" if member.isdir() else
                      "symlink" if member.issym() else "character" if member.ischr() else
                      "block" if member.isblk() else "fifo" if member.isfifo() else str(member.type))
              # As text: a float has no room for nanoseconds.
              time = member.pax_headers.get("mtime", str(int(member.mtime)))
              seconds, _, rest = time.partition(".")
              nanoseconds, seconds = int((rest + "0" * 9)[:9]), int(seconds)
              if time.startswith("-") and nanoseconds:
                  seconds, nanoseconds = seconds - 1, 10**9 - nanoseconds
              mode = 0o777 if kind == "symlink" else member.mode & 0o7777
              fields = [("type", kind)] + common(mode, member.uid, member.gid, seconds, nanoseconds)
              if kind == "file":
                  size, sum = digest(tar.extractfile(member))
                  assert size == member.size
                  fields += [("size", size), ("sha256", sum)]
              elif kind == "symlink":
                  fields += [("to", escaped(raw(member.linkname)))]
              elif kind in ("character", "block"):
                  fields += [("device", "%d:%d" % (member.devmajor, member.devminor))]
              pairs = []
              for key, value in member.pax_headers.items():
                  for prefix in ("SCHILY.xattr.", "LIBARCHIVE.xattr.RAW."):
                      if key.startswith(prefix):
                          pairs.append((raw(key[len(prefix):]), raw(value)))
              found[path] = fields + attributes(pairs)
      for path in sorted(found, key=order):
          show(path, found[path])

  (list_directory if sys.argv[1] == "dir" else list_tar)(os.fsencode(sys.argv[2]))
  """#
