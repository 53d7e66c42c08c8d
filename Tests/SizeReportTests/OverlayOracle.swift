import Posix
import Rootfs
import SystemPackage
import TestSupport

/// What the kernel's overlayfs says of layers, each unpacked into a directory of its own.
enum OverlayOracle {
  /// What is known of one stack of layers: a line for each layer, the bytes of the whole, and the tree.
  struct Truth: Equatable {
    var lines: [String] = []
  }

  /// Stacks layers that are the files `0.tar`, `1.tar` and so on in each of the folders. Needs root.
  ///
  /// Files are told apart by their sizes: each must have another.
  static func truths(of folders: [FilePath]) throws -> [Truth] {
    try run(["stack"] + folders.map(\.string))
  }

  /// Writes stacks of random layers into folders `SEED/0.tar`…, and gives the truth about them. Needs root.
  static func random(seeds: Range<Int>, in folder: FilePath) throws -> [Truth] {
    try run(["random", folder.string, "\(seeds.lowerBound)", "\(seeds.upperBound)"])
  }

  private static func run(_ arguments: [String]) throws -> [Truth] {
    let scratch = try TemporaryDirectory()
    _ = try Tool.find("python3")
    let text = try Tool.check(
      "unshare", ["--mount", "python3", "-I", "-c", overlayScript, scratch.path.string] + arguments
    ).text
    var truths: [Truth] = []
    for line in text.split(separator: "\n").map(String.init) {
      if line == "stack" { truths.append(Truth()) } else { truths[truths.count - 1].lines.append(line) }
    }
    return truths
  }
}

