#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

int garboard_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
  return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

const int garboard_o_tmpfile = O_TMPFILE;

int garboard_memory_file(void) { return memfd_create("garboard", MFD_CLOEXEC); }

int garboard_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int garboard_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}

uint64_t garboard_makedev(uint32_t major, uint32_t minor) { return makedev(major, minor); }
uint32_t garboard_major(uint64_t device) { return major(device); }
uint32_t garboard_minor(uint64_t device) { return minor(device); }

int garboard_link_descriptor(int descriptor, int directory, const char *path) {
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  return linkat(AT_FDCWD, link, directory, path, AT_SYMLINK_FOLLOW);
}

static int place(int descriptor, int target) {
  if (descriptor < 0) {
    descriptor = open("/dev/null", (target == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
    if (descriptor < 0) return -1;
  }
  if (descriptor == target) {
    int flags = fcntl(descriptor, F_GETFD);
    return flags < 0 ? -1 : fcntl(descriptor, F_SETFD, flags & ~FD_CLOEXEC);
  }
  return dup2(descriptor, target);
}

// Runs in the child: only async-signal-safe calls.
static int prepare_child(const struct garboard_spawn *what, pid_t parent, int mapped) {
  for (int number = 1; number < NSIG; number++) {
    signal(number, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  umask(022);
  if (what->flags & GARBOARD_SPAWN_USER_NAMESPACE) {
    // The other end is closed without a byte when there are no maps.
    char byte;
    ssize_t count;
    do {
      count = read(mapped, &byte, 1);
    } while (count < 0 && errno == EINTR);
    if (count != 1) _exit(127);
    if (setgroups(0, NULL) != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) return -1;
  }
  // A change of user would take this back.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return -1;
  // In a new pid namespace the parent shows as 0 whether it lives or not.
  if (!(what->flags & GARBOARD_SPAWN_PID_NAMESPACE) && getppid() != parent) _exit(127);
  if (what->flags & GARBOARD_SPAWN_NEW_SESSION) setsid();
  if (what->flags & GARBOARD_SPAWN_MOUNT_NAMESPACE) {
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return -1;
    if (what->flags & GARBOARD_SPAWN_PID_NAMESPACE) {
      if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) return -1;
    }
  }
  // Whatever this process holds open without O_CLOEXEC stays here.
  syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  // Descriptors 0 to 2 must not be overwritten before they were copied.
  int streams[3] = {what->standard_input, what->standard_output, what->standard_error};
  for (int index = 0; index < 3; index++) {
    if (streams[index] >= 0 && streams[index] < 3 && streams[index] != index) {
      streams[index] = fcntl(streams[index], F_DUPFD_CLOEXEC, 3);
      if (streams[index] < 0) return -1;
    }
  }
  for (int index = 0; index < 3; index++) {
    if (place(streams[index], index) < 0) return -1;
  }
  for (size_t index = 0; index < what->inherited_count; index++) {
    if (place(what->inherited[index], what->inherited[index]) < 0) return -1;
  }
  if (what->root_directory && (chroot(what->root_directory) != 0 || chdir("/") != 0)) return -1;
  if (what->working_directory && chdir(what->working_directory) != 0) return -1;
  return 0;
}

pid_t garboard_start(const struct garboard_spawn *what) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return -1;
  // The report must not sit on a number that the child was promised.
  int moved = fcntl(report[1], F_DUPFD_CLOEXEC, 64);
  if (moved < 0) {
    int saved = errno;
    close(report[0]);
    close(report[1]);
    errno = saved;
    return -1;
  }
  close(report[1]);
  int mapped[2] = {-1, -1};
  if ((what->flags & GARBOARD_SPAWN_USER_NAMESPACE) && pipe2(mapped, O_CLOEXEC) != 0) {
    int saved = errno;
    close(report[0]);
    close(moved);
    errno = saved;
    return -1;
  }
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pid_t parent = getpid();
  unsigned long flags = SIGCHLD;
  if (what->flags & GARBOARD_SPAWN_MOUNT_NAMESPACE) flags |= CLONE_NEWNS;
  if (what->flags & GARBOARD_SPAWN_PID_NAMESPACE) flags |= CLONE_NEWPID;
  if (what->flags & GARBOARD_SPAWN_IPC_NAMESPACE) flags |= CLONE_NEWIPC;
  if (what->flags & GARBOARD_SPAWN_NAME_NAMESPACE) flags |= CLONE_NEWUTS;
  if (what->flags & GARBOARD_SPAWN_USER_NAMESPACE) flags |= CLONE_NEWUSER;
  pid_t child = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0UL);
  if (child == 0) {
    if (mapped[1] >= 0) close(mapped[1]);
    if (prepare_child(what, parent, mapped[0]) == 0) {
      execve(what->path, what->arguments, what->environment);
    }
    int error = errno;
    ssize_t ignored = write(moved, &error, sizeof error);
    (void)ignored;
    _exit(127);
  }
  int saved = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  close(moved);
  if (mapped[0] >= 0) close(mapped[0]);
  if (child < 0) {
    if (mapped[1] >= 0) close(mapped[1]);
    close(report[0]);
    errno = saved;
    return -1;
  }
  int error = 0;
  if (mapped[1] >= 0) {
    int failed = what->map_users ? what->map_users(child, what->context) : 0;
    if (failed == 0 && write(mapped[1], "", 1) != 1) failed = errno;
    close(mapped[1]);
    if (failed != 0) {
      close(report[0]);
      while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
      }
      errno = failed;
      return -1;
    }
  }
  ssize_t count;
  do {
    count = read(report[0], &error, sizeof error);
  } while (count < 0 && errno == EINTR);
  close(report[0]);
  if (count == (ssize_t)sizeof error) {
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    errno = error;
    return -1;
  }
  return child;
}

int garboard_mount(const char *source, const char *target, const char *type, unsigned long flags,
                   const char *data) {
  return mount(source, target, type, flags, data);
}

int garboard_unmount(const char *target) { return umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW); }
