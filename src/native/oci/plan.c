#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../common/cgroup.h"
#include "../common/cleanup.h"
#include "../common/file.h"
#include "plan-parts.h"

static const char step[] = "read the plan";

static int wrong(struct sw_error *error, const char *key, const char *wanted)
{
	return sw_refuse(error, EINVAL, step, "%s: %.32s, wanted %s", step, key, wanted);
}

/* flag, path */
static int add_namespace(struct plan *plan, char *value)
{
	char *parts[2];
	uint64_t flag;
	if (plan_split(value, parts, 2) < 0 || plan_number(parts[0], UINT_MAX, &flag) < 0 || plan_namespace(plan, flag))
		return -EINVAL;
	struct plan_namespace *added = plan_add(&plan->namespaces, &plan->namespace_count, sizeof *added);
	if (!added)
		return -ENOMEM;
	*added = (struct plan_namespace){ flag, *parts[1] ? parts[1] : NULL };
	return *parts[1] && *parts[1] != '/' ? -EINVAL : 0;
}

/* kind, type, source, target, recursive, set, clear, set below, clear below, propagation, propagation below, copy up, idmap */
static int add_mount(struct plan *plan, char *value)
{
	char *parts[13];
	uint64_t kind, values[9];
	if (plan_split(value, parts, 13) < 0 || plan_number(parts[0], PLAN_MOUNT_CHANGE, &kind) < 0 ||
	    plan_numbers(parts + 4, 9, UINT_MAX, values) < 0 || values[8] > PLAN_IDMAP_BELOW || *parts[3] != '/')
		return -EINVAL;
	struct plan_mount *added = plan_add(&plan->mounts, &plan->mount_count, sizeof *added);
	if (!added)
		return -ENOMEM;
	*added = (struct plan_mount){
		.kind = (enum plan_mount_kind)kind,
		.type = parts[1],
		.source = parts[2],
		.target = parts[3],
		.recursive = values[0] != 0,
		.set = values[1],
		.clear = values[2],
		.set_below = values[3],
		.clear_below = values[4],
		.propagation = values[5],
		.propagation_below = values[6],
		.copy_up = values[7],
		.idmap = (enum plan_idmap)values[8],
		.tree = -1,
	};
	return kind == PLAN_MOUNT_TREE && *parts[2] != '/' ? -EINVAL : 0;
}

/* Of the mount before it. */
static int add_to_mount(struct plan *plan, const char *key, const char *value)
{
	if (plan->mount_count == 0)
		return -EINVAL;
	struct plan_mount *mount = &plan->mounts[plan->mount_count - 1];
	if (strcmp(key, "mount-uid-map") == 0)
		return plan_add_string(&mount->uid_maps, value);
	return plan_add_string(strcmp(key, "mount-gid-map") == 0 ? &mount->gid_maps : &mount->options, value);
}

/* mode, major, minor, uid, gid, path */
static int add_device(struct plan *plan, char *value)
{
	char *parts[6];
	uint64_t values[5];
	if (plan_split(value, parts, 6) < 0 || plan_numbers(parts, 5, UINT_MAX, values) < 0 || *parts[5] != '/')
		return -EINVAL;
	struct plan_device *added = plan_add(&plan->devices, &plan->device_count, sizeof *added);
	if (!added)
		return -ENOMEM;
	*added = (struct plan_device){ parts[5],	    (mode_t)values[0], (unsigned)values[1],
				       (unsigned)values[2], (uid_t)values[3],  (gid_t)values[4] };
	return 0;
}

/* allow, type, major, minor, access */
static int add_device_rule(struct plan *plan, char *value)
{
	char *parts[5];
	uint64_t values[5];
	if (plan_split(value, parts, 5) < 0 || plan_numbers(parts, 5, UINT32_MAX, values) < 0)
		return -EINVAL;
	struct plan_device_rule *added = plan_add(&plan->device_rules, &plan->device_rule_count, sizeof *added);
	if (!added)
		return -ENOMEM;
	*added = (struct plan_device_rule){ values[0] != 0, (uint32_t)values[1], (uint32_t)values[2],
					    (uint32_t)values[3], (uint32_t)values[4] };
	return 0;
}

