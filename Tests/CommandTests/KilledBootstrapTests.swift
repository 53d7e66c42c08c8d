import Glibc
import Posix
import SystemPackage
import TestSupport
import Testing

/// Base systems that are ended at moments chosen by a seed: `GARBOARD_KILLS` of them, else 12. Needs root.
@Suite("garboard-bootstrap as root, ended at any moment")
struct KilledBootstrapTests {
  /// Tells of each moment what is left; orphans become children of this process, so none can hide.
  private static let script = """
    import ctypes, os, random, shutil, signal, subprocess, sys, time
    tool, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    PR_SET_CHILD_SUBREAPER = 36
    assert ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    os.chdir(folder)
    for name in ("tmp", "out"): os.mkdir(name)
    environment = dict(os.environ, TMPDIR=folder + "/tmp", GARBOARD_CACHE=folder + "/cache")
    dice = random.Random(2026)

    def start(storage):
        return subprocess.Popen(
            [tool, "-q", "--variant", "apt", "--include", "adduser", "--source-date-epoch", "1790000000",
             "--storage", storage, "trixie", "out/x.tar"], env=environment, stderr=subprocess.PIPE)

    def whole(name):
        process = start("auto")
        errors = process.communicate()[1]
        if process.returncode != 0 or errors:
            sys.exit("a run after that failed: %s" % errors.decode())
        os.rename("out/x.tar", name)

    def children():
        with open("/proc/self/task/%d/children" % os.getpid()) as file: return file.read().split()

    def reap():
        # What is killed takes a moment to be gone.
        deadline = time.monotonic() + 120
        while children():
            try: os.waitpid(-1, os.WNOHANG)
            except ChildProcessError: pass
            if time.monotonic() > deadline: return False
            time.sleep(0.01)
        return True

    whole("first.tar")
    begin = time.monotonic()
    whole("second.tar")
    span = time.monotonic() - begin
    ended = {}
    for number in range(count):
        sent = dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
        wait = dice.random() * span
        what = "moment %d (%s after %.2f s)" % (number, sent.name, wait)
        # Now and then some packages have to be fetched.
        if number % 3 == 0:
            debs = sorted(os.listdir("cache/debs"))
            for name in dice.sample(debs, len(debs) // 3): os.remove("cache/debs/" + name)
        before = set(os.listdir("tmp"))
        process = start(dice.choice(("memory", "disk")))
        time.sleep(wait)
        process.send_signal(sent)
        errors = process.communicate()[1].decode()
        status = process.returncode
        if not reap(): sys.exit(what + ": a process stays: " + " ".join(children()))
        with open("/proc/self/mounts") as file:
            if folder in file.read(): sys.exit(what + ": a mount stays")
        made = os.listdir("out")
        if status == 0:
            if made != ["x.tar"]: sys.exit(what + ": it ended well and made " + repr(made))
            os.remove("out/x.tar")
        else:
            if "x.tar" in made and status != -sent: sys.exit(what + ": it failed and left its output")
            expected = -sent if sent == signal.SIGKILL else 128 + sent
            if status != expected: sys.exit("%s: status %d: %s" % (what, status, errors))
            if sent != signal.SIGKILL:
                # What SIGKILL left before is nobody's.
                left = sorted(set(os.listdir("tmp")) - before) + made
                if left: sys.exit(what + ": it left " + repr(left))
        ended[status] = ended.get(status, 0) + 1
        # Those of SIGKILL may be there, and must not be in anybody's way; a later one is as good as none.
        if "x.tar" in made and status != 0: os.remove("out/x.tar")
        if number % 6 == 5: whole("next.tar")
    whole("last.tar")
    print(sorted(ended.items()))
    """

  @Test func `leaves no process, no mount, and nothing that the next run minds`() throws {
    let folder = try TemporaryDirectory()
    let count = getenv("GARBOARD_KILLS").flatMap { Int(String(cString: $0)) } ?? 12
    let result = try Tool.run(
      "python3",
      [
        "-I", "-c", Self.script, try productsDirectory().appending("garboard-bootstrap").string,
        folder.path.string, String(count),
      ])
    #expect(result.status.isSuccess, "\(result.errorText)")
    try Tool.check("cmp", ["first.tar", "second.tar"], in: folder.path)
    try Tool.check("cmp", ["first.tar", "last.tar"], in: folder.path)
    print("ended (exit status, how often): \(result.text)")
  }
}
