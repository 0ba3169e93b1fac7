/* The launch decoder: what it takes, what it refuses, and 200,000 damaged files under the sanitizers. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/launch.h"
#include "harness.h"

#define BARE "version=1\0container=web.0\0epoch=3\0hostname=h\0workdir=/\0user=\0cgroup2=/c\0lower=/l\0arg=sh\0"
#define SETS "capabilities=f 7 3 1 1\0seccomp=/p.bpf\0"
#define NEEDED BARE SETS

static int decode(const char *text, size_t size, struct sw_launch *launch)
{
	struct sw_error error;
	char *bytes = malloc(size + 1);
	memcpy(bytes, text, size);
	bytes[size] = 0;
	return sw_launch_decode(bytes, size, launch, &error);
}

#define DECODE(text, launch) decode(text, sizeof(text) - 1, launch)
#define REFUSED(text) (DECODE(text, &launch) < 0)

static void takes_everything(void)
{
	struct sw_launch launch;
	CHECK(DECODE(NEEDED "arg=-c\0arg=\0env=A=1=2\0env=B=\0lower=/m\0host=/usr\0cgroup1=/x\0cgroup1=/y\0netns=/n\0"
			    "bind=ro\n/a b\n/c\0bind=rw\n/d\n/e\0file=/etc/hosts\n1 a\n2 b\n\0rlimit=nofile 10 unlimited\0"
			    "userns=1879048192\0device=c 10 229 rw /dev/fuse\0device=b 8 0 rwm /dev/disk/sda\0mask=/proc/kcore\0read-only=/proc/sys\0read-only=/x\0sysctl=net/a/b\n1 2\0oom-score-adj=-1000\0"
			    "read-only-root=yes\0volume=ro\n/v/a b\n/data\0tmpfs=4096\n/run\0host-path=rw\n/d\n/e\0",
		     &launch) == 0);
	CHECK(launch.epoch == 3 && strcmp(launch.container, "web.0") == 0 && strcmp(launch.netns, "/n") == 0);
	CHECK(launch.args.count == 3 && strcmp(launch.args.items[1], "-c") == 0 && launch.args.items[2][0] == 0 &&
	      launch.args.items[3] == NULL);
	CHECK(launch.env.count == 2 && strcmp(launch.env.items[0], "A=1=2") == 0 && launch.env.items[2] == NULL);
	CHECK(launch.lower.count == 2 && strcmp(launch.lower.items[0], "/l") == 0);
	CHECK(launch.cgroup1.count == 2 && launch.host.count == 1);
	CHECK(launch.bind_count == 2 && launch.binds[0].read_only && strcmp(launch.binds[0].source, "/a b") == 0 &&
	      strcmp(launch.binds[1].target, "/e") == 0 && !launch.binds[1].read_only);
	CHECK(launch.file_count == 1 && strcmp(launch.files[0].content, "1 a\n2 b\n") == 0);
	CHECK(launch.rlimit_count == 1 && launch.rlimits[0].resource == RLIMIT_NOFILE && launch.rlimits[0].soft == 10 &&
	      launch.rlimits[0].hard == UINT64_MAX);
	const struct sw_security *security = &launch.security;
	CHECK(security->capabilities.bounding == 15 && security->capabilities.permitted == 7 &&
	      security->capabilities.effective == 3 && security->capabilities.inheritable == 1 &&
	      security->capabilities.ambient == 1);
	CHECK(security->userns_base == 0x70000000u);
	CHECK(security->device_count == 2 && !security->every_device);
	CHECK(!security->devices[0].is_block && security->devices[0].major == 10 && security->devices[0].minor == 229 &&
	      security->devices[0].read && security->devices[0].write && !security->devices[0].make &&
	      strcmp(security->devices[0].path, "/dev/fuse") == 0);
	CHECK(security->devices[1].is_block && security->devices[1].make);
	CHECK(strcmp(security->seccomp, "/p.bpf") == 0);
	CHECK(security->masked.count == 1 && security->read_only.count == 2 && security->read_only_root);
	CHECK(security->sysctl_count == 1 && strcmp(security->sysctls[0].name, "net/a/b") == 0 &&
	      strcmp(security->sysctls[0].value, "1 2") == 0);
	CHECK(security->has_oom_score_adj && security->oom_score_adj == -1000);
	const struct sw_volume *volumes = launch.volumes;
	CHECK(launch.volume_count == 3 && volumes[0].kind == SW_VOLUME_NAMED && volumes[0].read_only &&
	      strcmp(volumes[0].source, "/v/a b") == 0 && strcmp(volumes[0].target, "/data") == 0);
	CHECK(volumes[1].kind == SW_VOLUME_TMPFS && volumes[1].bytes == 4096 && strcmp(volumes[1].target, "/run") == 0);
	CHECK(volumes[2].kind == SW_VOLUME_HOST_PATH && !volumes[2].read_only && strcmp(volumes[2].target, "/e") == 0);
	sw_launch_free(&launch);
}

static void refuses_what_is_wrong(void)
{
	struct sw_launch launch;
	CHECK(REFUSED(""));
	CHECK(REFUSED("version=1"));
	CHECK(REFUSED("version=1\0"));
	CHECK(REFUSED("version=2\0container=web.0\0"));
	CHECK(REFUSED("container=web.0\0version=1\0"));
	CHECK(REFUSED(NEEDED "unknown=1\0"));
	CHECK(REFUSED(NEEDED "capabilities=f 7 3 1 1\0"));
	CHECK(REFUSED(NEEDED "mask=proc\0") && REFUSED(NEEDED "read-only=\0"));
	CHECK(REFUSED(NEEDED "sysctl=net/a\0") && REFUSED(NEEDED "sysctl=/net\n1\0"));
	CHECK(REFUSED(NEEDED "sysctl=net/../kernel\n1\0") && REFUSED(NEEDED "sysctl=net//a\n1\0"));
	CHECK(REFUSED(NEEDED "oom-score-adj=1001\0") && REFUSED(NEEDED "oom-score-adj=--1\0"));
	CHECK(REFUSED(NEEDED "read-only-root=no\0") && REFUSED(NEEDED "read-only-root=yes\0read-only-root=yes\0"));
	CHECK(REFUSED(NEEDED "noequals\0"));
	CHECK(REFUSED(NEEDED "epoch=4\0"));
	CHECK(REFUSED(NEEDED "user=again\0"));
	CHECK(REFUSED(NEEDED "lower=relative\0"));
	CHECK(REFUSED(NEEDED "bind=ro\n/a\0"));
	CHECK(REFUSED(NEEDED "bind=xx\n/a\n/b\0"));
	CHECK(REFUSED(NEEDED "volume=ro\n/a\0") && REFUSED(NEEDED "volume=xx\n/a\n/b\0") && REFUSED(NEEDED "volume=rw\na\n/b\0"));
	CHECK(REFUSED(NEEDED "host-path=rw\n/a\nb\0") && REFUSED(NEEDED "host-path=/a\0"));
	CHECK(REFUSED(NEEDED "tmpfs=4096\0") && REFUSED(NEEDED "tmpfs=0\n/a\0") && REFUSED(NEEDED "tmpfs=-1\n/a\0"));
	CHECK(REFUSED(NEEDED "file=/no-content\0"));
	CHECK(REFUSED(NEEDED "rlimit=nofile 5 4\0"));
	CHECK(REFUSED(NEEDED "rlimit=nothing 1 1\0"));
	CHECK(REFUSED(NEEDED "rlimit=nofile -1 4\0"));
	CHECK(REFUSED(NEEDED "env==x\0"));
	CHECK(REFUSED(NEEDED "env=x\0"));
	CHECK(REFUSED("version=1\0container=c\0epoch=0\0hostname=h\0workdir=/\0user=\0cgroup2=/c\0lower=/l\0arg=sh\0" SETS));
	CHECK(REFUSED("version=1\0container=c\0epoch=1\0hostname=\0workdir=/\0user=\0cgroup2=/c\0lower=/l\0arg=sh\0" SETS));
	CHECK(REFUSED("version=1\0container=c\0epoch=1\0hostname=h\0workdir=/\0user=\0cgroup2=/c\0lower=/l\0arg=\0" SETS));
	CHECK(REFUSED("version=1\0container=c\0epoch=1\0hostname=h\0workdir=/\0user=\0cgroup2=/c\0lower=/l\0arg=sh\0"));
	CHECK(REFUSED(BARE "capabilities=f 7 3 1 1\0") && REFUSED(BARE "capabilities=f 7 3 1 1\0seccomp=any\0"));
	CHECK(REFUSED(NEEDED "seccomp=none\0"));
	CHECK(REFUSED(NEEDED "userns=0\0") && REFUSED(NEEDED "userns=4294967295\0") && REFUSED(NEEDED "userns=x\0"));
	CHECK(REFUSED(NEEDED "device=x 1 2 r /dev/a\0") && REFUSED(NEEDED "device=c 1 2  /dev/a\0"));
	CHECK(REFUSED(NEEDED "device=c 1 2 r /etc/a\0") && REFUSED(NEEDED "device=c 1 2 r /dev/../a\0"));
	CHECK(REFUSED(NEEDED "device=c 1\0") && REFUSED(NEEDED "device=c 1 2\0") && REFUSED(NEEDED "device=c -1 2 r /dev/a\0"));
	CHECK(REFUSED(NEEDED "devices=none\0") && REFUSED(NEEDED "devices=all\0device=c 1 2 r /dev/a\0"));
	CHECK(DECODE(BARE "capabilities=f 7 3 1 1\0seccomp=none\0", &launch) == 0 && !launch.security.seccomp);
	sw_launch_free(&launch);
	CHECK(REFUSED(BARE "capabilities=f 7 3 1\0") && REFUSED(BARE "capabilities=f 7 3 1 1 1\0"));
	CHECK(REFUSED(BARE "capabilities=7 f 3 1 1\0") && REFUSED(BARE "capabilities=f 7 f 1 1\0"));
	CHECK(REFUSED(BARE "capabilities=f 7 3 1 3\0") && REFUSED(BARE "capabilities=-f 7 3 1 1\0"));
}

static void keeps_long_lists(void)
{
	struct sw_launch launch;
	char *text = malloc(200000);
	size_t size = sizeof(NEEDED) - 1;
	memcpy(text, NEEDED, size);
	for (int i = 0; i < 1000; i++)
		size += (size_t)sprintf(text + size, "lower=/layer/%d", i) + 1;
	CHECK(decode(text, size, &launch) == 0);
	CHECK(launch.lower.count == 1001 && strcmp(launch.lower.items[1000], "/layer/999") == 0 &&
	      launch.lower.items[1001] == NULL);
	sw_launch_free(&launch);
	size = sizeof(NEEDED) - 1;
	for (int i = 0; i < SW_LAUNCH_ENTRIES_MAX; i++)
		size += (size_t)sprintf(text + size, "arg=x") + 1;
	CHECK(decode(text, size, &launch) < 0);
	free(text);
}

/* xorshift: the same damage on every run. */
static unsigned next(unsigned *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void survives_damage(void)
{
	static const char whole[] = NEEDED "bind=ro\n/a\n/c\0file=/etc/hosts\nx\0rlimit=nofile 1 2\0env=A=1\0netns=/n\0"
					   "userns=65536\0device=c 1 2 rw /dev/a/b\0mask=/p\0read-only=/q\0sysctl=net/a\n1\0oom-score-adj=-5\0";
	char damaged[sizeof whole];
	unsigned state = 12345;
	int taken = 0;
	for (int run = 0; run < 200000; run++) {
		struct sw_launch launch;
		memcpy(damaged, whole, sizeof whole);
		for (unsigned i = 0; i < 1 + next(&state) % 4; i++)
			damaged[next(&state) % (sizeof whole - 1)] = (char)next(&state);
		if (decode(damaged, next(&state) % sizeof whole, &launch) == 0) {
			taken++;
			sw_launch_free(&launch);
		}
	}
	CHECK(taken < 200000);
}

void run_launch(void)
{
	takes_everything();
	refuses_what_is_wrong();
	keeps_long_lists();
	survives_damage();
}