/* key, value */
static int add_sysctl(struct plan *plan, char *value)
{
	char *parts[2];
	if (plan_split(value, parts, 2) < 0 || *parts[0] == 0 || *parts[0] == '/' || strstr(parts[0], ".."))
		return -EINVAL;
	struct plan_pair *added = plan_add(&plan->sysctls, &plan->sysctl_count, sizeof *added);
	if (!added)
		return -ENOMEM;
	*added = (struct plan_pair){ parts[0], parts[1] };
	return 0;
}

/* kind, timeout, path; hook-arg and hook-env belong to the hook before them. */
static int add_hook(struct plan *plan, char *value)
{
	char *parts[3];
	uint64_t values[2];
	if (plan_split(value, parts, 3) < 0 || plan_numbers(parts, 2, INT_MAX, values) < 0 || values[0] >= PLAN_HOOK_KINDS ||
	    *parts[2] != '/')
		return -EINVAL;
	struct plan_hook *added = plan_add(&plan->hooks, &plan->hook_count, sizeof *added);
	if (!added)
		return -ENOMEM;
	*added = (struct plan_hook){ .kind = (enum plan_hook_kind)values[0], .path = parts[2], .timeout_s = values[1] };
	return 0;
}

static int take_list_entry(struct plan *plan, const char *key, char *value)
{
	struct plan_hook *hook = plan->hook_count ? &plan->hooks[plan->hook_count - 1] : NULL;
	if (strcmp(key, "namespace") == 0)
		return add_namespace(plan, value);
	if (strcmp(key, "uid-map") == 0)
		return plan_add_string(&plan->uid_maps, value);
	if (strcmp(key, "gid-map") == 0)
		return plan_add_string(&plan->gid_maps, value);
	if (strcmp(key, "clock-offset") == 0)
		return plan_add_string(&plan->clock_offsets, value);
	if (strcmp(key, "cgroup1") == 0)
		return plan_add_path(&plan->cgroup1, value);
	if (strcmp(key, "mount") == 0)
		return add_mount(plan, value);
	if (strcmp(key, "mount-option") == 0 || strcmp(key, "mount-uid-map") == 0 || strcmp(key, "mount-gid-map") == 0)
		return add_to_mount(plan, key, value);
	if (strcmp(key, "device") == 0)
		return add_device(plan, value);
	if (strcmp(key, "device-rule") == 0)
		return add_device_rule(plan, value);
	if (strcmp(key, "masked") == 0)
		return plan_add_path(&plan->masked, value);
	if (strcmp(key, "read-only-path") == 0)
		return plan_add_path(&plan->read_only_paths, value);
	if (strcmp(key, "sysctl") == 0)
		return add_sysctl(plan, value);
	if (strcmp(key, "hook") == 0)
		return add_hook(plan, value);
	if (strcmp(key, "hook-arg") == 0)
		return hook ? plan_add_string(&hook->args, value) : -EINVAL;
	if (strcmp(key, "hook-env") == 0)
		return hook ? plan_add_string(&hook->env, value) : -EINVAL;
	return -ENOENT;
}

static int take_single_entry(struct plan *plan, const char *key, char *value)
{
	if (strcmp(key, "version") == 0)
		return strcmp(value, "1") == 0 ? 0 : -EINVAL;
	if (strcmp(key, "rootfs") == 0)
		return plan_set_path(&plan->rootfs, value);
	if (strcmp(key, "read-only") == 0)
		return plan_set_yes(&plan->read_only, value);
	if (strcmp(key, "root-propagation") == 0)
		return plan_number(value, UINT_MAX, &plan->root_propagation);
	if (strcmp(key, "hostname") == 0)
		return plan_set_text(&plan->hostname, value);
	if (strcmp(key, "domainname") == 0)
		return plan_set_text(&plan->domainname, value);
	if (strcmp(key, "cgroup2") == 0)
		return plan_set_path(&plan->cgroup2, value);
	if (strcmp(key, "pid-file") == 0)
		return plan_set_path(&plan->pid_file, value);
	if (strcmp(key, "state") == 0)
		return plan_set_text(&plan->state, value);
	if (strcmp(key, "no-pivot") == 0)
		return plan_set_yes(&plan->no_pivot, value);
	if (strcmp(key, "sets-up-devices") == 0)
		return plan_set_yes(&plan->sets_up_devices, value);
	return -ENOENT;
}

