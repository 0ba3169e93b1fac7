/* Which system calls a container may make: Docker's default profile (moby, profiles/seccomp/default.json) for the 14
 * default capabilities. Numbers come from the kernel headers; calls newer than the headers of Debian 12 (or its musl) are named here
 * (the same on every architecture). */
#include "seccomp.h"

#include <string.h>
#include <sys/syscall.h>

enum {
	NR_MEMFD_SECRET = 447,
	NR_PROCESS_MRELEASE = 448,
	NR_FUTEX_WAITV = 449,
	NR_CACHESTAT = 451,
	NR_FCHMODAT2 = 452,
	NR_MAP_SHADOW_STACK = 453,
	NR_FUTEX_WAKE = 454,
	NR_FUTEX_WAIT = 455,
	NR_FUTEX_REQUEUE = 456,
	NR_STATMOUNT = 457,
	NR_LISTMOUNT = 458,
	NR_LSM_GET_SELF_ATTR = 459,
	NR_LSM_LIST_MODULES = 461,
	NR_MSEAL = 462,
	NR_SETXATTRAT = 463,
	NR_GETXATTRAT = 464,
	NR_LISTXATTRAT = 465,
	NR_REMOVEXATTRAT = 466,
	NR_FILE_GETATTR = 468,
};

static const uint16_t allowed[] = {
	/* files */
	SYS_faccessat, SYS_faccessat2, SYS_fadvise64, SYS_fallocate, SYS_fanotify_mark, SYS_fchdir, SYS_fchmod,
	SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_fcntl, SYS_fdatasync, SYS_fgetxattr, SYS_flistxattr, SYS_flock,
	SYS_fremovexattr, SYS_fsetxattr, SYS_fstat, SYS_fstatfs, SYS_fsync, SYS_ftruncate, SYS_getcwd, SYS_getdents64,
	SYS_getxattr, SYS_lgetxattr, SYS_linkat, SYS_listxattr, SYS_llistxattr, SYS_lremovexattr, SYS_lseek,
	SYS_lsetxattr, SYS_mkdirat, SYS_mknodat, SYS_name_to_handle_at, SYS_newfstatat, SYS_openat, SYS_openat2,
	SYS_readahead, SYS_readlinkat, SYS_removexattr, SYS_renameat2, SYS_setxattr, SYS_statfs, SYS_statx,
	SYS_symlinkat, SYS_sync, SYS_sync_file_range, SYS_syncfs, SYS_truncate, SYS_umask, SYS_unlinkat,
	SYS_utimensat, SYS_chdir, SYS_chroot, SYS_close, SYS_close_range, SYS_copy_file_range, SYS_dup, SYS_dup3,
	SYS_inotify_add_watch, SYS_inotify_init1, SYS_inotify_rm_watch, SYS_ioctl, SYS_memfd_create, NR_CACHESTAT,
	NR_FCHMODAT2, NR_STATMOUNT, NR_LISTMOUNT, NR_SETXATTRAT, NR_GETXATTRAT, NR_LISTXATTRAT, NR_REMOVEXATTRAT,
	NR_FILE_GETATTR,
	/* reading, writing, waiting */
	SYS_read, SYS_readv, SYS_pread64, SYS_preadv, SYS_preadv2, SYS_write, SYS_writev, SYS_pwrite64, SYS_pwritev,
	SYS_pwritev2, SYS_sendfile, SYS_splice, SYS_tee, SYS_vmsplice, SYS_pipe2, SYS_ppoll, SYS_pselect6,
	SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_eventfd2, SYS_signalfd4,
	SYS_timerfd_create, SYS_timerfd_gettime, SYS_timerfd_settime, SYS_io_cancel, SYS_io_destroy, SYS_io_getevents,
	SYS_io_pgetevents, SYS_io_setup, SYS_io_submit,
	/* memory */
	SYS_brk, SYS_madvise, SYS_membarrier, NR_MEMFD_SECRET, SYS_mincore, SYS_mlock, SYS_mlock2, SYS_mlockall,
	SYS_mmap, SYS_mprotect, SYS_mremap, SYS_msync, SYS_munlock, SYS_munlockall, SYS_munmap, SYS_pkey_alloc,
	SYS_pkey_free, SYS_pkey_mprotect, NR_PROCESS_MRELEASE, SYS_process_vm_readv, SYS_process_vm_writev,
	SYS_remap_file_pages, NR_MAP_SHADOW_STACK, NR_MSEAL,
	/* processes and identities */
	SYS_capget, SYS_capset, SYS_execve, SYS_execveat, SYS_exit, SYS_exit_group, SYS_getcpu, SYS_getegid, SYS_geteuid,
	SYS_getgid, SYS_getgroups, SYS_getpgid, SYS_getpid, SYS_getppid, SYS_getpriority, SYS_getresgid, SYS_getresuid,
	SYS_getrusage, SYS_getsid, SYS_gettid, SYS_getuid, SYS_ioprio_get, SYS_ioprio_set, SYS_kill, SYS_landlock_add_rule,
	SYS_landlock_create_ruleset, SYS_landlock_restrict_self, SYS_pidfd_open, SYS_pidfd_send_signal, SYS_prctl,
	SYS_prlimit64, SYS_ptrace, SYS_rseq, SYS_sched_get_priority_max, SYS_sched_get_priority_min,
	SYS_sched_getaffinity, SYS_sched_getattr, SYS_sched_getparam, SYS_sched_getscheduler, SYS_sched_rr_get_interval,
	SYS_sched_setaffinity, SYS_sched_setattr, SYS_sched_setparam, SYS_sched_setscheduler, SYS_sched_yield, SYS_seccomp,
	SYS_set_robust_list, SYS_get_robust_list, SYS_set_tid_address, SYS_setfsgid, SYS_setfsuid, SYS_setgid,
	SYS_setgroups, SYS_setpgid, SYS_setpriority, SYS_setregid, SYS_setresgid, SYS_setresuid, SYS_setreuid, SYS_setsid,
	SYS_setuid, SYS_sysinfo, SYS_tgkill, SYS_times, SYS_tkill, SYS_uname, SYS_wait4, SYS_waitid, SYS_getrlimit,
	SYS_setrlimit, NR_LSM_GET_SELF_ATTR, NR_LSM_LIST_MODULES,
	/* signals, time, locks */
	SYS_rt_sigaction, SYS_rt_sigpending, SYS_rt_sigprocmask, SYS_rt_sigqueueinfo, SYS_rt_sigreturn, SYS_rt_sigsuspend,
	SYS_rt_sigtimedwait, SYS_rt_tgsigqueueinfo, SYS_sigaltstack, SYS_restart_syscall, SYS_adjtimex, SYS_clock_adjtime,
	SYS_clock_getres, SYS_clock_gettime, SYS_clock_nanosleep, SYS_getitimer, SYS_gettimeofday, SYS_nanosleep,
	SYS_setitimer, SYS_timer_create, SYS_timer_delete, SYS_timer_getoverrun, SYS_timer_gettime, SYS_timer_settime,
	SYS_futex, NR_FUTEX_WAITV, NR_FUTEX_WAKE, NR_FUTEX_WAIT, NR_FUTEX_REQUEUE, SYS_getrandom,
	/* sockets and System V IPC */
	SYS_accept, SYS_accept4, SYS_bind, SYS_connect, SYS_getpeername, SYS_getsockname, SYS_getsockopt, SYS_listen,
	SYS_recvfrom, SYS_recvmmsg, SYS_recvmsg, SYS_sendmmsg, SYS_sendmsg, SYS_sendto, SYS_setsockopt, SYS_shutdown,
	SYS_socketpair, SYS_mq_getsetattr, SYS_mq_notify, SYS_mq_open, SYS_mq_timedreceive, SYS_mq_timedsend,
	SYS_mq_unlink, SYS_msgctl, SYS_msgget, SYS_msgrcv, SYS_msgsnd, SYS_semctl, SYS_semget, SYS_semop,
	SYS_semtimedop, SYS_shmat, SYS_shmctl, SYS_shmdt, SYS_shmget,
	/* older forms that only one architecture has */
#if defined(__x86_64__)
	SYS_access, SYS_alarm, SYS_arch_prctl, SYS_chmod, SYS_chown, SYS_creat, SYS_dup2, SYS_epoll_create,
	SYS_epoll_ctl_old, SYS_epoll_wait, SYS_epoll_wait_old, SYS_eventfd, SYS_fork, SYS_futimesat, SYS_getdents,
	SYS_getpgrp, SYS_get_thread_area, SYS_inotify_init, SYS_lchown, SYS_link, SYS_lstat, SYS_mkdir, SYS_mknod,
	SYS_modify_ldt, SYS_open, SYS_pause, SYS_pipe, SYS_poll, SYS_readlink, SYS_rename, SYS_renameat, SYS_rmdir,
	SYS_select, SYS_set_thread_area, SYS_signalfd, SYS_stat, SYS_symlink, SYS_time, SYS_unlink, SYS_utime,
	SYS_utimes, SYS_vfork,
#elif defined(__aarch64__)
	SYS_renameat,
#endif
};

static const struct {
	uint16_t number;
	uint8_t action;
} special[] = {
	{ SYS_clone, SW_CLONE },
	{ SYS_clone3, SW_ABSENT }, /* its flags are behind a pointer; libc falls back to clone */
	{ SYS_personality, SW_PERSONALITY },
	{ SYS_socket, SW_SOCKET },
};

void sw_seccomp_profile(uint8_t actions[SW_SECCOMP_NUMBERS])
{
	memset(actions, SW_REFUSE, SW_SECCOMP_NUMBERS);
	for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
		actions[allowed[i]] = SW_ALLOW;
	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		actions[special[i].number] = special[i].action;
	memset(actions + NR_FILE_GETATTR + 1, SW_ABSENT, SW_SECCOMP_NUMBERS - NR_FILE_GETATTR - 1);
}
