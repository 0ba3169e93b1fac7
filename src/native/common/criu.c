#include "criu.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "cleanup.h"
#include "file.h"
#include "signals.h"

static const char cache[] = "/dev/shm/stratoswarm-criu";

static int split(struct criu_command *command, size_t size, struct sw_error *error)
{
	size_t count = 0;
	for (size_t i = 0; i < size; i++)
		count += command->bytes[i] == 0;
	if (count == 0 || count > SW_CRIU_COMMAND_STRINGS_MAX || command->bytes[size - 1] != 0)
		return sw_refuse(error, EINVAL, "read the command", "%zu strings, wanted 1 to %d, each ended by NUL", count,
				 SW_CRIU_COMMAND_STRINGS_MAX);
	command->items = calloc(count + 1, sizeof *command->items);
	if (!command->items)
		return sw_fail(error, ENOMEM, "read the command", NULL);
	char *at = command->bytes;
	for (command->count = 0; command->count < count; command->count++, at += strlen(at) + 1)
		command->items[command->count] = at;
	return 0;
}

int criu_command_read(const char *path, struct criu_command *command, struct sw_error *error)
{
	size_t size;
	SW_AUTOCLOSE int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return sw_fail(error, errno, "open the command", path);
	int result = sw_read_all(file, SW_CRIU_COMMAND_BYTES_MAX, &command->bytes, &size);
	if (result < 0)
		return sw_fail(error, -result, "read the command", path);
	return split(command, size, error);
}

void criu_command_free(struct criu_command *command)
{
	free(command->items);
	free(command->bytes);
	*command = (struct criu_command){ 0 };
}

static int is_tmpfs(const char *path)
{
	struct statfs about;
	return statfs(path, &about) == 0 && about.f_type == TMPFS_MAGIC;
}

int criu_private_mounts(struct sw_error *error)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return sw_fail(error, errno, "make a mount namespace", NULL);
	if (is_tmpfs("/run") || !is_tmpfs("/dev/shm"))
		return 0;
	/* Only speed depends on it. The directory is root's own, or it is not used; the root of a user namespace goes through it. */
	struct stat about;
	mkdir(cache, 0711);
	SW_AUTOCLOSE int own = open(cache, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (own >= 0 && fstat(own, &about) == 0 && about.st_uid == 0 && !(about.st_mode & 022) && fchmod(own, 0711) == 0)
		mount(cache, "/run", NULL, MS_BIND, NULL);
	return 0;
}

/* Only speed depends on it. A session is scheduled as one group (sched(7), autogroup), which has a nice value of its own. */
static void hurry(void)
{
	setsid();
	setpriority(PRIO_PROCESS, 0, -20);
	SW_AUTOCLOSE int group = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
	if (group >= 0)
		sw_write_all(group, "-20", 3);
}

int criu_execute(char **arguments, struct sw_error *error)
{
	hurry();
	sw_signals_reset();
	/* criu runs sh, nft and tar by name. */
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	execv(arguments[0], arguments);
	return sw_fail(error, errno, "execute", arguments[0]);
}
