/* The plan's entries about the process (config.md#process). */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "../common/rlimits.h"
#include "plan-parts.h"

static int add_group(struct plan_process *process, const char *value)
{
	uint64_t gid;
	if (plan_number(value, UINT32_MAX, &gid) < 0)
		return -EINVAL;
	gid_t *added = plan_add(&process->groups, &process->group_count, sizeof *added);
	if (!added)
		return -ENOMEM;
	*added = (gid_t)gid;
	return 0;
}

static int add_rlimit(struct plan_process *process, char *value)
{
	struct sw_rlimit limit;
	if (sw_rlimit_parse(value, &limit) < 0)
		return -EINVAL;
	struct sw_rlimit *added = plan_add(&process->rlimits, &process->rlimit_count, sizeof *added);
	if (!added)
		return -ENOMEM;
	*added = limit;
	return 0;
}

static int set_capabilities(struct plan_process *process, char *value)
{
	char *parts[5];
	uint64_t sets[5];
	if (process->has_capabilities || plan_split(value, parts, 5) < 0 || plan_numbers(parts, 5, UINT64_MAX, sets) < 0)
		return -EINVAL;
	process->capabilities = (struct plan_capabilities){ sets[0], sets[1], sets[2], sets[3], sets[4] };
	process->has_capabilities = true;
	return 0;
}

/* uid, gid */
static int set_user(struct plan_process *process, char *value)
{
	char *parts[2];
	uint64_t ids[2];
	if (plan_split(value, parts, 2) < 0 || plan_numbers(parts, 2, UINT32_MAX - 1, ids) < 0)
		return -EINVAL;
	process->uid = (uid_t)ids[0];
	process->gid = (gid_t)ids[1];
	return 0;
}

/* rows, columns */
static int set_size(struct plan_process *process, char *value)
{
	char *parts[2];
	uint64_t size[2];
	if (plan_split(value, parts, 2) < 0 || plan_numbers(parts, 2, USHRT_MAX, size) < 0)
		return -EINVAL;
	process->rows = (unsigned short)size[0];
	process->columns = (unsigned short)size[1];
	return 0;
}

static int set_oom_score_adj(struct plan_process *process, const char *value)
{
	uint64_t size;
	if (plan_number(value + (*value == '-'), 1000, &size) < 0)
		return -EINVAL;
	process->oom_score_adj = *value == '-' ? -(int)size : (int)size;
	process->has_oom_score_adj = true;
	return 0;
}

static int set_number(bool *present, uint64_t *field, uint64_t limit, const char *value)
{
	*present = true;
	return plan_number(value, limit, field);
}

int plan_take_process(struct plan_process *process, const char *key, char *value)
{
	uint64_t small = 0;
	bool present;
	int result;
	if (strcmp(key, "arg") == 0)
		return plan_add_string(&process->args, value);
	if (strcmp(key, "env") == 0)
		return plan_add_string(&process->env, value);
	if (strcmp(key, "cwd") == 0)
		return plan_set_path(&process->cwd, value);
	if (strcmp(key, "user") == 0)
		return set_user(process, value);
	if (strcmp(key, "group") == 0)
		return add_group(process, value);
	if (strcmp(key, "rlimit") == 0)
		return add_rlimit(process, value);
	if (strcmp(key, "capabilities") == 0)
		return set_capabilities(process, value);
	if (strcmp(key, "terminal") == 0)
		return plan_set_yes(&process->terminal, value);
	if (strcmp(key, "size") == 0)
		return set_size(process, value);
	if (strcmp(key, "console-socket") == 0)
		return plan_set_path(&process->console_socket, value);
	if (strcmp(key, "seccomp") == 0)
		return plan_set_path(&process->seccomp, value);
	if (strcmp(key, "no-new-privs") == 0)
		return plan_set_yes(&process->no_new_privs, value);
	if (strcmp(key, "keeps-keyring") == 0)
		return plan_set_yes(&process->keeps_keyring, value);
	if (strcmp(key, "oom-score-adj") == 0)
		return set_oom_score_adj(process, value);
	if (strcmp(key, "personality") == 0)
		return set_number(&process->has_personality, &process->personality, UINT_MAX, value);
	if (strcmp(key, "io-priority") == 0)
		return set_number(&process->has_io_priority, &process->io_priority, USHRT_MAX, value);
	if (strcmp(key, "umask") == 0) {
		result = set_number(&process->has_umask, &small, 0777, value);
		process->umask = (mode_t)small;
		return result;
	}
	if (strcmp(key, "preserved") == 0) {
		result = set_number(&present, &small, 1024, value);
		process->preserved = (unsigned)small;
		return result;
	}
	return -ENOENT;
}
