#include "copy-up.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

#define DEPTH_MAX 64
#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct place {
	int source, target; /* directories */
	const char *name;
	struct stat status;
	int depth;
};

static int copy_directory(int source, int target, int depth);

static int copy_bytes(int from, int to, off_t size)
{
	while (size > 0) {
		ssize_t count = SW_RETRY(sendfile(to, from, NULL, (size_t)size));
		if (count <= 0)
			return count < 0 ? -errno : 0;
		size -= count;
	}
	return 0;
}

static int copy_file(const struct place *place)
{
	SW_AUTOCLOSE int from = openat(place->source, place->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	SW_AUTOCLOSE int to =
		from < 0 ? -1 : openat(place->target, place->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return to < 0 ? -errno : copy_bytes(from, to, place->status.st_size);
}

static int copy_link(const struct place *place)
{
	char text[PATH_MAX];
	ssize_t size = readlinkat(place->source, place->name, text, sizeof text - 1);
	if (size < 0)
		return -errno;
	text[size] = 0;
	return symlinkat(text, place->target, place->name) < 0 ? -errno : 0;
}

static int copy_below(const struct place *place)
{
	if (place->depth >= DEPTH_MAX)
		return -ELOOP;
	if (mkdirat(place->target, place->name, 0700) < 0)
		return -errno;
	SW_AUTOCLOSE int source = openat(place->source, place->name, DIRECTORY);
	SW_AUTOCLOSE int target = source < 0 ? -1 : openat(place->target, place->name, DIRECTORY);
	return target < 0 ? -errno : copy_directory(source, target, place->depth + 1);
}

static int copy_content(const struct place *place)
{
	switch (place->status.st_mode & S_IFMT) {
	case S_IFDIR:
		return copy_below(place);
	case S_IFREG:
		return copy_file(place);
	case S_IFLNK:
		return copy_link(place);
	default:
		return mknodat(place->target, place->name, place->status.st_mode, place->status.st_rdev) < 0 ? -errno : 0;
	}
}

/* The owner first: changing it takes set-user-id bits. */
static int copy_entry(struct place *place)
{
	if (fstatat(place->source, place->name, &place->status, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	int result = copy_content(place);
	if (result < 0)
		return result;
	const struct stat *status = &place->status;
	const struct timespec times[2] = { status->st_atim, status->st_mtim };
	if (fchownat(place->target, place->name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISLNK(status->st_mode) && fchmodat(place->target, place->name, status->st_mode & 07777, 0) < 0)
		return -errno;
	return utimensat(place->target, place->name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_directory(int source, int target, int depth)
{
	struct place place = { .source = source, .target = target, .depth = depth };
	int result = 0;
	DIR *entries = fdopendir(fcntl(source, F_DUPFD_CLOEXEC, 3));
	if (!entries)
		return -errno;
	for (struct dirent *entry = readdir(entries); entry && result == 0; entry = readdir(entries)) {
		place.name = entry->d_name;
		if (strcmp(place.name, ".") != 0 && strcmp(place.name, "..") != 0)
			result = copy_entry(&place);
	}
	closedir(entries);
	return result;
}

int copy_up(int source, int target, struct sw_error *error)
{
	struct stat status;
	int result = copy_directory(source, target, 0);
	/* The new one itself is what the directory was. */
	if (result == 0 && (fstat(source, &status) < 0 || fchownat(target, "", status.st_uid, status.st_gid, AT_EMPTY_PATH) < 0))
		result = -errno;
	return result < 0 ? sw_fail(error, -result, "copy what the image has", NULL) : 0;
}
