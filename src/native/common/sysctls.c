#include "sysctls.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "cleanup.h"
#include "file.h"
#include "syscalls.h"

#define STAY (SW_RESOLVE_BENEATH | SW_RESOLVE_NO_SYMLINKS | SW_RESOLVE_NO_MAGICLINKS | SW_RESOLVE_NO_XDEV)

static int set_one(int directory, const struct sw_sysctl *wanted, struct sw_error *error)
{
	SW_AUTOCLOSE int file = sw_openat2(directory, wanted->name, O_WRONLY | O_CLOEXEC, 0, STAY);
	if (file < 0)
		return errno == ENOENT ? sw_refuse(error, ENOENT, "set a sysctl", "sysctl %s is not known to this kernel",
						   wanted->name) :
					 sw_fail(error, errno, "open sysctl", wanted->name);
	int result = sw_write_all(file, wanted->value, strlen(wanted->value));
	return result < 0 ? sw_fail(error, -result, "set sysctl", wanted->name) : 0;
}

int sw_sysctls_set(const struct sw_security *security, const char *prefix, struct sw_error *error)
{
	struct statfs system;
	int result = 0;
	if (security->sysctl_count == 0)
		return 0;
	SW_AUTOCLOSE int directory = open("/proc/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0 || fstatfs(directory, &system) < 0)
		return sw_fail(error, errno, "open", "/proc/sys");
	if (system.f_type != PROC_SUPER_MAGIC)
		return sw_refuse(error, EXDEV, "open /proc/sys", "/proc/sys is not the kernel's");
	for (size_t i = 0; i < security->sysctl_count && result == 0; i++)
		if (strncmp(security->sysctls[i].name, prefix, strlen(prefix)) == 0)
			result = set_one(directory, &security->sysctls[i], error);
	return result;
}
