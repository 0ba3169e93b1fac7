/* The decoder of an OCI container's plan: what it takes, what it refuses, and 100,000 damaged plans under the sanitizers. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "oci/plan.h"

#define NEEDED "version=1\0rootfs=/r\0cgroup2=/c\0cwd=/\0arg=sh\0"
#define FULL                                                                                                          \
	NEEDED "arg=-c\0env=A=1\0namespace=131072\n\0namespace=1073741824\n/run/netns/a\0user=1\n2\0group=3\0"        \
	       "mount=1\nproc\nproc\n/proc\n0\n1\n2\n0\n0\n0\n0\n0\n0\0mount-option=hidepid=2\0"                         \
	       "mount=0\nbind\n/a b\n/c\n1\n1\n0\n0\n0\n0\n262144\n0\n2\0mount-uid-map=0 5 1\0mount-gid-map=0 6 1\0device=8630\n1\n3\n0\n0\n/dev/null\0"            \
	       "device-rule=0\n4294967295\n4294967295\n4294967295\n7\0sysctl=net/ipv4/ip_forward\n1\0"                 \
	       "hook=0\n5\n/bin/a\0hook-arg=a\0hook-env=K=V\0capabilities=1\n2\n3\n4\n5\0rlimit=nofile 1 2\0"          \
	       "oom-score-adj=-5\0umask=18\0preserved=2\0masked=/proc/kcore\0read-only-path=/proc/sys\0state=\"x\":1}\0"

static int decode(const char *text, size_t size, struct plan *plan)
{
	struct sw_error error;
	char *bytes = malloc(size + 1);
	memcpy(bytes, text, size);
	bytes[size] = 0;
	return plan_decode(bytes, size, plan, &error);
}

#define DECODE(text, plan) decode(text, sizeof(text) - 1, plan)
#define REFUSED(text) (DECODE(text, &plan) < 0)

static void takes_everything(void)
{
	struct plan plan;
	CHECK(DECODE(FULL, &plan) == 0);
	CHECK(plan.process.args.count == 2 && plan.process.args.items[2] == NULL);
	CHECK(plan.namespace_count == 2 && plan_namespace(&plan, 131072)->path == NULL);
	CHECK(strcmp(plan_namespace(&plan, 1073741824)->path, "/run/netns/a") == 0 && !plan_namespace(&plan, 1));
	CHECK(plan.mount_count == 2 && plan.mounts[0].kind == PLAN_MOUNT_FILE_SYSTEM && plan.mounts[0].set == 1 &&
	      plan.mounts[0].clear == 2 && strcmp(plan.mounts[0].options.items[0], "hidepid=2") == 0);
	CHECK(plan.mounts[1].recursive && strcmp(plan.mounts[1].source, "/a b") == 0 &&
	      plan.mounts[1].propagation_below == 262144);
	CHECK(plan.mounts[1].idmap == PLAN_IDMAP_BELOW && plan.mounts[1].tree == -1 && plan.mounts[0].uid_maps.count == 0 &&
	      strcmp(plan.mounts[1].uid_maps.items[0], "0 5 1") == 0 && plan.mounts[1].gid_maps.count == 1);
	CHECK(plan.device_count == 1 && plan.devices[0].major == 1 && plan.devices[0].minor == 3);
	CHECK(plan.device_rule_count == 1 && !plan.device_rules[0].allow && plan.device_rules[0].type == UINT32_MAX);
	CHECK(plan.hook_count == 1 && plan.hooks[0].timeout_s == 5 && strcmp(plan.hooks[0].args.items[0], "a") == 0);
	CHECK(plan.process.uid == 1 && plan.process.gid == 2 && plan.process.groups[0] == 3);
	CHECK(plan.process.capabilities.ambient == 5 && plan.process.oom_score_adj == -5 && plan.process.umask == 18);
	CHECK(plan.process.preserved == 2 && plan.masked.count == 1 && strcmp(plan.state, "\"x\":1}") == 0);
	plan_free(&plan);
}

static void refuses_what_is_wrong(void)
{
	struct plan plan;
	CHECK(REFUSED(""));
	CHECK(REFUSED("version=1"));
	CHECK(REFUSED("version=2\0cgroup2=/c\0"));
	CHECK(REFUSED("version=1\0rootfs=/r\0"));
	CHECK(REFUSED(NEEDED "unknown=1\0"));
	CHECK(REFUSED(NEEDED "rootfs=/again\0"));
	CHECK(REFUSED(NEEDED "mount-option=first\0"));
	CHECK(REFUSED(NEEDED "mount-uid-map=0 5 1\0"));
	CHECK(REFUSED(NEEDED "hook-arg=first\0"));
	CHECK(REFUSED(NEEDED "hook=9\n0\n/bin/a\0"));
	CHECK(REFUSED(NEEDED "mount=1\nproc\nproc\nrelative\n0\n0\n0\n0\n0\n0\n0\n0\n0\0"));
	CHECK(REFUSED(NEEDED "mount=1\nproc\n\0"));
	CHECK(REFUSED(NEEDED "namespace=1\n\0namespace=1\n\0"));
	CHECK(REFUSED(NEEDED "sysctl=../x\n1\0"));
	CHECK(REFUSED(NEEDED "user=1\n4294967295\0"));
	CHECK(REFUSED(NEEDED "oom-score-adj=1001\0"));
}

static void survives_damage(void)
{
	static const char text[] = FULL;
	unsigned seed = 1;
	for (int round = 0; round < 100000; round++) {
		char damaged[sizeof text - 1];
		struct plan plan;
		memcpy(damaged, text, sizeof damaged);
		for (int i = 0; i < 1 + round % 4; i++) {
			seed = seed * 1103515245 + 12345;
			damaged[(seed >> 8) % sizeof damaged] = (char)(seed >> 20);
		}
		seed = seed * 1103515245 + 12345;
		if (decode(damaged, (seed >> 8) % (sizeof damaged + 1), &plan) == 0)
			plan_free(&plan);
	}
	passed++;
}

void run_plan(void)
{
	takes_everything();
	refuses_what_is_wrong();
	survives_damage();
}
