#include "program.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

/* linux/memfd.h; older kernels do not know the flag and need none. */
#define MEMFD_EXEC 0x10u
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int open_sibling(const char *name)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
	if (length < 0)
		return -1;
	path[length] = 0;
	char *end = strrchr(path, '/') + 1;
	size_t left = sizeof path - (size_t)(end - path);
	if ((size_t)snprintf(end, left, "%s", name) >= left) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int open_memory(const char *name)
{
	int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MEMFD_EXEC);
	return file >= 0 || errno != EINVAL ? file : memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

static int copy(int source, int target)
{
	struct stat status;
	if (fstat(source, &status) < 0)
		return -1;
	for (off_t done = 0; done < status.st_size;) {
		ssize_t count = SW_RETRY(sendfile(target, source, NULL, (size_t)(status.st_size - done)));
		if (count <= 0)
			return -1;
		done += count;
	}
	return fcntl(target, F_ADD_SEALS, SEALS);
}

int sw_program_open(const char *name, struct sw_error *error)
{
	SW_AUTOCLOSE int source = open_sibling(name);
	if (source < 0)
		return sw_fail(error, errno, "open program", name);
	SW_AUTOCLOSE int memory = open_memory(name);
	if (memory < 0 || copy(source, memory) < 0)
		return sw_fail(error, errno, "copy program", name);
	int result = memory;
	memory = -1;
	return result;
}

static bool is_protected(void)
{
	SW_AUTOCLOSE int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	return self >= 0 && fcntl(self, F_GET_SEALS) == SEALS;
}

int sw_program_protect(const char *name, char **arguments, struct sw_error *error)
{
	char *environment[] = { NULL };
	if (is_protected())
		return 0;
	SW_AUTOCLOSE int program = sw_program_open(name, error);
	if (program < 0)
		return program;
	syscall(SYS_execveat, program, "", arguments, environment, AT_EMPTY_PATH);
	return sw_fail(error, errno, "execute the protected program", NULL);
}
