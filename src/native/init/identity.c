#include "identity.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/cleanup.h"
#include "../common/file.h"
#include "../common/number.h"

#define FIELDS_MAX 7
#define FILE_BYTES_MAX (4 * 1024 * 1024)
#define ID_MAX 4294967294ull

struct field {
	const char *text;
	size_t size;
};

/* Splits one line of a colon-separated file; gives the start of the next line, NULL at the end of the text. */
static const char *next_line(const char *text, struct field fields[FIELDS_MAX], size_t *count)
{
	if (*text == 0)
		return NULL;
	*count = 0;
	for (;;) {
		size_t size = strcspn(text, ":\n");
		if (*count < FIELDS_MAX)
			fields[(*count)++] = (struct field){ text, size };
		text += size;
		if (*text == 0)
			return text;
		if (*text++ == '\n')
			return text;
	}
}

static bool is_text(struct field field, const char *text)
{
	return field.size == strlen(text) && memcmp(field.text, text, field.size) == 0;
}

static bool copy(struct field field, char *text, size_t size)
{
	if (field.size >= size)
		return false;
	memcpy(text, field.text, field.size);
	text[field.size] = 0;
	return true;
}

static bool read_id(struct field field, uint32_t *id)
{
	char text[16];
	uint64_t number;
	if (!copy(field, text, sizeof text) || sw_parse_number(text, &number) < 0 || number > ID_MAX)
		return false;
	*id = (uint32_t)number;
	return true;
}

/* By name, or by number when name is NULL. Fills name_out, gid and home. */
static bool find_user(const char *passwd, const char *name, uint32_t uid, struct identity *identity,
		      char name_out[NAME_MAX_SIZE])
{
	struct field fields[FIELDS_MAX];
	size_t count;
	uint32_t found_uid, found_gid;
	while ((passwd = next_line(passwd, fields, &count))) {
		if (count < 6 || !read_id(fields[2], &found_uid) || !read_id(fields[3], &found_gid))
			continue;
		if (name ? !is_text(fields[0], name) : found_uid != uid)
			continue;
		if (!copy(fields[0], name_out, NAME_MAX_SIZE))
			continue;
		identity->uid = found_uid;
		identity->gid = found_gid;
		if (fields[5].size == 0 || !copy(fields[5], identity->home, sizeof identity->home))
			strcpy(identity->home, "/");
		return true;
	}
	return false;
}

static bool find_group(const char *group, const char *name, gid_t *gid)
{
	struct field fields[FIELDS_MAX];
	size_t count;
	uint32_t found;
	while ((group = next_line(group, fields, &count)))
		if (count >= 3 && is_text(fields[0], name) && read_id(fields[2], &found)) {
			*gid = found;
			return true;
		}
	return false;
}

static bool is_member(struct field members, const char *name)
{
	const char *at = members.text, *end = members.text + members.size;
	size_t size = strlen(name);
	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		size_t length = (size_t)((comma ? comma : end) - at);
		if (length == size && memcmp(at, name, size) == 0)
			return true;
		at += length + 1;
	}
	return false;
}

static void add_memberships(const char *group, const char *name, struct identity *identity)
{
	struct field fields[FIELDS_MAX];
	size_t count;
	uint32_t gid;
	while ((group = next_line(group, fields, &count)))
		if (count >= 4 && read_id(fields[2], &gid) && is_member(fields[3], name) &&
		    identity->group_count < GROUPS_MAX)
			identity->groups[identity->group_count++] = gid;
}

static int resolve_user(const char *user, const char *passwd, struct identity *identity, char name[NAME_MAX_SIZE])
{
	uint32_t uid = 0;
	bool numeric = *user == 0 || read_id((struct field){ user, strlen(user) }, &uid);
	if (find_user(passwd, numeric ? NULL : user, uid, identity, name))
		return 0;
	identity->uid = uid;
	name[0] = 0;
	return numeric ? 0 : -ENOENT;
}

int identity_resolve(const char *user, const char *passwd, const char *group, struct identity *identity,
		     struct sw_error *error)
{
	char given[2 * NAME_MAX_SIZE], name[NAME_MAX_SIZE];
	uint32_t gid;
	*identity = (struct identity){ .home = "/" };
	if (strlen(user) >= sizeof given)
		return sw_fail(error, EINVAL, "find user", user);
	strcpy(given, user);
	char *given_group = strchr(given, ':');
	if (given_group)
		*given_group++ = 0;
	if (resolve_user(given, passwd, identity, name) < 0)
		return sw_refuse(error, ENOENT, "find user", "no user %s in the image's /etc/passwd", given);
	if (!given_group || *given_group == 0) {
		if (name[0])
			add_memberships(group, name, identity);
		return 0;
	}
	if (read_id((struct field){ given_group, strlen(given_group) }, &gid))
		identity->gid = gid;
	else if (!find_group(group, given_group, &identity->gid))
		return sw_refuse(error, ENOENT, "find group", "no group %s in the image's /etc/group", given_group);
	return 0;
}

/* Absent, or anything that is not a plain file: an empty text. */
static int read_text(const char *path, char **text, struct sw_error *error)
{
	struct stat status;
	size_t size;
	SW_AUTOCLOSE int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (file < 0 || fstat(file, &status) < 0 || !S_ISREG(status.st_mode)) {
		*text = calloc(1, 1);
		return *text ? 0 : sw_fail(error, ENOMEM, "read", path);
	}
	int result = sw_read_all(file, FILE_BYTES_MAX, text, &size);
	return result < 0 ? sw_fail(error, -result, "read", path) : 0;
}

int identity_find(const char *user, struct identity *identity, struct sw_error *error)
{
	SW_AUTOFREE char *passwd = NULL;
	SW_AUTOFREE char *group = NULL;
	int result = read_text("/etc/passwd", &passwd, error);
	if (result == 0)
		result = read_text("/etc/group", &group, error);
	return result == 0 ? identity_resolve(user, passwd, group, identity, error) : result;
}