/// Unpacks with Python's tarfile, turns whiteouts into what overlayfs knows (character devices 0/0, the
/// opaque attribute), mounts, and looks.
private let overlayScript = #"""
  import os, random, shutil, stat, subprocess, sys, tarfile, io
  scratch, mode, arguments = os.fsencode(sys.argv[1]), sys.argv[2], sys.argv[3:]
  # A tmpfs: where /var/tmp is an overlay itself, whiteouts can't be made in it.
  subprocess.check_call(["mount", "-t", "tmpfs", "none", scratch])
  os.chdir(scratch)

  def parts(name):
      return [p for p in name.split("/") if p not in ("", ".")]

  class Layer:
      """One layer in a directory of its own."""
      def __init__(self, number, before):
          self.top = "l%d" % number
          os.mkdir(self.top)
          self.before = before          # the merged mount below
          self.explicit = set()
          self.whiteouts, self.opaque = [], set()
          self.stored = []
      def real(self, path): return self.top + "/" + path if path else self.top
      def parents(self, path):
          os.makedirs(self.real("/".join(path.split("/")[:-1])), exist_ok=True)
      def drop(self, path):
          real = self.real(path)
          if os.path.isdir(real) and not os.path.islink(real): shutil.rmtree(real)
          elif os.path.lexists(real): os.unlink(real)
          self.explicit = {p for p in self.explicit if p != path and not p.startswith(path + "/")}
          self.whiteouts = [w for w in self.whiteouts if not w.startswith(path + "/")]
          self.opaque = {o for o in self.opaque if o != path and not o.startswith(path + "/")}
      def add(self, member, tar):
          names = parts(member.name)
          path, name = "/".join(names), names[-1] if names else ""
          if any(p.startswith(".wh..wh.") and p != ".wh..wh..opq" for p in names): return
          if name == ".wh..wh..opq":
              directory = "/".join(names[:-1])
              os.makedirs(self.real(directory), exist_ok=True)
              self.opaque.add(directory)
              return
          if name.startswith(".wh."):
              self.parents(path)
              self.whiteouts.append("/".join(names[:-1] + [name[4:]]))
              return
          if not path: return
          self.parents(path)
          real = self.real(path)
          isdir = os.path.isdir(real) and not os.path.islink(real)
          link = None
          if member.islnk():
              target = "/".join(parts(member.linkname))
              if os.path.lexists(self.real(target)):
                  link = "stash-link"
                  os.link(self.real(target), link, follow_symlinks=False)
              else:
                  # A copy is as good: files are told apart by size.
                  link = "stash-link"
                  shutil.copy2("m/" + target if self.before else "missing", link, follow_symlinks=False)
          if not (isdir and member.isdir()): self.drop(path)
          if member.isdir(): os.makedirs(real, exist_ok=True)
          elif member.issym(): os.symlink(member.linkname, real)
          elif link: os.rename(link, real)
          elif member.isfile():
              with open(real, "wb") as f: shutil.copyfileobj(tar.extractfile(member), f)
              self.stored.append(member.size)
          elif member.isfifo(): os.mkfifo(real)
          else: raise Exception("unexpected " + member.name)
          self.explicit.add(path)
      def finish(self):
          """Whiteouts in overlayfs's words; whether the layer hides all below."""
          for path in self.whiteouts:
              real = self.real(path)
              if os.path.isdir(real) and not os.path.islink(real): self.opaque.add(path)
              elif not os.path.lexists(real): os.mknod(real, stat.S_IFCHR, 0)
          for path in self.opaque:
              if path: os.setxattr(self.real(path), "trusted.overlay.opaque", b"y")
          return "" in self.opaque

  def look():
      tree = {}
      for top, dirs, files in os.walk("m"):
          for name in dirs + files:
              path = top + "/" + name
              # In a directory that only one layer has, the kernel lists whiteouts that it doesn't find.
              try: s = os.lstat(path)
              except FileNotFoundError: continue
              kind = {stat.S_IFDIR: "d", stat.S_IFREG: "f", stat.S_IFLNK: "l", stat.S_IFIFO: "p"}[stat.S_IFMT(s.st_mode)]
              tree[path[2:]] = (kind, s.st_size if kind == "f" else 0)
      return tree

  def sizes(tree): return {size for kind, size in tree.values() if kind == "f"}

  class Stack:
      def __init__(self):
          os.makedirs("m"); os.mkdir("empty")
          self.lower, self.tree, self.lines, self.stored, self.mounted = ["empty"], {}, [], [], False
      def mount(self):
          if self.mounted: subprocess.check_call(["umount", "m"])
          # overlayfs wants two directories at least.
          dirs = self.lower if len(self.lower) > 1 else self.lower + ["empty2"]
          os.makedirs("empty2", exist_ok=True)
          subprocess.check_call(["mount", "-t", "overlay", "overlay", "-o", "lowerdir=" + ":".join(reversed(dirs)), "m"])
          self.mounted = True
      def apply(self, archive):
          layer = Layer(len(self.stored), self.mounted)
          entries = whiteouts = 0
          with tarfile.open(archive) as tar:
              for member in tar:
                  entries += 1
                  base = (parts(member.name) or [""])[-1]
                  if base == ".wh..wh..opq" or base.startswith(".wh.") and not base.startswith(".wh..wh."): whiteouts += 1
                  layer.add(member, tar)
          # Of the root, overlayfs takes no attribute: nothing is mounted below it.
          self.lower = (["empty"] if layer.finish() else self.lower) + [layer.top]
          before = self.tree
          self.mount()
          after = self.tree = look()
          added, removed = after.keys() - before.keys(), before.keys() - after.keys()
          changed = {p for p in after.keys() & before.keys()
                     if p in layer.explicit or (after[p][0] == "d") != (before[p][0] == "d")}
          new = set(layer.stored) & sizes(after)
          new_changed = {s for s in new if any(after[p] == ("f", s) for p in changed)}
          gone = {before[p][1] for p in removed if before[p][0] == "f"} - sizes(after)
          self.lines.append("layer entries %d whiteouts %d files %d bytes %d added %d %d changed %d %d removed %d %d" % (
              entries, whiteouts, len(layer.stored), sum(layer.stored), len(added), sum(new) - sum(new_changed),
              len(changed), sum(new_changed), len(removed), sum(gone)))
          self.stored.append(layer.stored)
          return layer
      def finish(self):
          seen = sizes(self.tree)
          everything = [s for stored in self.stored for s in stored]
          assert len(everything) == len(set(everything)), "sizes must differ"
          print("stack")
          for line, stored in zip(self.lines, self.stored):
              print(line + " wasted %d" % sum(s for s in stored if s not in seen))
          print("bytes %d" % sum(seen))
          for path in sorted(self.tree, key=lambda p: os.fsencode(p).split(b"/")):
              print("%s %s %d" % (path, *self.tree[path]))
          if self.mounted: subprocess.check_call(["umount", "m"])
          for name in os.listdir("."): shutil.rmtree(name)

  class Writer:
      """Random layers that mean something: no entry below a file of the same layer, no dangling hardlink."""
      names = ["a", "ab", "a.b", "b", "x.wh.y"]
      def __init__(self, seed):
          self.r, self.size = random.Random(seed), 0
      def path(self):
          return "/".join(self.r.choice(self.names) for _ in range(self.r.choice([1, 1, 2, 2, 3])))
      def layer(self, archive, below):
          own = {}                                  # path: kind of this layer's own tree
          def parent_ok(path):
              p = path.split("/")
              return all(own.get("/".join(p[:i]), "d") == "d" for i in range(1, len(p)))
          def put(path, kind):
              p = path.split("/")
              for i in range(1, len(p)): own.setdefault("/".join(p[:i]), "d")
              if kind != "d":
                  for q in [q for q in own if q.startswith(path + "/")]: del own[q]
              own[path] = kind
          with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
              for _ in range(self.r.randrange(12)):
                  path, what = self.path(), self.r.choice("fffddlhhwwwop")
                  if not parent_ok(path): continue
                  member = tarfile.TarInfo(self.r.choice(["", "./", "/"]) + path)
                  data = None
                  if what == "f":
                      self.size += 1
                      member.size, data = self.size, io.BytesIO(b"x" * self.size)
                  elif what == "d": member.type = tarfile.DIRTYPE
                  elif what == "l": member.type, member.linkname = tarfile.SYMTYPE, self.r.choice([".", "a", "/b", "../b"])
                  elif what == "p": member.type = tarfile.FIFOTYPE
                  elif what == "h":
                      targets = [p for p in own if own[p] == "f"] + [
                          p for p in below if below[p][0] == "f" and p not in own]
                      targets = [t for t in sorted(targets) if t != path]
                      if not targets: continue
                      member.type, member.linkname = tarfile.LNKTYPE, self.r.choice(targets)
                      if (member.linkname + "/").startswith(path + "/") or path.startswith(member.linkname + "/"): continue
                      what = "f"
                  if what in "wo":
                      head, _, tail = path.rpartition("/")
                      if what == "o": head, tail = path, ".wh..opq"
                      if what == "o" and own.get(path, "d") != "d": continue
                      if what == "o" and self.r.random() < .2: head = ""
                      if head: put(head, "d") if head not in own else None
                      member.name = (head + "/" if head else "") + ".wh." + tail
                  else: put(path, what)
                  tar.addfile(member, data)

  if mode == "stack":
      for folder in arguments:
          stack, number = Stack(), 0
          while os.path.exists("%s/%d.tar" % (folder, number)):
              stack.apply("%s/%d.tar" % (folder, number)); number += 1
          stack.finish()
  else:
      for seed in range(int(arguments[1]), int(arguments[2])):
          folder = "%s/%d" % (arguments[0], seed)
          os.mkdir(folder)
          stack, writer = Stack(), Writer(seed)
          for number in range(writer.r.randrange(1, 6)):
              archive = "%s/%d.tar" % (folder, number)
              writer.layer(archive, stack.tree)
              stack.apply(archive)
          stack.finish()
  """#
