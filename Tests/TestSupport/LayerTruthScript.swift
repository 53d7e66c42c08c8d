/// What the kernel's overlayfs says of layers: Python, the beginning of scripts.
///
/// `Stack` unpacks each layer with Python's tarfile into a directory of its own, turns whiteouts into what
/// overlayfs knows (character devices 0/0, the opaque attribute), mounts them on each other, and lists what
/// can be seen, in the form of `TreeListing`. Two things are not the kernel's, and are decided in
/// docs/layers.md: a directory that no entry of a layer names has the metadata that it has below; and a
/// hardlink to a file of a lower layer is that file, so it is made a hardlink between the directories. A
/// directory that no layer names carries the attribute `IMPLIED`; `listing` gives it the time of what is first
/// in it. Needs root and a mount namespace; the working directory is to be a tmpfs (Linux 6.6 or newer, for
/// attributes of users).
public let layerTruthScript = #"""
  import ctypes, hashlib, io, os, shutil, stat, subprocess, sys, tarfile

  IMPLIED = "trusted.garboard.implied"
  libc = ctypes.CDLL(None, use_errno=True)

  def raw(text): return text.encode("utf-8", "surrogateescape")
  def parts(name): return [p for p in raw(name).split(b"/") if p not in (b"", b".")]
  def escaped(name):
      return "".join(chr(b) if 0x20 < b < 0x7f and b not in b"\\=" else "\\x%02x" % b for b in name)
  def is_directory(path):
      try: return stat.S_ISDIR(os.lstat(path).st_mode)
      except (FileNotFoundError, NotADirectoryError): return False
  def seen(top, path):
      """The status of a path without following symlinks, or None."""
      names, place = path.split(b"/") if path else [], top
      for name in names:
          if not is_directory(place): return None
          place += b"/" + name
      try: return os.lstat(place)
      except FileNotFoundError: return None

  def start(scratch):
      if libc.mount(b"none", os.fsencode(scratch), b"tmpfs", 0, b"mode=0700"): raise SystemExit("no tmpfs")
      os.chdir(scratch)
      os.umask(0)
      open("probe", "w").close()
      try: os.setxattr("probe", "user.probe", b"x")
      except OSError: raise SystemExit("tmpfs has no attributes of users: Linux 6.6 or newer is needed")
      os.unlink("probe")

  def time_of(member):
      """Nanoseconds, from text: a float has no room for them."""
      seconds, _, rest = member.pax_headers.get("mtime", str(int(member.mtime))).partition(".")
      rest = int((rest + "0" * 9)[:9])
      return int(seconds) * 10**9 + (-rest if seconds.startswith("-") else rest)

  def give(path, member):
      """Owner, mode, attributes and time, in the order in which none undoes another."""
      for name in os.listxattr(path, follow_symlinks=False): os.removexattr(path, name, follow_symlinks=False)
      os.chown(path, member.uid, member.gid, follow_symlinks=False)
      if not member.issym(): os.chmod(path, member.mode & 0o7777)
      for key, value in member.pax_headers.items():
          if key.startswith("SCHILY.xattr."):
              os.setxattr(path, raw(key[13:]), raw(value), follow_symlinks=False)
          elif key in ("SCHILY.acl.access", "SCHILY.acl.default"):
              default = ["-d"] if key.endswith("default") else []
              subprocess.check_call(["setfacl", *default, "--set", value.strip().replace("\n", ","), path])
      os.utime(path, ns=(0, time_of(member)), follow_symlinks=False)

  class Layer:
      """One layer in a directory of its own."""
      def __init__(self, top, stack):
          self.top, self.stack = top, stack
          self.named, self.whiteouts, self.opaque, self.late = {}, [], set(), {}
          os.mkdir(top, 0o700)
      def real(self, path): return self.top + b"/" + path if path else self.top
      def drop(self, path):
          real = self.real(path)
          if is_directory(real): shutil.rmtree(real)
          elif os.path.lexists(real): os.unlink(real)
          def stays(p): return p != path and not p.startswith(path + b"/")
          self.named = {p: m for p, m in self.named.items() if stays(p)}
          self.late = {p: t for p, t in self.late.items() if stays(p)}
          self.whiteouts = [w for w in self.whiteouts if not w.startswith(path + b"/")]
          self.opaque = {o for o in self.opaque if stays(o)}
      def add(self, member, tar):
          names = parts(member.name)
          path, name = b"/".join(names), names[-1] if names else b""
          if any(p.startswith(b".wh..wh.") and p != b".wh..wh..opq" for p in names): return
          if name == b".wh..wh..opq":
              directory = b"/".join(names[:-1])
              os.makedirs(self.real(directory), exist_ok=True)
              return self.opaque.add(directory)
          real = self.real(path)
          if path: os.makedirs(os.path.dirname(real), exist_ok=True)
          if name.startswith(b".wh."): return self.whiteouts.append(b"/".join(names[:-1] + [name[4:]]))
          if member.islnk(): return self.link(path, b"/".join(parts(member.linkname)))
          if not (member.isdir() and is_directory(real)): self.drop(path)
          if member.isdir():
              os.makedirs(real, exist_ok=True)
              self.named[path] = member             # metadata last: what is in it changes its time
              return
          if member.issym(): os.symlink(raw(member.linkname), real)
          elif member.isreg():
              with open(real, "wb") as f: shutil.copyfileobj(tar.extractfile(member), f)
              if os.lstat(real).st_size != member.size: raise SystemExit("tarfile lost bytes")
          elif member.isfifo(): os.mkfifo(real)
          elif member.isdev():
              kind = stat.S_IFCHR if member.ischr() else stat.S_IFBLK
              os.mknod(real, kind, os.makedev(member.devmajor, member.devminor))
          else: raise SystemExit("unexpected " + member.name)
          give(real, member)
      def link(self, path, target):
          source = self.real(target) if seen(self.top, target) else self.stack.real(target)
          if source is None:
              self.drop(path)
              self.late[path] = target
              return
          os.link(source, b"stash", follow_symlinks=False)
          self.drop(path)
          os.rename(b"stash", self.real(path))
      def hidden(self, path):
          return (any(path == w or path.startswith(w + b"/") for w in self.whiteouts)
                  or any(path != o and (not o or path.startswith(o + b"/")) for o in self.opaque))
      def finish(self):
          """All that can be said only at the end; whether the layer hides all that is below."""
          while self.late:
              ready = [p for p, t in self.late.items() if seen(self.top, t)]
              if not ready: raise SystemExit("a hardlink to nothing")
              for path in ready:
                  os.link(self.real(self.late.pop(path)), self.real(path), follow_symlinks=False)
          marked = set(self.opaque)
          for path in self.whiteouts:
              real = self.real(path)
              if is_directory(real): marked.add(path)
              elif not os.path.lexists(real): os.mknod(real, stat.S_IFCHR, 0)
          for top, _, _ in os.walk(self.top):
              path = top[len(self.top) + 1:]
              if path in self.named:
                  give(top, self.named[path])
                  continue
              below = None if self.hidden(path) else self.stack.seen(path)
              if below and stat.S_ISDIR(below.st_mode):
                  merged = self.stack.merged + (b"/" + path if path else b"")
                  os.chown(top, below.st_uid, below.st_gid)
                  os.chmod(top, stat.S_IMODE(below.st_mode))
                  for name in os.listxattr(merged): os.setxattr(top, name, os.getxattr(merged, name))
                  os.utime(top, ns=(0, below.st_mtime_ns))
              else:
                  os.chmod(top, 0o755)
                  os.setxattr(top, IMPLIED, b"y")
          for path in marked:
              if path: os.setxattr(self.real(path), "trusted.overlay.opaque", b"y")
          return b"" in marked

  class Stack:
      """Layers on each other. Made in a directory of the working directory, and gone after `close`."""
      def __init__(self, folder=b"stack"):
          self.folder, self.layers, self.lower, self.mounted = folder, [], [], False
          self.merged = folder + b"/m"
          for name in (b"/m", b"/empty", b"/empty2"): os.makedirs(folder + name)
      def apply(self, archive):
          layer = Layer(self.folder + b"/%d" % len(self.layers), self)
          if os.path.getsize(archive) > 0:
              with tarfile.open(archive, "r:", encoding="utf-8", errors="surrogateescape") as tar:
                  for member in tar: layer.add(member, tar)
          # Of the root, overlayfs takes no opaque attribute: nothing is mounted below it.
          self.lower = ([] if layer.finish() else self.lower) + [layer.top]
          self.layers.append(layer)
          self.unmount()
          # overlayfs wants two directories at least; the topmost says what the root is.
          dirs = list(reversed(self.lower)) + [self.folder + b"/empty", self.folder + b"/empty2"]
          if libc.mount(b"overlay", self.merged, b"overlay", 0, b"lowerdir=" + b":".join(dirs)):
              raise SystemExit("overlayfs can't be mounted: %s" % os.strerror(ctypes.get_errno()))
          self.mounted = True
      def unmount(self):
          if self.mounted and libc.umount2(self.merged, 0): raise SystemExit("can't unmount")
          self.mounted = False
      def seen(self, path): return seen(self.merged, path) if self.mounted else None
      def real(self, path):
          """Where a file is that can be seen at a path: inode numbers are those of the layers."""
          s = self.seen(path)
          for top in reversed(self.lower) if s else []:
              own = seen(top, path)
              if own and own.st_ino == s.st_ino: return top + b"/" + path
          return None
      def close(self):
          self.unmount()
          shutil.rmtree(self.folder)
      def listing(self):
          """Path and fields of all that can be seen, in tree order; the root only where a layer names it."""
          found = {}
          for top, folders, files in os.walk(self.merged) if self.mounted else []:
              for path in [top] + [top + b"/" + name for name in files] + [
                      top + b"/" + name for name in folders if os.path.islink(top + b"/" + name)]:
                  # In a directory that only one layer has, the kernel lists whiteouts that it doesn't find.
                  try: found[path[len(self.merged) + 1:]] = os.lstat(path)
                  except FileNotFoundError: continue
          first, lines, waiting = {}, [], []
          for path in sorted(found, key=lambda p: p.replace(b"/", b"\0")):
              s, host, shown = found[path], self.merged + b"/" + path, escaped(path) or "."
              kind, is_implied, attributes = stat.S_IFMT(s.st_mode), False, []
              for name in sorted(os.listxattr(host, follow_symlinks=False), key=os.fsencode):
                  if name == IMPLIED: is_implied = True
                  else:
                      value = os.getxattr(host, name, follow_symlinks=False)
                      attributes.append(("xattr:" + escaped(os.fsencode(name)), value.hex() or "-"))
              time = "%d.%09d" % (s.st_mtime_ns // 10**9, s.st_mtime_ns % 10**9)
              waiting = [(p, f) for p, f in waiting if not p or path.startswith(p + b"/")]
              if not is_implied:
                  for _, fields in waiting: fields["mtime"] = time
                  waiting = []
              if kind != stat.S_IFDIR and s.st_nlink > 1:
                  other = first.setdefault(s.st_ino, shown)
                  if other != shown:
                      lines.append((shown, {"type": "hardlink", "to": other}))
                      continue
              names = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink",
                       stat.S_IFCHR: "character", stat.S_IFBLK: "block", stat.S_IFIFO: "fifo"}
              fields = {"type": names[kind], "mode": "%04o" % stat.S_IMODE(s.st_mode),
                        "owner": "%d:%d" % (s.st_uid, s.st_gid), "mtime": time}
              if is_implied:
                  fields["mtime"] = "0.000000000"
                  waiting.append((path, fields))
              if kind == stat.S_IFREG:
                  with open(host, "rb") as f: data = f.read()
                  fields["size"], fields["sha256"] = "%d" % len(data), hashlib.sha256(data).hexdigest()
              elif kind == stat.S_IFLNK: fields["to"] = escaped(os.readlink(host))
              elif kind in (stat.S_IFCHR, stat.S_IFBLK):
                  fields["device"] = "%d:%d" % (os.major(s.st_rdev), os.minor(s.st_rdev))
              fields.update(attributes)
              if path or not is_implied: lines.append((shown, fields))
              # Not part of the listing's text: whose time is made up.
              if is_implied: fields["(implied)"] = ""
          return lines

  def text(line):
      return " ".join([line[0]] + ["%s=%s" % f for f in line[1].items() if f[0] != "(implied)"])

  def differences(truth, found, implied_times=True):
      """What is different, a line each; where not `implied_times`, times that nobody gave don't matter."""
      def reduced(lines):
          free = set() if implied_times else {p for p, f in truth if "(implied)" in f}
          return {p: {k: v for k, v in f.items() if k != "(implied)" and not (k == "mtime" and p in free)}
                  for p, f in lines}
      one, other = reduced(truth), reduced(found)
      result = ["- " + p for p in one if p not in other] + ["+ " + p for p in other if p not in one]
      for path in one.keys() & other.keys():
          a, b = one[path], other[path]
          wrong = ["%s: %s, not %s" % (k, b.get(k), a.get(k)) for k in sorted({*a, *b}) if a.get(k) != b.get(k)]
          if wrong: result.append("~ %s %s" % (path, "; ".join(wrong)))
      return sorted(result)
  """#
