// The C that Swift can't say: raw system calls, and what must happen between fork and exec.
#pragma once
#include <stddef.h>
#include <stdint.h>
// Not in the Glibc module.
#include <sys/xattr.h>
#include <sys/types.h>

/// openat2(2). Returns a descriptor, or -1 with errno set.
int garboard_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);

#define GARBOARD_RESOLVE_NO_SYMLINKS 0x04ULL
#define GARBOARD_RESOLVE_NO_MAGICLINKS 0x02ULL
#define GARBOARD_RESOLVE_BENEATH 0x08ULL

/// O_TMPFILE of open(2), which needs _GNU_SOURCE.
extern const int garboard_o_tmpfile;

/// memfd_create(2), closed on exec. Returns a descriptor, or -1 with errno set.
int garboard_memory_file(void);

/// pipe2(2) with O_CLOEXEC.
int garboard_pipe(int ends[2]);

/// The number of processors in sched_getaffinity(2), at least 1.
int garboard_processors(void);

/// makedev(3), gnu_dev_major(3) and gnu_dev_minor(3), which are macros.
uint64_t garboard_makedev(uint32_t major, uint32_t minor);
uint32_t garboard_major(uint64_t device);
uint32_t garboard_minor(uint64_t device);

/// linkat(2) of an O_TMPFILE descriptor to a name, through /proc/self/fd.
int garboard_link_descriptor(int descriptor, int directory, const char *path);

#define GARBOARD_SPAWN_MOUNT_NAMESPACE 1
#define GARBOARD_SPAWN_PID_NAMESPACE 2
#define GARBOARD_SPAWN_NEW_SESSION 4
#define GARBOARD_SPAWN_IPC_NAMESPACE 8
#define GARBOARD_SPAWN_NAME_NAMESPACE 16
#define GARBOARD_SPAWN_USER_NAMESPACE 32

struct garboard_spawn {
  const char *path;              ///< absolute path of the program
  char *const *arguments;        ///< null-terminated, argv[0] first
  char *const *environment;      ///< null-terminated
  const char *working_directory; ///< or null
  int standard_input;            ///< descriptor, or -1 for /dev/null
  int standard_output;           ///< descriptor, or -1 for /dev/null
  int standard_error;            ///< descriptor, or -1 for /dev/null
  const int *inherited;          ///< further descriptors that keep their numbers
  size_t inherited_count;
  int flags;                     ///< GARBOARD_SPAWN_*
  const char *root_directory;    ///< chroot(2) to it as the last thing before the working directory, or null
  /// Writes the id maps of a child that waits in its new user namespace; 0, or an errno.
  int (*map_users)(pid_t child, void *context);
  void *context;                 ///< for map_users
};

/// Forks (into new namespaces when asked) and executes a program. The child dies with its parent
/// (PR_SET_PDEATHSIG), has default signal actions, an empty signal mask, umask 022, and only the
/// descriptors that are named. In a user namespace it is root, by its maps. Returns the process id, or -1 with errno of the failed step.
pid_t garboard_start(const struct garboard_spawn *what);

/// mount(2), umount2(2) and chroot(2), which the Glibc module has not or not fully. 0, or -1 with errno set.
int garboard_mount(const char *source, const char *target, const char *type, unsigned long flags,
                   const char *data);
int garboard_unmount(const char *target);

#define GARBOARD_MOUNT_BIND 4096UL
#define GARBOARD_MOUNT_RECURSIVE 16384UL
#define GARBOARD_MOUNT_READ_ONLY 1UL
#define GARBOARD_MOUNT_NO_SUID 2UL
#define GARBOARD_MOUNT_NO_DEVICES 4UL
#define GARBOARD_MOUNT_NO_EXECUTION 8UL
#define GARBOARD_RESOLVE_IN_ROOT 0x10ULL