static int take_entry(struct plan *plan, char *entry, struct sw_error *error)
{
	char *value = strchr(entry, '=');
	if (!value)
		return wrong(error, entry, "key=value");
	*value++ = 0;
	int result = plan_take_process(&plan->process, entry, value);
	if (result == -ENOENT)
		result = take_list_entry(plan, entry, value);
	if (result == -ENOENT)
		result = take_single_entry(plan, entry, value);
	switch (result) {
	case 0:
		return 0;
	case -ENOMEM:
		return sw_fail(error, ENOMEM, step, NULL);
	case -ENOENT:
		return wrong(error, entry, "a known key");
	default:
		return wrong(error, entry, "a value of its form, once");
	}
}

static int check_complete(const struct plan *plan, struct sw_error *error)
{
	if (!plan->cgroup2)
		return wrong(error, "cgroup2", "one");
	if (plan->cgroup1.count > SW_CGROUP1_MAX)
		return wrong(error, "cgroup1", "fewer");
	if (plan->process.args.count > 0 && !plan->process.cwd)
		return wrong(error, "cwd", "one");
	return 0;
}

int plan_decode(char *bytes, size_t size, struct plan *plan, struct sw_error *error)
{
	*plan = (struct plan){ .bytes = bytes };
	int result = size > 0 && bytes[size - 1] == 0 ? 0 : wrong(error, "end", "a NUL");
	if (result == 0 && strncmp(bytes, "version=", 8) != 0)
		result = wrong(error, "start", "version");
	size_t entries = 0;
	for (char *entry = bytes, *next; result == 0 && entry < bytes + size; entry = next) {
		next = entry + strlen(entry) + 1;
		result = ++entries > PLAN_ENTRIES_MAX ? wrong(error, "entries", "fewer") :
							take_entry(plan, entry, error);
	}
	if (result == 0)
		result = check_complete(plan, error);
	if (result < 0)
		plan_free(plan);
	return result;
}

int plan_read(int directory, const char *name, struct plan *plan, struct sw_error *error)
{
	char *bytes;
	size_t size;
	SW_AUTOCLOSE int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return sw_fail(error, errno, "open", name);
	int result = sw_read_all(file, PLAN_BYTES_MAX, &bytes, &size);
	return result < 0 ? sw_fail(error, -result, step, NULL) : plan_decode(bytes, size, plan, error);
}

void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->mount_count; i++) {
		free(plan->mounts[i].options.items);
		free(plan->mounts[i].uid_maps.items);
		free(plan->mounts[i].gid_maps.items);
	}
	for (size_t i = 0; i < plan->hook_count; i++) {
		free(plan->hooks[i].args.items);
		free(plan->hooks[i].env.items);
	}
	free(plan->process.args.items);
	free(plan->process.env.items);
	free(plan->process.groups);
	free(plan->process.rlimits);
	free(plan->namespaces);
	free(plan->uid_maps.items);
	free(plan->gid_maps.items);
	free(plan->clock_offsets.items);
	free(plan->cgroup1.items);
	free(plan->masked.items);
	free(plan->read_only_paths.items);
	free(plan->mounts);
	free(plan->devices);
	free(plan->device_rules);
	free(plan->sysctls);
	free(plan->hooks);
	free(plan->bytes);
	*plan = (struct plan){ 0 };
}

const struct plan_namespace *plan_namespace(const struct plan *plan, uint64_t flag)
{
	for (size_t i = 0; i < plan->namespace_count; i++)
		if (plan->namespaces[i].flag == flag)
			return &plan->namespaces[i];
	return NULL;
}
