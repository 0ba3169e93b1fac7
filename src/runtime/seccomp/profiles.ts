// Our own profiles, in the form of the OCI runtime spec: `standard` is Docker's default (moby, profiles/seccomp/default.json) for the
// default capabilities, `strict` is what most services still work with. Names that an architecture lacks are skipped by the compiler.

import type { SeccompProfile, SeccompRule } from "../../model.js";

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
/** asm-generic/ioctls.h */
const TIOCSTI = 0x5412;
const TIOCLINUX = 0x541c;
const AF_VSOCK = 40;
const EPERM = 1;
const ENOSYS = 38;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NAMESPACE_FLAGS = 0x7e020000;
/** Arguments that the kernel takes as int are compared without the upper half of the register, which it does not look at. */
const INT_MASK = 0xffffffff;
/** PER_LINUX, PER_LINUX32, UNAME26 with each, and the question what it is. */
const harmlessPersonalities = [0, 0x8, 0x20000, 0x20008, 0xffffffff];

const allowedCalls: readonly string[] = [
	/* files */
	...words(`
		faccessat faccessat2 fadvise64 fallocate fanotify_mark fchdir fchmod fchmodat fchown fchownat fcntl fdatasync
		fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstatfs fsync ftruncate getcwd getdents64 getxattr
		lgetxattr linkat listxattr llistxattr lremovexattr lseek lsetxattr mkdirat mknodat name_to_handle_at
		newfstatat openat openat2 readahead readlinkat removexattr renameat2 setxattr statfs statx symlinkat sync
		sync_file_range syncfs truncate umask unlinkat utimensat chdir chroot close close_range copy_file_range dup
		dup3 inotify_add_watch inotify_init1 inotify_rm_watch memfd_create cachestat fchmodat2 statmount
		listmount setxattrat getxattrat listxattrat removexattrat file_getattr
	`),
	/* reading, writing, waiting */
	...words(`
		read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 sendfile splice tee vmsplice pipe2
		ppoll pselect6 epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 eventfd2 signalfd4 timerfd_create
		timerfd_gettime timerfd_settime io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit
	`),
	/* memory */
	...words(`
		brk madvise membarrier memfd_secret mincore mlock mlock2 mlockall mmap mprotect mremap msync munlock
		munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease process_vm_readv process_vm_writev
		remap_file_pages map_shadow_stack mseal
	`),
	/* processes and identities */
	...words(`
		capget capset execve execveat exit exit_group getcpu getegid geteuid getgid getgroups getpgid getpid getppid
		getpriority getresgid getresuid getrusage getsid gettid getuid ioprio_get ioprio_set kill landlock_add_rule
		landlock_create_ruleset landlock_restrict_self pidfd_open pidfd_send_signal prctl prlimit64 ptrace rseq
		sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
		sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler
		sched_yield seccomp set_robust_list get_robust_list set_tid_address setfsgid setfsuid setgid setgroups setpgid
		setpriority setregid setresgid setresuid setreuid setsid setuid sysinfo tgkill times tkill uname wait4 waitid
		getrlimit setrlimit lsm_get_self_attr lsm_list_modules
	`),
	/* signals, time, locks */
	...words(`
		rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
		rt_tgsigqueueinfo sigaltstack restart_syscall adjtimex clock_adjtime clock_getres clock_gettime
		clock_nanosleep getitimer gettimeofday nanosleep setitimer timer_create timer_delete timer_getoverrun
		timer_gettime timer_settime futex futex_waitv futex_wake futex_wait futex_requeue getrandom
	`),
	/* sockets and System V IPC */
	...words(`
		accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg
		sendmsg sendto setsockopt shutdown socketpair mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend
		mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget
	`),
	/* older forms that only one architecture has */
	...words(`
		access alarm arch_prctl chmod chown creat dup2 epoll_create epoll_ctl_old epoll_wait epoll_wait_old eventfd
		fork futimesat getdents getpgrp get_thread_area inotify_init lchown link lstat mkdir mknod modify_ldt open
		pause pipe poll readlink rename renameat rmdir select set_thread_area signalfd stat symlink time unlink utime
		utimes vfork
	`),
];

const withArguments: readonly SeccompRule[] = [
	when(["clone"], "SCMP_ACT_ALLOW", [0, NAMESPACE_FLAGS, 0]),
	/* Its flags are behind a pointer; libc falls back to clone. */
	{ names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
	...harmlessPersonalities.map((value) => when(["personality"], "SCMP_ACT_ALLOW", [0, INT_MASK, value])),
];

/* AF_VSOCK reaches the host past every network namespace. */
const anySocketButVsock: readonly SeccompRule[] = [
	when(["socket"], "SCMP_ACT_ERRNO", [0, INT_MASK, AF_VSOCK]),
	{ names: ["socket"], action: "SCMP_ACT_ALLOW" },
];

/* TIOCSTI types into a terminal, TIOCLINUX pastes into a console: whoever shares one with a stronger process would type for it. */
const anyControlButTyping: readonly SeccompRule[] = [
	when(["ioctl"], "SCMP_ACT_ERRNO", [1, INT_MASK, TIOCSTI]),
	when(["ioctl"], "SCMP_ACT_ERRNO", [1, INT_MASK, TIOCLINUX]),
	{ names: ["ioctl"], action: "SCMP_ACT_ALLOW" },
];

export const standardProfile: SeccompProfile = {
	defaultAction: "SCMP_ACT_ERRNO",
	defaultErrnoRet: EPERM,
	syscalls: [
		{ names: allowedCalls, action: "SCMP_ACT_ALLOW" },
		...withArguments,
		...anySocketButVsock,
		...anyControlButTyping,
	],
};

/** Looking into and steering other processes, old and rare interfaces with a history of holes, and changing the clock. */
const strictlyRefused = new Set(
	words(`
		ptrace process_vm_readv process_vm_writev process_mrelease process_madvise kcmp modify_ldt name_to_handle_at
		fanotify_mark io_setup io_submit io_cancel io_destroy io_getevents io_pgetevents vmsplice remap_file_pages
		memfd_secret map_shadow_stack adjtimex clock_adjtime chroot mknod mknodat mq_open mq_unlink mq_timedsend
		mq_timedreceive mq_notify mq_getsetattr sched_setattr sched_setscheduler sched_setparam ioprio_set seccomp
		statmount listmount lsm_get_self_attr lsm_list_modules pkey_alloc pkey_free pkey_mprotect
		landlock_add_rule landlock_create_ruleset landlock_restrict_self epoll_ctl_old epoll_wait_old get_thread_area
		set_thread_area
	`),
);

export const strictProfile: SeccompProfile = {
	defaultAction: "SCMP_ACT_ERRNO",
	defaultErrnoRet: EPERM,
	syscalls: [
		{ names: allowedCalls.filter((name) => !strictlyRefused.has(name)), action: "SCMP_ACT_ALLOW" },
		...withArguments,
		...anyControlButTyping,
		/* netlink: libc's getaddrinfo asks for the addresses of the machine. */
		...[AF_UNIX, AF_INET, AF_INET6, AF_NETLINK].map((family) =>
			when(["socket"], "SCMP_ACT_ALLOW", [0, INT_MASK, family]),
		),
	],
};

/** (argument & mask) == value. */
function when(
	names: readonly string[],
	action: SeccompRule["action"],
	test: readonly [number, number, number],
): SeccompRule {
	const [index, value, valueTwo] = test;
	return { names, action, args: [{ index, value, valueTwo, op: "SCMP_CMP_MASKED_EQ" }] };
}

function words(text: string): readonly string[] {
	return text.trim().split(/\s+/);
}
