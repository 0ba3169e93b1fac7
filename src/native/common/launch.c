#include "launch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "number.h"
#include "rlimits.h"

static const char step[] = "read the launch file";

static int wrong(struct sw_error *error, const char *key, const char *wanted)
{
	return sw_refuse(error, EINVAL, step, "%s: %.32s, wanted %s", step, key, wanted);
}

/* Room for one more item (and a NULL behind it) in an array of `count` items of `size` bytes, grown by doubling. */
int sw_launch_grow(void *array, size_t count, size_t size)
{
	if (count != 0 && (count & (count + 1)) != 0)
		return 0;
	void *larger = realloc(*(void **)array, (2 * count + 2) * size);
	if (!larger)
		return -ENOMEM;
	*(void **)array = larger;
	return 0;
}

int sw_launch_add(struct sw_strings *list, const char *value)
{
	if (sw_launch_grow(&list->items, list->count, sizeof *list->items) < 0)
		return -ENOMEM;
	list->items[list->count++] = value;
	list->items[list->count] = NULL;
	return 0;
}

static int add_bind(struct sw_launch *launch, char *value)
{
	char *source = strchr(value, '\n');
	char *target = source ? strchr(source + 1, '\n') : NULL;
	if (!target)
		return -EINVAL;
	*source++ = 0;
	*target++ = 0;
	bool read_only = strcmp(value, "ro") == 0;
	if ((!read_only && strcmp(value, "rw") != 0) || *source != '/' || *target != '/')
		return -EINVAL;
	if (sw_launch_grow(&launch->binds, launch->bind_count, sizeof *launch->binds) < 0)
		return -ENOMEM;
	launch->binds[launch->bind_count++] = (struct sw_bind){ read_only, source, target };
	return 0;
}

static int add_file(struct sw_launch *launch, char *value)
{
	char *content = strchr(value, '\n');
	if (!content || *value != '/')
		return -EINVAL;
	*content++ = 0;
	if (sw_launch_grow(&launch->files, launch->file_count, sizeof *launch->files) < 0)
		return -ENOMEM;
	launch->files[launch->file_count++] = (struct sw_file){ value, content };
	return 0;
}

static int add_rlimit(struct sw_launch *launch, char *value)
{
	struct sw_rlimit limit;
	if (sw_rlimit_parse(value, &limit) < 0)
		return -EINVAL;
	if (sw_launch_grow(&launch->rlimits, launch->rlimit_count, sizeof *launch->rlimits) < 0)
		return -ENOMEM;
	launch->rlimits[launch->rlimit_count++] = limit;
	return 0;
}

static int set_once(const char **field, const char *value)
{
	if (*field)
		return -EEXIST;
	*field = value;
	return 0;
}

static int set_epoch(struct sw_launch *launch, const char *value)
{
	return launch->epoch == 0 && sw_parse_number(value, &launch->epoch) == 0 && launch->epoch > 0 ? 0 : -EINVAL;
}

static int set_log_bytes(struct sw_launch *launch, const char *value)
{
	return launch->log_bytes == 0 && sw_parse_number(value, &launch->log_bytes) == 0 &&
			       launch->log_bytes >= SW_LOG_BYTES_MIN ?
		       0 :
		       -EINVAL;
}

static int set_passing(struct sw_launch *launch, const char *value)
{
	if (launch->passing || (strcmp(value, "yes") != 0 && strcmp(value, "when-told") != 0))
		return -EINVAL;
	launch->passing = true;
	launch->when_told = *value == 'w';
	return 0;
}

/* Keys that are there or not. */
static int set_flag(bool *flag, const char *value)
{
	if (*flag || strcmp(value, "yes") != 0)
		return -EINVAL;
	*flag = true;
	return 0;
}

static int absolute(const char *value)
{
	return *value == '/' ? 0 : -EINVAL;
}

/* -ENOENT: no such key. */
static int take_list_entry(struct sw_launch *launch, const char *key, char *value)
{
	if (strcmp(key, "arg") == 0)
		return sw_launch_add(&launch->args, value);
	if (strcmp(key, "env") == 0)
		return strchr(value, '=') && *value != '=' ? sw_launch_add(&launch->env, value) : -EINVAL;
	if (strcmp(key, "lower") == 0)
		return absolute(value) < 0 ? -EINVAL : sw_launch_add(&launch->lower, value);
	if (strcmp(key, "host") == 0)
		return absolute(value) < 0 ? -EINVAL : sw_launch_add(&launch->host, value);
	if (strcmp(key, "cgroup1") == 0)
		return absolute(value) < 0 ? -EINVAL : sw_launch_add(&launch->cgroup1, value);
	if (strcmp(key, "bind") == 0)
		return add_bind(launch, value);
	if (strcmp(key, "file") == 0)
		return add_file(launch, value);
	if (strcmp(key, "rlimit") == 0)
		return add_rlimit(launch, value);
	return -ENOENT;
}

