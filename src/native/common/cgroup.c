#include "cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"

#define PROCESSES_BYTES_MAX (16 * 1024 * 1024)

int sw_cgroup1_open(const struct sw_launch *launch, struct sw_cgroup1 *cgroups, struct sw_error *error)
{
	char path[PATH_MAX];
	cgroups->count = 0;
	if (launch->cgroup1.count > SW_CGROUP1_MAX)
		return sw_refuse(error, EINVAL, "open cgroups", "%zu v1 cgroups, wanted at most %d",
				 launch->cgroup1.count, SW_CGROUP1_MAX);
	for (size_t i = 0; i < launch->cgroup1.count; i++) {
		snprintf(path, sizeof path, "%s/tasks", launch->cgroup1.items[i]);
		int tasks = open(path, O_WRONLY | O_CLOEXEC);
		if (tasks < 0)
			return sw_fail(error, errno, "open cgroup", path);
		cgroups->tasks[cgroups->count++] = tasks;
	}
	return 0;
}

int sw_cgroup1_join(struct sw_cgroup1 *cgroups, struct sw_error *error)
{
	for (size_t i = 0; i < cgroups->count; i++) {
		if (SW_RETRY(write(cgroups->tasks[i], "0", 1)) < 0)
			return sw_fail(error, errno, "join a v1 cgroup", NULL);
		sw_close(&cgroups->tasks[i]);
	}
	cgroups->count = 0;
	return 0;
}

int sw_cgroup2_open(const char *path, struct sw_error *error)
{
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory < 0 ? sw_fail(error, errno, "open cgroup", path) : directory;
}

int sw_cgroup2_check_empty(int cgroup2, struct sw_error *error)
{
	static const char step[] = "check that the cgroup is empty";
	char text[256];
	SW_AUTOCLOSE int events = openat(cgroup2, "cgroup.events", O_RDONLY | O_CLOEXEC);
	ssize_t size = events < 0 ? -1 : SW_RETRY(read(events, text, sizeof text - 1));
	if (size < 0)
		return sw_fail(error, errno, step, NULL);
	text[size] = 0;
	return strstr(text, "populated 1") ? sw_refuse(error, EBUSY, step, "the container's cgroup still has processes") :
					     0;
}

int sw_cgroup2_check_member(int cgroup2, pid_t pid, struct sw_error *error)
{
	char wanted[16];
	SW_AUTOFREE char *list = NULL;
	size_t size;
	SW_AUTOCLOSE int file = openat(cgroup2, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return sw_fail(error, errno, "list the container's processes", NULL);
	int result = sw_read_all(file, PROCESSES_BYTES_MAX, &list, &size);
	if (result < 0)
		return sw_fail(error, -result, "list the container's processes", NULL);
	snprintf(wanted, sizeof wanted, "%d", (int)pid);
	for (const char *line = list; *line; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") == strlen(wanted) && strncmp(line, wanted, strlen(wanted)) == 0)
			return 0;
	return sw_refuse(error, ESRCH, "find the container", "process %s is not of this container", wanted);
}
