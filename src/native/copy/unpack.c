#include "unpack.h"

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

#define CHUNK (256 * 1024)
/* Free space is looked at again after so many bytes. */
#define FREE_CHECK_BYTES (64ull * 1024 * 1024)

static const char step[] = "write";

struct place {
	int directory;
	char first[NAME_MAX + 1]; /* stands for the first component of every name; empty: they stay */
	uint64_t unchecked;
};

/* 1: all of it; 0: the end came first, at the very start; -errno. */
static int take(void *bytes, size_t size, struct sw_error *error)
{
	size_t taken = 0;
	while (taken < size) {
		ssize_t count = SW_RETRY(read(STDIN_FILENO, (char *)bytes + taken, size - taken));
		if (count < 0)
			return sw_fail(error, errno, "read the archive", NULL);
		if (count == 0)
			return taken == 0 ? 0 : sw_refuse(error, EINVAL, "read the archive", "it ends early");
		taken += (size_t)count;
	}
	return 1;
}

static int take_all(void *bytes, size_t size, struct sw_error *error)
{
	int result = size == 0 ? 1 : take(bytes, size, error);
	return result == 0 ? sw_refuse(error, EINVAL, "read the archive", "it ends early") : result;
}

static uint64_t padding_of(uint64_t size)
{
	return (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
}

static int skip_padding(uint64_t size, struct sw_error *error)
{
	char rest[TAR_BLOCK];
	return take_all(rest, (size_t)padding_of(size), error);
}

static int check_space(struct place *place, uint64_t bytes, struct sw_error *error)
{
	struct statfs about;
	place->unchecked += bytes;
	if (place->unchecked < FREE_CHECK_BYTES)
		return 0;
	place->unchecked = 0;
	/* A tmpfs is the container's own, with a size of its own. */
	if (fstatfs(place->directory, &about) == 0 && about.f_type != TMPFS_MAGIC &&
	    about.f_bavail * (uint64_t)about.f_bsize < UNPACK_BYTES_RESERVE)
		return sw_refuse(error, ENOSPC, step, "the disk is full but for its reserve of %llu MiB",
				 UNPACK_BYTES_RESERVE >> 20);
	return 0;
}

/* The name below the place, without what leads out of it. Empty: the place itself. -EINVAL. */
static int clean_name(const struct place *place, const char *name, char clean[PATH_MAX], struct sw_error *error)
{
	size_t length = 0;
	bool is_first = true;
	clean[0] = 0;
	for (const char *part = name; *part;) {
		size_t size = strcspn(part, "/");
		bool is_none = size == 0 || (size == 1 && *part == '.');
		if (size == 2 && memcmp(part, "..", 2) == 0)
			return sw_refuse(error, EINVAL, "read the archive", "a name leads out of it: %.200s", name);
		if (!is_none) {
			const char *use = is_first && place->first[0] ? place->first : part;
			size_t use_size = use == part ? size : strlen(use);
			if (length + use_size + 2 > PATH_MAX || use_size > NAME_MAX)
				return sw_fail(error, ENAMETOOLONG, step, NULL);
			length += (size_t)sprintf(clean + length, "%s%.*s", length ? "/" : "", (int)use_size, use);
			is_first = false;
		}
		part += size + (part[size] == '/');
	}
	return 0;
}

static int make_parents(const struct place *place, const char *name, struct sw_error *error)
{
	char path[PATH_MAX];
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(path, sizeof path, "%.*s", (int)(slash - name), name);
		if (mkdirat(place->directory, path, 0755) < 0 && errno != EEXIST)
			return sw_fail(error, errno, "make the directory", path);
	}
	return 0;
}

/* What is there and is no directory goes: nothing is ever opened that the container put there. */
static int clear_way(const struct place *place, const char *name, struct sw_error *error)
{
	if (unlinkat(place->directory, name, 0) == 0 || errno == ENOENT)
		return 0;
	return sw_fail(error, errno, "replace", name);
}

