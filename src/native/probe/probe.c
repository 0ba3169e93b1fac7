// swarm-probe: asks this kernel for the features that `swarm doctor` reports, by using each one, and prints a line
// "<name> ok" or "<name> <errno>" for each. Static, takes no arguments, runs for a few milliseconds.
// Everything happens in short-lived children with namespaces of their own; nothing on the machine is changed.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Kernel headers of the older distributions lack these (include/uapi/linux/{fs,userfaultfd,sched}.h of Linux 6.18).
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define SCAN_PAGES _IOWR('f', 16, struct scan_arg)
#define SCAN_WRITTEN (1 << 1)
struct uffd_api {
	uint64_t api, features, ioctls;
};
#define UFFD_API_CALL _IOWR(0xAA, 0x3F, struct uffd_api)
#define UFFD_WP_ASYNC (1 << 15)
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

// Each probe returns 0 or an errno.

static int probe_namespace(int flag) {
	return unshare(flag) < 0 ? errno : 0;
}

static int probe_userfaultfd(int features) {
	struct uffd_api api = {.api = 0xAA, .features = (uint64_t)features};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (fd < 0) return errno;
	return ioctl(fd, UFFD_API_CALL, &api) < 0 ? errno : 0;
}

static int probe_pagemap_scan(int unused) {
	(void)unused;
	long size = sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || page == MAP_FAILED) return errno;
	struct scan_arg arg = {
		.size = sizeof arg,
		.start = (uint64_t)(uintptr_t)page,
		.end = (uint64_t)(uintptr_t)page + (uint64_t)size,
		.category_mask = SCAN_WRITTEN,
		.return_mask = SCAN_WRITTEN,
	};
	return ioctl(fd, SCAN_PAGES, &arg) < 0 ? errno : 0;
}

// Documentation/admin-guide/mm/soft-dirty.rst: bit 55 is set by a write after "4" went to clear_refs.
static int probe_soft_dirty(int unused) {
	(void)unused;
	long size = sysconf(_SC_PAGESIZE);
	volatile char *page = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	int clear = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	off_t entry = (off_t)((uintptr_t)page / (uintptr_t)size * 8);
	uint64_t before, after;
	if (page == MAP_FAILED || pagemap < 0 || clear < 0) return errno;
	page[0] = 1;
	if (write(clear, "4", 1) != 1 || pread(pagemap, &before, 8, entry) != 8) return errno;
	page[0] = 2;
	if (pread(pagemap, &after, 8, entry) != 8) return errno;
	return (before >> 55 & 1) == 0 && (after >> 55 & 1) == 1 ? 0 : EOPNOTSUPP;
}

static int probe_io_uring(int unused) {
	(void)unused;
	char params[120] = {0}; // struct io_uring_params
	return syscall(SYS_io_uring_setup, 1, params) < 0 ? errno : 0;
}

static int probe_bpf_device(int unused) {
	(void)unused;
	struct bpf_insn allow[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1}, {.code = BPF_JMP | BPF_EXIT}};
	union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE, .insn_cnt = 2};
	attr.insns = (uint64_t)(uintptr_t)allow;
	attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr) < 0 ? errno : 0;
}

static int probe_seccomp(int unused) {
	(void)unused;
	uint32_t action = SECCOMP_RET_ERRNO;
	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ? errno : 0;
}

static int probe_overlay(int unused) {
	(void)unused;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return errno;
	if (mount("probe", "/tmp", "tmpfs", 0, NULL) < 0 || chdir("/tmp") < 0) return errno;
	if (mkdir("lower", 0700) < 0 || mkdir("upper", 0700) < 0 || mkdir("work", 0700) < 0 || mkdir("merged", 0700) < 0)
		return errno;
	const char *options = "lowerdir=lower,upperdir=upper,workdir=work,volatile";
	return mount("probe", "merged", "overlay", 0, options) < 0 ? errno : 0;
}

static const char *const link_kinds[] = {"veth", "bridge"};

static size_t add_attribute(char *at, uint16_t type, const void *data, size_t length) {
	struct rtattr head = {.rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(length)};
	memcpy(at, &head, sizeof head);
	memcpy(at + RTA_LENGTH(0), data, length);
	return RTA_SPACE(length);
}

