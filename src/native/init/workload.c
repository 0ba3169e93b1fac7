#include "workload.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/cleanup.h"
#include "../common/report.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static size_t name_size(const char *entry)
{
	return strcspn(entry, "=");
}

static size_t put(const char **environment, size_t count, const char *entry)
{
	size_t size = name_size(entry);
	for (size_t i = 0; i < count; i++)
		if (name_size(environment[i]) == size && memcmp(environment[i], entry, size) == 0) {
			environment[i] = entry;
			return count;
		}
	environment[count] = entry;
	return count + 1;
}

const char *workload_variable(const char *const *environment, const char *name)
{
	size_t size = strlen(name);
	for (; *environment; environment++)
		if (name_size(*environment) == size && memcmp(*environment, name, size) == 0)
			return *environment + size + 1;
	return NULL;
}

const char **workload_environment(const struct sw_strings *base, const struct sw_strings *added, const char *home)
{
	const char **environment = calloc(base->count + added->count + 3, sizeof *environment);
	size_t count = 0;
	if (!environment)
		return NULL;
	for (size_t i = 0; i < base->count; i++)
		count = put(environment, count, base->items[i]);
	for (size_t i = 0; i < added->count; i++)
		count = put(environment, count, added->items[i]);
	if (!workload_variable(environment, "PATH"))
		count = put(environment, count, DEFAULT_PATH);
	if (!workload_variable(environment, "HOME")) {
		char *entry = malloc(strlen(home) + 6);
		if (!entry)
			return NULL;
		sprintf(entry, "HOME=%s", home);
		put(environment, count, entry);
	}
	return environment;
}

static int execute(const char *path, const char *const *arguments, const char *const *environment)
{
	execve(path, (char *const *)arguments, (char *const *)environment);
	return errno;
}

/* The program in the next directory of a PATH, which moves on; false at its end. One whose name would be too long is "". */
static bool next_candidate(const char **path, const char *program, char candidate[PATH_MAX])
{
	if (!*path)
		return false;
	size_t size = strcspn(*path, ":");
	int length = snprintf(candidate, PATH_MAX, "%.*s%s%s", (int)size, *path, size ? "/" : "", program);
	if (length < 0 || length >= PATH_MAX)
		candidate[0] = 0;
	*path = (*path)[size] ? *path + size + 1 : NULL;
	return true;
}

/* As a shell does: the first that can be executed; a refusal is remembered in case nothing better comes. */
static int search(const char *const *arguments, const char *const *environment)
{
	const char *path = workload_variable(environment, "PATH");
	char candidate[PATH_MAX];
	int worst = ENOENT;
	while (next_candidate(&path, arguments[0], candidate)) {
		int code = execute(candidate, arguments, environment);
		if (code != ENOENT && code != ENOTDIR)
			worst = code;
		if (code != ENOENT && code != ENOTDIR && code != EACCES)
			return code;
	}
	return worst;
}

void workload_look(const char *program, const struct sw_strings *environment)
{
	char candidate[PATH_MAX];
	struct stat status;
	if (strchr(program, '/')) {
		(void)!stat(program, &status);
		return;
	}
	const char *path = environment->count > 0 ? workload_variable(environment->items, "PATH") : NULL;
	if (!path)
		path = DEFAULT_PATH + strlen("PATH=");
	while (next_candidate(&path, program, candidate) && stat(candidate, &status) < 0)
		;
}

int workload_execute(const char *const *arguments, const char *const *environment, struct sw_error *error)
{
	int code = strchr(arguments[0], '/') ? execute(arguments[0], arguments, environment) :
					       search(arguments, environment);
	sw_refuse(error, code, "start", "Cannot start %s: %s", arguments[0], strerror(code));
	return code == ENOENT || code == ENOTDIR ? SW_EXIT_NOT_FOUND : SW_EXIT_NOT_EXECUTABLE;
}