static int make_directory(const struct place *place, const char *name, const struct tar_entry *entry, struct sw_error *error)
{
	struct stat about;
	if (*name == 0 || (fstatat(place->directory, name, &about, 0) == 0 && S_ISDIR(about.st_mode)))
		return 0;
	int result = clear_way(place, name, error);
	if (result < 0)
		return result;
	if (mkdirat(place->directory, name, entry->mode) < 0)
		return sw_fail(error, errno, "make the directory", name);
	/* Whatever the umask says. */
	return fchmodat(place->directory, name, entry->mode, 0) < 0 ? sw_fail(error, errno, "set the mode of", name) : 0;
}

static int write_content(struct place *place, int file, const struct tar_entry *entry, struct sw_error *error)
{
	static char chunk[CHUNK];
	for (uint64_t left = entry->size; left > 0;) {
		size_t wanted = left < CHUNK ? (size_t)left : CHUNK;
		int result = check_space(place, wanted, error);
		if (result == 0)
			result = take_all(chunk, wanted, error);
		if (result < 0)
			return result;
		result = sw_write_all(file, chunk, wanted);
		if (result < 0)
			return sw_fail(error, -result, step, entry->name);
		left -= wanted;
	}
	return skip_padding(entry->size, error);
}

static int make_file(struct place *place, const char *name, const struct tar_entry *entry, struct sw_error *error)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = entry->modified_s } };
	int result = clear_way(place, name, error);
	if (result < 0)
		return result;
	SW_AUTOCLOSE int file =
		openat(place->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, entry->mode & 0777);
	if (file < 0)
		return sw_fail(error, errno, "make", name);
	result = write_content(place, file, entry, error);
	if (result < 0)
		return result;
	if (fchmod(file, entry->mode) < 0)
		return sw_fail(error, errno, "set the mode of", name);
	return futimens(file, times) < 0 ? sw_fail(error, errno, "set the time of", name) : 0;
}

static int make_hard_link(const struct place *place, const char *name, const struct tar_entry *entry, struct sw_error *error)
{
	char target[PATH_MAX];
	int result = clean_name(place, entry->target, target, error);
	if (result == 0)
		result = clear_way(place, name, error);
	if (result == 0 && linkat(place->directory, target, place->directory, name, 0) < 0)
		result = sw_fail(error, errno, "link", name);
	return result;
}

static int make_entry(struct place *place, const struct tar_entry *entry, struct sw_error *error)
{
	char name[PATH_MAX];
	int result = clean_name(place, entry->name, name, error);
	if (result == 0)
		result = make_parents(place, name, error);
	if (result < 0 || entry->kind == TAR_DIRECTORY)
		return result < 0 ? result : make_directory(place, name, entry, error);
	if (*name == 0)
		return sw_refuse(error, EINVAL, "read the archive", "an entry without a name is no directory");
	switch (entry->kind) {
	case TAR_FILE:
		return make_file(place, name, entry, error);
	case TAR_HARD_LINK:
		return make_hard_link(place, name, entry, error);
	case TAR_LINK:
		result = clear_way(place, name, error);
		if (result == 0 && symlinkat(entry->target, place->directory, name) < 0)
			result = sw_fail(error, errno, "link", name);
		return result;
	case TAR_FIFO:
		result = clear_way(place, name, error);
		if (result == 0 && mkfifoat(place->directory, name, entry->mode) < 0)
			result = sw_fail(error, errno, "make", name);
		return result;
	default:
		return sw_refuse(error, EPERM, step, "%.200s is a device", entry->name);
	}
}

/* What stands before an entry and describes it. */
struct extension {
	char *records; /* NULL: none */
	size_t size;
	bool has_name, has_target;
	char name[PATH_MAX], target[PATH_MAX];
};

