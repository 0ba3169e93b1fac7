#include "pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "tar-entry.h"

/* Each level keeps a descriptor. */
#define DEPTH_MAX 200
#define CHUNK (256 * 1024)

static const char step[] = "read";

static int put(const void *bytes, size_t size, struct sw_error *error)
{
	int result = sw_write_all(STDOUT_FILENO, bytes, size);
	return result < 0 ? sw_fail(error, -result, "write the archive", NULL) : 0;
}

static int put_header(const struct tar_entry *entry, struct sw_error *error)
{
	uint8_t block[TAR_BLOCK], extension[TAR_PAX_BYTES];
	if (!tar_entry_write(entry, block)) {
		int result = put(extension, tar_pax_write(entry, extension), error);
		if (result < 0)
			return result;
	}
	return put(block, sizeof block, error);
}

/* Exactly what the header promised: a file that shrinks meanwhile is filled up with zeros, one that grows is cut. */
static int put_content(int file, uint64_t size, const char *name, struct sw_error *error)
{
	static char chunk[CHUNK];
	uint64_t left = size;
	int result = 0;
	while (left > 0 && result == 0) {
		size_t wanted = left < CHUNK ? (size_t)left : CHUNK;
		ssize_t count = SW_RETRY(read(file, chunk, wanted));
		if (count < 0)
			return sw_fail(error, errno, step, name);
		if (count == 0)
			memset(chunk, 0, (size_t)(count = (ssize_t)wanted));
		result = put(chunk, (size_t)count, error);
		left -= (uint64_t)count;
	}
	memset(chunk, 0, TAR_BLOCK);
	return result < 0 || size % TAR_BLOCK == 0 ? result : put(chunk, TAR_BLOCK - size % TAR_BLOCK, error);
}

static bool is_of_the_kernel(int directory)
{
	struct statfs about;
	if (fstatfs(directory, &about) < 0)
		return true;
	switch ((unsigned long)about.f_type) {
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case DEVPTS_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

static int pack_at(int parent, const char *own, struct tar_entry *entry, int depth, struct sw_error *error);

static int pack_directory(int directory, struct tar_entry *entry, int depth, struct sw_error *error)
{
	size_t length = strlen(entry->name);
	if (depth >= DEPTH_MAX)
		return sw_refuse(error, ELOOP, step, "more than %d directories lie in one another", DEPTH_MAX);
	int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = again < 0 ? NULL : fdopendir(again);
	if (!list) {
		int code = errno;
		sw_close(&again);
		return sw_fail(error, code, step, entry->name);
	}
	int result = 0;
	for (struct dirent *found; result == 0 && (found = readdir(list));) {
		if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
			continue;
		if (length + strlen(found->d_name) + 2 > sizeof entry->name)
			result = sw_fail(error, ENAMETOOLONG, step, found->d_name);
		else {
			sprintf(entry->name + length, "/%s", found->d_name);
			result = pack_at(directory, found->d_name, entry, depth + 1, error);
			/* Gone between listing and looking. */
			result = result == -ENOENT ? 0 : result;
			entry->name[length] = 0;
		}
	}
	closedir(list);
	return result;
}

static int pack_link(int parent, const char *own, struct tar_entry *entry, struct sw_error *error)
{
	ssize_t length = readlinkat(parent, own, entry->target, sizeof entry->target - 1);
	if (length < 0)
		return sw_fail(error, errno, step, entry->name);
	entry->target[length] = 0;
	entry->kind = TAR_LINK;
	return put_header(entry, error);
}

/* Never waits for the other end of a FIFO, and only believes what the descriptor says. */
static int pack_opened(int parent, const char *own, struct tar_entry *entry, int depth, struct sw_error *error)
{
	struct stat about;
	SW_AUTOCLOSE int file = openat(parent, own, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	if (file < 0 || fstat(file, &about) < 0)
		return sw_fail(error, errno, step, entry->name);
	entry->mode = about.st_mode & 07777;
	if (S_ISDIR(about.st_mode)) {
		entry->kind = TAR_DIRECTORY;
		int result = put_header(entry, error);
		return result < 0 || is_of_the_kernel(file) ? result : pack_directory(file, entry, depth, error);
	}
	if (!S_ISREG(about.st_mode))
		return 0;
	entry->kind = TAR_FILE;
	entry->size = (uint64_t)about.st_size;
	int result = put_header(entry, error);
	return result < 0 ? result : put_content(file, entry->size, entry->name, error);
}

static int pack_at(int parent, const char *own, struct tar_entry *entry, int depth, struct sw_error *error)
{
	struct stat about;
	if (fstatat(parent, own, &about, AT_SYMLINK_NOFOLLOW) < 0)
		return sw_fail(error, errno, step, own);
	entry->mode = about.st_mode & 07777;
	entry->size = 0;
	entry->target[0] = 0;
	entry->modified_s = about.st_mtim.tv_sec;
	if (S_ISLNK(about.st_mode))
		return pack_link(parent, own, entry, error);
	if (S_ISREG(about.st_mode) || S_ISDIR(about.st_mode))
		return pack_opened(parent, own, entry, depth, error);
	if (!S_ISFIFO(about.st_mode))
		return 0;
	entry->kind = TAR_FIFO;
	return put_header(entry, error);
}

int pack(const char *path, const char *name, struct sw_error *error)
{
	static struct tar_entry entry;
	static const uint8_t end[2 * TAR_BLOCK];
	/* With a slash at its end the name of a directory follows a link that stands there. */
	bool opened = path[strlen(path) - 1] == '/' || strcmp(path + strlen(path) - (strlen(path) > 1 ? 2 : 1), "/.") == 0;
	SW_AUTOCLOSE int directory = opened ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (opened && directory < 0)
		return sw_fail(error, errno, step, path);
	snprintf(entry.name, sizeof entry.name, "%s", name);
	int result = opened ? pack_at(directory, ".", &entry, 0, error) : pack_at(AT_FDCWD, path, &entry, 0, error);
	return result < 0 ? result : put(end, sizeof end, error);
}
