/* System calls that libc may lack (numbers are the same on every architecture from 424 on) and their constants.
 * The constants are ours because sys/mount.h and linux/mount.h cannot be included together everywhere. */
#ifndef SW_SYSCALLS_H
#define SW_SYSCALLS_H

#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define SW_NR_PIDFD_SEND_SIGNAL 424
#define SW_NR_OPEN_TREE 428
#define SW_NR_MOVE_MOUNT 429
#define SW_NR_FSOPEN 430
#define SW_NR_FSCONFIG 431
#define SW_NR_FSMOUNT 432
#define SW_NR_PIDFD_OPEN 434
#define SW_NR_CLONE3 435
#define SW_NR_CLOSE_RANGE 436
#define SW_NR_OPENAT2 437
#define SW_NR_PIDFD_GETFD 438
#define SW_NR_MOUNT_SETATTR 442

#define SW_OPEN_TREE_CLONE 1u
#define SW_OPEN_TREE_CLOEXEC 02000000u
#define SW_AT_RECURSIVE 0x8000u
#define SW_AT_EMPTY_PATH 0x1000u
#define SW_MOVE_MOUNT_F_EMPTY_PATH 0x04u
#define SW_MOVE_MOUNT_T_EMPTY_PATH 0x40u
#define SW_FSOPEN_CLOEXEC 1u
#define SW_FSMOUNT_CLOEXEC 1u
#define SW_FSCONFIG_SET_FLAG 0u
#define SW_FSCONFIG_SET_STRING 1u
#define SW_FSCONFIG_SET_FD 5u
#define SW_FSCONFIG_CMD_CREATE 6u

#define SW_ATTR_RDONLY 0x01u
#define SW_ATTR_NOSUID 0x02u
#define SW_ATTR_NODEV 0x04u
#define SW_ATTR_NOEXEC 0x08u
#define SW_ATTR_IDMAP 0x00100000u

#define SW_CLOSE_RANGE_CLOEXEC 4u

/* asm-generic/ioctls.h: the other end of a terminal without a path, which a container could have redirected. */
#define SW_TIOCGPTPEER 0x5441

#define SW_CLONE_NEWTIME 0x80ull
#define SW_CLONE_PIDFD 0x1000ull
#define SW_CLONE_INTO_CGROUP 0x200000000ull

#define SW_RESOLVE_NO_XDEV 0x01u
#define SW_RESOLVE_NO_MAGICLINKS 0x02u
#define SW_RESOLVE_NO_SYMLINKS 0x04u
#define SW_RESOLVE_BENEATH 0x08u
#define SW_RESOLVE_IN_ROOT 0x10u

struct sw_mount_attr {
	uint64_t attr_set, attr_clr, propagation, userns_fd;
};

struct sw_open_how {
	uint64_t flags, mode, resolve;
};

/* clone_args of linux/sched.h, version 2 (with cgroup, Linux 5.7). */
struct sw_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

/* Like fork(2) with the flags of *args; only for single-threaded programs and without CLONE_VM. */
static inline pid_t sw_clone3(struct sw_clone_args *args)
{
	return (pid_t)syscall(SW_NR_CLONE3, args, sizeof *args);
}

/* The flag of time namespaces, for clone3 and setns; 0 where the kernel has none (they need an architecture's support). */
static inline uint64_t sw_clone_newtime(void)
{
	return access("/proc/self/ns/time", F_OK) == 0 ? SW_CLONE_NEWTIME : 0;
}

static inline int sw_pidfd_open(pid_t pid)
{
	return (int)syscall(SW_NR_PIDFD_OPEN, pid, 0);
}

static inline int sw_pidfd_send_signal(int pidfd, int signal)
{
	return (int)syscall(SW_NR_PIDFD_SEND_SIGNAL, pidfd, signal, 0, 0);
}

static inline int sw_pidfd_getfd(int pidfd, int descriptor)
{
	return (int)syscall(SW_NR_PIDFD_GETFD, pidfd, descriptor, 0);
}

static inline int sw_close_range(unsigned first, unsigned last, unsigned flags)
{
	return (int)syscall(SW_NR_CLOSE_RANGE, first, last, flags);
}

static inline int sw_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct sw_open_how how = { flags, mode, resolve };
	return (int)syscall(SW_NR_OPENAT2, directory, path, &how, sizeof how);
}

#endif