static int take_long(char field[PATH_MAX], const char *bytes, size_t size, struct sw_error *error)
{
	if (strnlen(bytes, size) >= PATH_MAX)
		return sw_fail(error, ENAMETOOLONG, "read the archive", NULL);
	snprintf(field, PATH_MAX, "%.*s", (int)size, bytes);
	return 0;
}

static int take_extension(struct extension *extension, const struct tar_entry *entry, struct sw_error *error)
{
	if (entry->size > TAR_EXTENSION_BYTES_MAX)
		return sw_refuse(error, EFBIG, "read the archive", "a description of %llu bytes",
				 (unsigned long long)entry->size);
	SW_AUTOFREE char *bytes = calloc(1, (size_t)entry->size + 1);
	if (!bytes)
		return sw_fail(error, ENOMEM, "read the archive", NULL);
	int result = take_all(bytes, (size_t)entry->size, error);
	if (result > 0)
		result = skip_padding(entry->size, error);
	if (result < 0 || entry->kind == TAR_GLOBAL)
		return result < 0 ? result : 0;
	if (entry->kind == TAR_PAX) {
		free(extension->records);
		extension->records = bytes;
		extension->size = (size_t)entry->size;
		bytes = NULL;
		return 0;
	}
	bool is_name = entry->kind == TAR_LONG_NAME;
	*(is_name ? &extension->has_name : &extension->has_target) = true;
	return take_long(is_name ? extension->name : extension->target, bytes, (size_t)entry->size, error);
}

static int apply(struct extension *extension, struct tar_entry *entry, struct sw_error *error)
{
	if (extension->has_name)
		strcpy(entry->name, extension->name);
	if (extension->has_target)
		strcpy(entry->target, extension->target);
	int result = extension->records ? tar_entry_extend(entry, extension->records, extension->size, error) : 0;
	free(extension->records);
	extension->records = NULL;
	extension->has_name = extension->has_target = false;
	return result;
}

static int unpack_all(struct place *place, struct extension *extension, struct sw_error *error)
{
	static struct tar_entry entry;
	uint8_t block[TAR_BLOCK];
	for (;;) {
		int result = take(block, sizeof block, error);
		if (result > 0)
			result = tar_entry_read(block, &entry, error);
		if (result <= 0)
			return result;
		switch (entry.kind) {
		case TAR_PAX:
		case TAR_GLOBAL:
		case TAR_LONG_NAME:
		case TAR_LONG_TARGET:
			result = take_extension(extension, &entry, error);
			break;
		default:
			result = apply(extension, &entry, error);
			if (result == 0)
				result = make_entry(place, &entry, error);
		}
		if (result < 0)
			return result;
	}
}

static int open_place(const char *path, bool into, struct place *place, struct sw_error *error)
{
	char parent[PATH_MAX];
	struct stat about;
	place->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->directory >= 0)
		return 0;
	if (into || (errno != ENOENT && errno != ENOTDIR))
		return sw_fail(error, errno, "find the directory", path);
	snprintf(parent, sizeof parent, "%s", path);
	char *slash = strrchr(parent, '/');
	if (!slash || slash[1] == 0 || strcmp(slash, "/.") == 0 || strcmp(slash, "/..") == 0 || strlen(slash + 1) > NAME_MAX)
		return sw_fail(error, ENOTDIR, "find the directory", path);
	strcpy(place->first, slash + 1);
	slash[slash == parent] = 0;
	place->directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place->directory < 0)
		return sw_fail(error, errno, "find the directory", parent);
	/* A link there that leads to no directory is replaced, as any file. */
	if (fstatat(place->directory, place->first, &about, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(about.st_mode))
		return sw_fail(error, EAGAIN, "find the directory", path);
	return 0;
}

int unpack(const char *path, bool into, struct sw_error *error)
{
	static struct extension extension;
	struct place place = { .directory = -1, .unchecked = FREE_CHECK_BYTES };
	int result = open_place(path, into, &place, error);
	if (result == 0)
		result = unpack_all(&place, &extension, error);
	free(extension.records);
	sw_close(&place.directory);
	return result;
}
