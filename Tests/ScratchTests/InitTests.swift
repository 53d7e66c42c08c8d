import Posix
import SystemPackage
import TestSupport
import Testing

/// What tini does as the first process. Needs root.
@Suite("An init in an image, as root")
struct InitTests {
  /// Leaves orphans that end at once, and counts the zombies in /proc.
  private static let orphans = """
    #include <dirent.h>
    #include <stdio.h>
    #include <string.h>
    #include <sys/wait.h>
    #include <unistd.h>
    int main(void) {
      for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        if (child == 0) { if (fork() == 0) _exit(0); usleep(20000); _exit(0); }
        waitpid(child, NULL, 0);
      }
      usleep(300000);
      int zombies = 0;
      DIR *proc = opendir("/proc");
      for (struct dirent *e; (e = readdir(proc)) != NULL;) {
        char path[300], text[512] = "";
        snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL) continue;
        if (fgets(text, sizeof text, file) != NULL && strstr(text, ") Z ") != NULL) zombies++;
        fclose(file);
      }
      printf("%d zombies\\n", zombies);
      return 0;
    }
    """

  private func output(_ program: FilePath, _ folder: TemporaryDirectory, _ options: [String]) throws -> String
  {
    let archive = folder.appending("image.oci.tar").string
    let made = try garboard("garboard-scratch", options + [program.string, "-o", archive])
    #expect(made.status.isSuccess, "\(made.errorText)")
    return try #require(try verify(image: "oci-archive:\(archive)", running: .configured).first?.output)
  }

  @Test("leaves no zombies, where the program alone leaves them")
  func zombies() throws {
    let folder = try TemporaryDirectory()
    let program = folder.appending("orphans")
    try ScratchFixture.compile(Self.orphans, program, ["-static"])
    #expect(try output(program, folder, []) == "5 zombies\n")
    #expect(try output(program, folder, ["--init"]) == "0 zombies\n")
  }

  @Test("passes SIGTERM on")
  func signals() throws {
    let folder = try TemporaryDirectory()
    let program = folder.appending("waits")
    try ScratchFixture.compile(
      """
      #include <signal.h>
      #include <stdlib.h>
      #include <unistd.h>
      static void end(int number) { (void)!write(1, "terminated\\n", 11); _exit(7); }
      int main(void) { signal(SIGTERM, end); (void)!write(1, "ready\\n", 6); for (;;) pause(); }
      """, program, ["-static"])
    let tree = try ScratchFixture.tree(folder, "tree", ["--init", program.string])
    // The first process of its own namespace, as in a container.
    let result = try Tool.run(
      "sh",
      [
        "-c",
        """
        unshare --fork --pid chroot "$0" /usr/bin/tini -- /waits >out &
        outer=$!
        until grep -q ready out; do sleep 0.05; done
        kill -TERM "$(pgrep -P $outer)"
        wait $outer; echo "status $?"; cat out
        """, tree.string,
      ], in: folder.path)
    #expect(result.text == "status 7\nready\nterminated\n")
  }

  @Test("stands before the entrypoint in the configuration")
  func configuration() throws {
    let folder = try TemporaryDirectory()
    let archive = folder.appending("image.oci.tar").string
    let made = try garboard(
      "garboard-scratch", "--init", "--shell", "--entrypoint", "/bin/sh -c", "--cmd", "[\"echo $0 $$\"]",
      "--tmp",
      "--workdir", "/tmp", "--label", "a=b", "/usr/bin/tini-static", "-o", archive)
    #expect(made.status.isSuccess, "\(made.errorText)")
    let image = try #require(try verify(image: "oci-archive:\(archive)", running: .configured).first)
    // The shell is not the first process.
    #expect(image.output != "/bin/sh 1\n")
    #expect(image.output?.hasPrefix("/bin/sh ") == true)
    #expect(image.tree.lines.first { $0.path == "tmp" }?["mode"]?.hasSuffix("1777") == true)
    #expect(image.configuration.contains("\"/usr/bin/tini\",\"--\",\"/bin/sh\",\"-c\""))
  }
}