static int take_single_entry(struct sw_launch *launch, const char *key, char *value)
{
	if (strcmp(key, "version") == 0)
		return strcmp(value, "1") == 0 ? 0 : -EINVAL;
	if (strcmp(key, "epoch") == 0)
		return set_epoch(launch, value);
	if (strcmp(key, "passing") == 0)
		return set_passing(launch, value);
	if (strcmp(key, "terminal") == 0)
		return set_flag(&launch->terminal, value);
	if (strcmp(key, "guarded") == 0)
		return set_flag(&launch->guarded, value);
	if (strcmp(key, "stdin") == 0)
		return set_flag(&launch->input, value);
	if (strcmp(key, "network-later") == 0)
		return set_flag(&launch->network_later, value);
	if (strcmp(key, "log-bytes") == 0)
		return set_log_bytes(launch, value);
	if (strcmp(key, "container") == 0)
		return set_once(&launch->container, value);
	if (strcmp(key, "hostname") == 0)
		return *value == 0 || strlen(value) > 64 ? -EINVAL : set_once(&launch->hostname, value);
	if (strcmp(key, "workdir") == 0)
		return absolute(value) < 0 ? -EINVAL : set_once(&launch->workdir, value);
	if (strcmp(key, "user") == 0)
		return set_once(&launch->user, value);
	if (strcmp(key, "cgroup2") == 0)
		return absolute(value) < 0 ? -EINVAL : set_once(&launch->cgroup2, value);
	if (strcmp(key, "netns") == 0)
		return absolute(value) < 0 ? -EINVAL : set_once(&launch->netns, value);
	return -ENOENT;
}

static int take_entry(struct sw_launch *launch, char *entry, struct sw_error *error)
{
	char *value = strchr(entry, '=');
	if (!value)
		return wrong(error, entry, "key=value");
	*value++ = 0;
	int result = take_list_entry(launch, entry, value);
	if (result == -ENOENT)
		result = take_single_entry(launch, entry, value);
	if (result == -ENOENT)
		result = sw_launch_take_volume(launch, entry, value);
	if (result == -ENOENT)
		result = sw_launch_take_security(&launch->security, entry, value);
	switch (result) {
	case 0:
		return 0;
	case -ENOMEM:
		return sw_fail(error, ENOMEM, step, NULL);
	case -ENOENT:
		return wrong(error, entry, "a known key");
	case -EEXIST:
		return wrong(error, entry, "it once");
	default:
		return wrong(error, entry, "a value of its form");
	}
}

static int check_complete(const struct sw_launch *launch, struct sw_error *error)
{
	if (!launch->epoch)
		return wrong(error, "epoch", "one");
	if (!launch->container)
		return wrong(error, "container", "one");
	if (!launch->hostname)
		return wrong(error, "hostname", "one");
	if (!launch->workdir)
		return wrong(error, "workdir", "one");
	if (!launch->user)
		return wrong(error, "user", "one (empty is root)");
	if (!launch->cgroup2)
		return wrong(error, "cgroup2", "one");
	if (launch->args.count == 0 || launch->args.items[0][0] == 0)
		return wrong(error, "arg", "at least one, the program");
	if (launch->lower.count == 0)
		return wrong(error, "lower", "at least one");
	if (!launch->security.has_capabilities)
		return wrong(error, "capabilities", "them");
	if (!launch->security.has_seccomp)
		return wrong(error, "seccomp", "a file or none");
	return 0;
}

int sw_launch_decode(char *bytes, size_t size, struct sw_launch *launch, struct sw_error *error)
{
	*launch = (struct sw_launch){ .bytes = bytes };
	int result = size > 0 && bytes[size - 1] == 0 ? 0 : wrong(error, "end", "a NUL");
	if (result == 0 && strncmp(bytes, "version=", 8) != 0)
		result = wrong(error, "start", "version");
	if (result == 0 && sw_launch_add(&launch->env, NULL) < 0)
		result = sw_fail(error, ENOMEM, step, NULL);
	launch->env.count = 0;
	size_t entries = 0;
	for (char *entry = bytes, *next; result == 0 && entry < bytes + size; entry = next) {
		next = entry + strlen(entry) + 1;
		result = ++entries > SW_LAUNCH_ENTRIES_MAX ? wrong(error, "entries", "fewer") :
							     take_entry(launch, entry, error);
	}
	if (result == 0)
		result = check_complete(launch, error);
	if (launch->log_bytes == 0)
		launch->log_bytes = SW_LOG_BYTES_DEFAULT;
	if (result < 0)
		sw_launch_free(launch);
	return result;
}

int sw_launch_read(int descriptor, struct sw_launch *launch, struct sw_error *error)
{
	char *bytes;
	size_t size;
	int result = sw_read_all(descriptor, SW_LAUNCH_BYTES_MAX, &bytes, &size);
	return result < 0 ? sw_fail(error, -result, step, NULL) : sw_launch_decode(bytes, size, launch, error);
}

void sw_launch_free(struct sw_launch *launch)
{
	free(launch->bytes);
	free(launch->args.items);
	free(launch->env.items);
	free(launch->lower.items);
	free(launch->host.items);
	free(launch->cgroup1.items);
	free(launch->binds);
	free(launch->volumes);
	free(launch->files);
	free(launch->rlimits);
	free(launch->security.masked.items);
	free(launch->security.read_only.items);
	free(launch->security.sysctls);
	free(launch->security.devices);
	*launch = (struct sw_launch){ 0 };
}
