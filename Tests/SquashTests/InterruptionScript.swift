/// Ends squashes at chosen system calls, and fills disks. Python, after `layerTruthScript` and
/// `imageLayoutScript`, in a mount namespace of its own: `TOOLS FOLDER`. Prints what is wrong, and last the counts.
let interruptionScript = #"""

  import signal, time

  tools, folder = sys.argv[1:]
  start(folder)
  for name in ("in", "work", "tmp", "small"): os.makedirs(name)
  environment = {"TMPDIR": folder + "/tmp", "PATH": os.environ["PATH"]}
  counts = {}
  def count(what): counts[what] = counts.get(what, 0) + 1

  def layer(name, script):
      os.makedirs("t")
      subprocess.check_call(["sh", "-euc", script], cwd="t")
      subprocess.check_call(["tar", "-C", "t", "-cf", name, "."])
      shutil.rmtree("t")
      return name
  layers = [layer("0.tar", "head -c 3000000 /dev/urandom >a; seq 30000 >b"), layer("1.tar", "seq 9 >c"), layer("2.tar", "echo >.wh.b")]
  pack("in/layout", layers)
  pack("in/old", layers[1:])
  def run(*words, **more):
      return subprocess.run([tools + "/garboard-squash", "-q", *words], capture_output=True, text=True, env=environment, **more)
  def must(*words):
      result = run(*words)
      if result.returncode: sys.exit("squash %s: %s" % (words, result.stderr))
      return result.stdout
  def state(path):
      """All files below a path, with their content."""
      if os.path.isfile(path): return open(path, "rb").read()
      return {os.path.relpath(os.path.join(t, f), path): open(os.path.join(t, f), "rb").read()
              for t, _, names in os.walk(path) for f in names if not f.startswith(".garboard-")}
  # What stands under each name before, and after, as the destinations name them.
  places = {"work/x.oci.tar": "work/x.oci.tar", "oci:work/layout:1": "work/layout", "docker-archive:work/x:n:1": "work/x"}
  outputs = [w for place in places for w in ("-o", place)]
  def clear():
      shutil.rmtree("work")
      os.makedirs("work")
  os.makedirs("work", exist_ok=True)
  states = {}
  for source in ("in/old", "in/layout"):
      clear()
      must(source, *outputs)
      states[source] = {path: state(path) for path in places.values()}
      if source == "in/old": shutil.copytree("work", "before")
  clear()
  shutil.copytree("in/layout", "work/layout")
  must("--in-place", "work/layout")
  in_place = state("work/layout")
  def whole(path, wanted):
      """Whether a file is that, or a directory holds that and perhaps more."""
      found = state(path)
      return found == wanted if isinstance(wanted, bytes) else all(found.get(k) == v for k, v in wanted.items())
  def check(what, process, ways):
      """After the end of a squash: each place is as before, or done."""
      if state("in") != input_state: print(what, "changes its input")
      if os.listdir("tmp"): print(what, "leaves", os.listdir("tmp"), "in TMPDIR")
      left = [f for t, folders, names in os.walk("work") for f in folders + names if f.startswith(".garboard-")]
      if left and "KILL" not in what: print(what, "leaves", left)
      if ways == "in place":
          if not whole("work/layout", in_place) and not whole("work/layout", input_state_of_layout): print(what, "is neither")
          return
      for path in places.values():
          choices = [states["in/layout"][path]] + ([states["in/old"][path]] if ways == "replacing" else [])
          # A layout holds an image from the moment on when its index is there.
          if ways == "new" and not os.path.exists(path + "/index.json" if "layout" in path else path): continue
          if not os.path.exists(path) or not any(whole(path, c) for c in choices): print(what, path, "is something else")
  input_state, input_state_of_layout = state("in"), state("in/layout")

  def ended(what, name, call, number, words):
      """Runs a squash that is stopped at a system call, and then gets a signal, if it comes so far."""
      open("log", "w").close()
      process = subprocess.Popen(
          ["strace", "-f", "-qq", "-o", "log", "-e", "trace=" + call, "-e", "inject=%s:signal=STOP:when=%d" % (call, number),
           tools + "/garboard-squash", "-q", *words], env=environment, stderr=subprocess.PIPE, text=True)
      while process.poll() is None:
          with open("log") as f: is_stopped = "stopped by SIGSTOP" in f.read()
          if not is_stopped:
              time.sleep(.002)
              continue
          with open("/proc/%d/task/%d/children" % (process.pid, process.pid)) as f: child = int(f.read())
          os.kill(child, getattr(signal, "SIG" + name))
          if name != "KILL": os.kill(child, signal.SIGCONT)
          process.wait()
          count(name)
      wanted = getattr(signal, "SIG" + name)
      if process.returncode not in (0, -wanted, 128 + wanted): print(what, "exit", process.returncode, process.stderr.read())
      if name == "TERM" and process.stderr.read(): print(what, "says something")
      return process

  calls = {"KILL": [("openat", 150), ("pwrite64", 1), ("pwrite64", 4), ("linkat", 1), ("linkat", 2), ("linkat", 4), ("rename", 1),
                    ("rename", 2), ("mkdir", 1), ("unlink", 1)],
           "TERM": [("openat", 150), ("pwrite64", 4), ("linkat", 2), ("linkat", 4), ("rename", 1), ("mkdir", 2)]}
  for name in calls:
      for call, number in calls[name]:
          for ways in ("new", "replacing", "in place"):
              shutil.rmtree("work")
              if ways == "replacing": shutil.copytree("before", "work")
              else: os.makedirs("work")
              if ways == "in place": shutil.copytree("in/layout", "work/layout")
              words = ["--in-place", "work/layout"] if ways == "in place" else ["in/layout", *outputs]
              what = "%s at %s %d, %s:" % (name, call, number, ways)
              check(what, ended(what, name, call, number, words), ways)
              # It does not stand in the way of the next one.
              must(*words)
              if ways == "in place": good = whole("work/layout", in_place)
              else: good = all(whole(path, states["in/layout"][path]) for path in places.values())
              if not good: print(what, "is not right in the end")

  # Full disks.
  for size in (64, 400, 2000):
      for target in ("small/x.oci.tar", "oci:small/layout:1", "docker-archive:small/x:n:1", "tar:small/x.tar", "rootfs:small/root", "TMPDIR"):
          if libc.mount(b"none", b"small", b"tmpfs", 0, b"size=%dk" % size): sys.exit("no tmpfs")
          clear()
          what = "a disk of %d kB for %s:" % (size, target)
          if size == 64 and not target.startswith(("TMPDIR", "rootfs")): must("in/old", "-o", target)
          before = state("small")
          if target == "TMPDIR":
              environment["TMPDIR"] = folder + "/small"
              result = run("in/layout", "-o", "work/x.oci.tar", "--spool-memory", "1k")
              environment["TMPDIR"] = folder + "/tmp"
          else: result = run("in/layout", "-o", target)
          lines = result.stderr.split("\n")
          if result.returncode != 1 or len(lines) != 2 or "o space left" not in lines[0]: print(what, result.returncode, lines)
          if state("small") != before or os.listdir("work"): print(what, "changes something")
          left = [f for t, folders, names in os.walk("small") for f in folders + names if f.startswith(".garboard-")]
          if left or os.listdir("tmp"): print(what, "leaves", left, os.listdir("tmp"))
          if libc.umount2(b"small", 0): sys.exit("small is busy")
          count("full")
  print(*("%s %d" % item for item in sorted(counts.items())))
  """#
