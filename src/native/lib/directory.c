/* Container directories, made and removed whole. Each is dozens of short calls: one call from Node instead of one for each,
 * on a thread of its pool. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/error.h"
#include "../monitor/device-directory.h"

/* Deeper directories are first moved to the top: a workload can make paths of any length. */
#define DEPTH_MAX 32

/* EXT4_TOPDIR_FL of the kernel's fs/ext4/ext4.h, `chattr +T`. */
#define TOP_DIRECTORY_FLAG 0x20000

/*
 * A new file gets an inode near its directory's, and ext4 does not use one again in the minute after it was freed: it walks over all
 * of those, up to 0.65 ms for every file once some hundred containers were removed. Below a top directory each directory
 * starts in another part of the disk (14 us).
 */
int32_t sw_directory_spread(const char *path, struct sw_error *error)
{
	int flags = 0;
	SW_AUTOCLOSE int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return sw_fail(error, errno, "open", path);
	if (ioctl(directory, FS_IOC_GETFLAGS, &flags) < 0 || (flags & TOP_DIRECTORY_FLAG))
		return 0;
	flags |= TOP_DIRECTORY_FLAG;
	ioctl(directory, FS_IOC_SETFLAGS, &flags);
	return 0;
}

static const struct {
	const char *name;
	mode_t mode;
} directories[] = { { "upper", 0755 }, { "work", 0755 }, { "merged", 0755 }, { "lower", 0755 }, { "log", 0755 } };

/* Empty until their writers come: making a file costs far more than opening it. */
static const struct {
	const char *name;
	mode_t mode;
} files[] = { { "launch", 0600 },   { "stderr", 0600 },	    { "pipes", 0600 },
	      { "exit.new", 0640 }, { "log/stdout", 0640 }, { "log/stderr", 0640 } };

static int fill(int directory, struct sw_error *error)
{
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
		if (mkdirat(directory, directories[i].name, directories[i].mode) < 0)
			return sw_fail(error, errno, "make directory", directories[i].name);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		SW_AUTOCLOSE int file = openat(directory, files[i].name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
					       files[i].mode);
		if (file < 0)
			return sw_fail(error, errno, "make file", files[i].name);
	}
	return 0;
}

int32_t sw_container_directory_make(const char *path, struct sw_error *error)
{
	struct sw_error ignored;
	if (mkdir(path, 0700) < 0)
		return sw_fail(error, errno, "make directory", path);
	SW_AUTOCLOSE int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int result = directory < 0 ? sw_fail(error, errno, "open", path) : fill(directory, error);
	if (result == 0)
		result = device_directory_make(path, error);
	if (result < 0)
		sw_directory_remove(path, &ignored);
	return result;
}

/* ---- removal ---- */

struct removal {
	int top;
	unsigned moved;
};

static int remove_entries(struct removal *removal, int directory, unsigned depth);

static int remove_directory(struct removal *removal, int parent, const char *name, unsigned depth)
{
	char higher[32];
	if (depth == DEPTH_MAX) {
		snprintf(higher, sizeof higher, ".deep-%u", removal->moved++);
		return renameat(parent, name, removal->top, higher) < 0 ? -errno : 0;
	}
	int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int result = directory < 0 ? -errno : remove_entries(removal, directory, depth + 1);
	return result == 0 && unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : result;
}

static int remove_entry(struct removal *removal, int parent, const struct dirent *entry, unsigned depth)
{
	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
		return 0;
	if (entry->d_type != DT_DIR) {
		if (unlinkat(parent, entry->d_name, 0) == 0)
			return 0;
		if (errno != EISDIR)
			return -errno;
	}
	return remove_directory(removal, parent, entry->d_name, depth);
}

/* Takes the descriptor. */
static int remove_entries(struct removal *removal, int directory, unsigned depth)
{
	struct dirent *entry;
	int result = 0;
	DIR *list = fdopendir(directory);
	if (!list) {
		close(directory);
		return -ENOMEM;
	}
	while (result == 0 && (errno = 0, entry = readdir(list)))
		result = remove_entry(removal, directory, entry, depth);
	if (result == 0 && errno != 0)
		result = -errno;
	closedir(list);
	return result;
}

/* Again while something was moved to the top, or the list missed what moved while it was read. */
static int remove_all(struct removal *removal, const char *path)
{
	for (unsigned moved = 0;; moved = removal->moved) {
		int again = openat(removal->top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int result = again < 0 ? -errno : remove_entries(removal, again, 0);
		if (result == 0 && rmdir(path) < 0)
			result = -errno;
		if (result != -ENOTEMPTY || moved == removal->moved)
			return result;
	}
}

int32_t sw_directory_remove(const char *path, struct sw_error *error)
{
	SW_AUTOCLOSE int top = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top < 0)
		return errno == ENOENT ? 0 : sw_fail(error, errno, "open", path);
	struct removal removal = { top, 0 };
	int result = remove_all(&removal, path);
	return result < 0 ? sw_fail(error, -result, "remove", path) : 0;
}