// In a network namespace of its own; the answer is an nlmsgerr.
static int ask_netlink(const char *message, size_t length) {
	if (unshare(CLONE_NEWNET) < 0) return errno;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0 || send(fd, message, length, 0) < 0) return errno;
	char answer[512];
	ssize_t got = recv(fd, answer, sizeof answer, 0);
	if (got < (ssize_t)NLMSG_LENGTH(sizeof(int))) return got < 0 ? errno : EPROTO;
	int32_t error;
	memcpy(&error, answer + NLMSG_HDRLEN, sizeof error);
	return -error;
}

// A token bucket (tc-tbf(8)) on loopback, the first link of every namespace.
static int probe_token_bucket(int unused) {
	(void)unused;
	uint32_t burst = 65536;
	struct tcmsg queue = {.tcm_ifindex = 1, .tcm_parent = TC_H_ROOT};
	struct tc_tbf_qopt rates = {.rate = {.rate = 1000000, .linklayer = TC_LINKLAYER_ETHERNET}, .limit = burst};
	char options[128] = {0}, message[256] = {0};
	size_t options_length = add_attribute(options, TCA_TBF_PARMS, &rates, sizeof rates);
	options_length += add_attribute(options + options_length, TCA_TBF_BURST, &burst, sizeof burst);
	memcpy(message + NLMSG_HDRLEN, &queue, sizeof queue);
	size_t length = NLMSG_LENGTH(sizeof queue);
	length += add_attribute(message + length, TCA_KIND, "tbf", sizeof "tbf");
	length += add_attribute(message + length, TCA_OPTIONS, options, options_length);
	struct nlmsghdr head = {
		.nlmsg_len = (uint32_t)length,
		.nlmsg_type = RTM_NEWQDISC,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK,
	};
	memcpy(message, &head, sizeof head);
	return ask_netlink(message, length);
}

// rtnetlink(7), RTM_NEWLINK with IFLA_LINKINFO { IFLA_INFO_KIND }.
static int probe_link(int kind) {
	char info[32] = {0}, message[256] = {0};
	size_t info_length = add_attribute(info, IFLA_INFO_KIND, link_kinds[kind], strlen(link_kinds[kind]));
	size_t length = NLMSG_LENGTH(sizeof(struct ifinfomsg));
	length += add_attribute(message + length, IFLA_LINKINFO, info, info_length);
	struct nlmsghdr head = {
		.nlmsg_len = (uint32_t)length,
		.nlmsg_type = RTM_NEWLINK,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK,
	};
	memcpy(message, &head, sizeof head);
	return ask_netlink(message, length);
}

static const struct {
	const char *name;
	int (*probe)(int);
	int argument;
} probes[] = {
	{"namespace-mnt", probe_namespace, CLONE_NEWNS},
	{"namespace-pid", probe_namespace, CLONE_NEWPID},
	{"namespace-uts", probe_namespace, CLONE_NEWUTS},
	{"namespace-ipc", probe_namespace, CLONE_NEWIPC},
	{"namespace-net", probe_namespace, CLONE_NEWNET},
	{"namespace-cgroup", probe_namespace, CLONE_NEWCGROUP},
	{"namespace-user", probe_namespace, CLONE_NEWUSER},
	{"namespace-time", probe_namespace, CLONE_NEWTIME},
	{"overlayfs", probe_overlay, 0},
	{"seccomp", probe_seccomp, 0},
	{"bpf-cgroup-device", probe_bpf_device, 0},
	{"veth", probe_link, 0},
	{"bridge", probe_link, 1},
	{"token-bucket", probe_token_bucket, 0},
	{"io-uring", probe_io_uring, 0},
	{"userfaultfd", probe_userfaultfd, 0},
	{"userfaultfd-wp-async", probe_userfaultfd, UFFD_WP_ASYNC},
	{"soft-dirty", probe_soft_dirty, 0},
	{"pagemap-scan", probe_pagemap_scan, 0},
};

// In a child of its own, whose exit status is the errno; killed after 5 s.
static int run(size_t index) {
	pid_t child = fork();
	int status;
	if (child < 0) return errno;
	if (child == 0) {
		alarm(5);
		_exit(probes[index].probe(probes[index].argument) & 0xff);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR) return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : ETIMEDOUT;
}

int main(void) {
	for (size_t i = 0; i < sizeof probes / sizeof probes[0]; i++) {
		int error = run(i);
		if (error == 0)
			printf("%s ok\n", probes[i].name);
		else
			printf("%s %d\n", probes[i].name, error);
		fflush(stdout);
	}
	return 0;
}
