#include "tar-entry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Places of the fields (tar(5)). */
enum { NAME = 0, MODE = 100, UID = 108, GID = 116, SIZE = 124, MTIME = 136, CHECKSUM = 148, TYPE = 156, LINK = 157, MAGIC = 257, PREFIX = 345 };
#define NAME_LENGTH 100
#define PREFIX_LENGTH 155
#define OCTAL_SIZE_MAX 077777777777ull
#define OCTAL_TIME_MAX 077777777777ll

static int wrong(struct sw_error *error, const char *what)
{
	return sw_refuse(error, EINVAL, "read the archive", "%s", what);
}

/* Octal text, or GNU's binary numbers with the highest bit set. 0 or -EINVAL. */
static int number_in(const uint8_t *field, size_t length, int64_t *value)
{
	uint64_t sum = 0;
	size_t at = 0;
	if (field[0] & 0x80) {
		bool negative = field[0] == 0xff;
		if (field[0] != 0x80 && !negative)
			return -EINVAL;
		for (at = 1; at + 8 < length; at++)
			if (field[at] != (negative ? 0xff : 0))
				return -EINVAL;
		for (; at < length; at++)
			sum = sum << 8 | field[at];
		*value = (int64_t)sum;
		return (*value < 0) == negative ? 0 : -EINVAL;
	}
	while (at < length && field[at] == ' ')
		at++;
	for (; at < length && field[at] >= '0' && field[at] <= '7'; at++)
		sum = sum << 3 | (uint64_t)(field[at] - '0');
	*value = (int64_t)sum;
	return at == length || field[at] == 0 || field[at] == ' ' ? 0 : -EINVAL;
}

static uint32_t checksum_of(const uint8_t block[TAR_BLOCK])
{
	uint32_t sum = 8 * ' ';
	for (size_t at = 0; at < TAR_BLOCK; at++)
		if (at < CHECKSUM || at >= CHECKSUM + 8)
			sum += block[at];
	return sum;
}

static int kind_in(char type, enum tar_kind *kind)
{
	static const struct {
		char type;
		enum tar_kind kind;
	} kinds[] = {
		{ '0', TAR_FILE },   { 0, TAR_FILE },	    { '7', TAR_FILE },	  { '1', TAR_HARD_LINK }, { '2', TAR_LINK },
		{ '3', TAR_DEVICE }, { '4', TAR_DEVICE },   { '5', TAR_DIRECTORY }, { '6', TAR_FIFO },	  { 'x', TAR_PAX },
		{ 'g', TAR_GLOBAL }, { 'L', TAR_LONG_NAME }, { 'K', TAR_LONG_TARGET },
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].type == type) {
			*kind = kinds[i].kind;
			return 0;
		}
	return -EINVAL;
}

static bool has_bytes(enum tar_kind kind)
{
	return kind == TAR_FILE || kind == TAR_PAX || kind == TAR_GLOBAL || kind == TAR_LONG_NAME || kind == TAR_LONG_TARGET;
}

static void take_name(const uint8_t *block, struct tar_entry *entry)
{
	char name[NAME_LENGTH + 1] = { 0 }, prefix[PREFIX_LENGTH + 1] = { 0 };
	memcpy(name, block + NAME, NAME_LENGTH);
	memcpy(entry->target, block + LINK, NAME_LENGTH);
	entry->target[NAME_LENGTH] = 0;
	/* "ustar\0" is POSIX's; GNU's own format ("ustar  ") has other things where the prefix would be. */
	if (memcmp(block + MAGIC, "ustar", 6) == 0)
		memcpy(prefix, block + PREFIX, PREFIX_LENGTH);
	snprintf(entry->name, sizeof entry->name, "%s%s%s", prefix, *prefix ? "/" : "", name);
}

int tar_entry_read(const uint8_t block[TAR_BLOCK], struct tar_entry *entry, struct sw_error *error)
{
	static const uint8_t zeros[TAR_BLOCK];
	int64_t checksum, mode, size;
	if (memcmp(block, zeros, TAR_BLOCK) == 0)
		return 0;
	if (number_in(block + CHECKSUM, 8, &checksum) < 0 || checksum != checksum_of(block))
		return wrong(error, "it is no tar archive, or damaged");
	if (kind_in((char)block[TYPE], &entry->kind) < 0)
		return wrong(error, "it has an entry of a kind that is not known");
	if (number_in(block + MODE, 8, &mode) < 0 || number_in(block + SIZE, 12, &size) < 0 || size < 0 ||
	    number_in(block + MTIME, 12, &entry->modified_s) < 0)
		return wrong(error, "it has a number that cannot be read");
	entry->mode = (mode_t)mode & 07777;
	entry->size = has_bytes(entry->kind) ? (uint64_t)size : 0;
	take_name(block, entry);
	return 1;
}

static bool decimal(const char *text, const char *end, uint64_t *value)
{
	*value = 0;
	if (text == end || end - text > 18)
		return false;
	for (; text < end && *text >= '0' && *text <= '9'; text++)
		*value = *value * 10 + (uint64_t)(*text - '0');
	return text == end;
}

static int take_text(char field[PATH_MAX], const char *value, const char *end)
{
	size_t length = (size_t)(end - value);
	if (length >= PATH_MAX || memchr(value, 0, length))
		return -EINVAL;
	memcpy(field, value, length);
	field[length] = 0;
	return 0;
}

/* `key` and the value up to `end`. */
static int take_record(struct tar_entry *entry, const char *key, size_t key_length, const char *value, const char *end)
{
	uint64_t number;
	if (key_length == 4 && memcmp(key, "path", 4) == 0)
		return take_text(entry->name, value, end);
	if (key_length == 8 && memcmp(key, "linkpath", 8) == 0)
		return take_text(entry->target, value, end);
	if (key_length == 4 && memcmp(key, "size", 4) == 0) {
		if (!decimal(value, end, &number))
			return -EINVAL;
		entry->size = has_bytes(entry->kind) ? number : 0;
	} else if (key_length == 5 && memcmp(key, "mtime", 5) == 0) {
		const char *point = memchr(value, '.', (size_t)(end - value));
		/* Before 1970: the header's own will do. */
		if (decimal(value, point ? point : end, &number))
			entry->modified_s = (int64_t)number;
	}
	return 0;
}

int tar_entry_extend(struct tar_entry *entry, const char *records, size_t size, struct sw_error *error)
{
	/* "<length> <key>=<value>\n", the length of all of it. */
	for (const char *at = records, *last = records + size; at < last;) {
		uint64_t length;
		const char *blank = memchr(at, ' ', (size_t)(last - at));
		if (!blank || !decimal(at, blank, &length) || length <= (uint64_t)(blank - at) + 1 ||
		    length > (uint64_t)(last - at) || at[length - 1] != '\n')
			return wrong(error, "it has a pax record that cannot be read");
		const char *key = blank + 1, *end = at + length - 1;
		const char *equals = key < end ? memchr(key, '=', (size_t)(end - key)) : NULL;
		if (!equals || take_record(entry, key, (size_t)(equals - key), equals + 1, end) < 0)
			return wrong(error, "it has a pax record that cannot be read");
		at += length;
	}
	return 0;
}

static void put_octal(uint8_t *field, size_t length, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%0*llo", (int)length - 1, (unsigned long long)value);
	memcpy(field, text, length);
}

static char type_of(enum tar_kind kind)
{
	switch (kind) {
	case TAR_LINK:
		return '2';
	case TAR_DIRECTORY:
		return '5';
	case TAR_FIFO:
		return '6';
	case TAR_PAX:
		return 'x';
	default:
		return '0';
	}
}

bool tar_entry_write(const struct tar_entry *entry, uint8_t block[TAR_BLOCK])
{
	size_t name = strlen(entry->name), target = strlen(entry->target);
	bool fits = name <= NAME_LENGTH && target <= NAME_LENGTH && entry->size <= OCTAL_SIZE_MAX;
	bool datable = entry->modified_s >= 0 && entry->modified_s <= OCTAL_TIME_MAX;
	memset(block, 0, TAR_BLOCK);
	memcpy(block + NAME, entry->name, name < NAME_LENGTH ? name : NAME_LENGTH);
	memcpy(block + LINK, entry->target, target < NAME_LENGTH ? target : NAME_LENGTH);
	put_octal(block + MODE, 8, entry->mode);
	put_octal(block + UID, 8, 0);
	put_octal(block + GID, 8, 0);
	put_octal(block + SIZE, 12, entry->size <= OCTAL_SIZE_MAX ? entry->size : 0);
	put_octal(block + MTIME, 12, datable ? (uint64_t)entry->modified_s : 0);
	block[TYPE] = (uint8_t)type_of(entry->kind);
	memcpy(block + MAGIC, "ustar\0" "00", 8);
	put_octal(block + CHECKSUM, 7, checksum_of(block));
	block[CHECKSUM + 7] = ' ';
	return fits;
}

/* One record with its own length in front. */
static size_t put_record(char *to, const char *key, const char *value)
{
	size_t bare = strlen(key) + strlen(value) + 3, length = bare + 1;
	char text[24];
	while (length != bare + (size_t)snprintf(text, sizeof text, "%zu", length))
		length = bare + strlen(text);
	return (size_t)sprintf(to, "%zu %s=%s\n", length, key, value);
}

size_t tar_pax_write(const struct tar_entry *entry, uint8_t bytes[TAR_PAX_BYTES])
{
	static const struct tar_entry nothing;
	char size[24], *at = (char *)bytes + TAR_BLOCK;
	struct tar_entry header = nothing;
	memset(bytes, 0, TAR_PAX_BYTES);
	snprintf(size, sizeof size, "%llu", (unsigned long long)entry->size);
	if (strlen(entry->name) > NAME_LENGTH)
		at += put_record(at, "path", entry->name);
	if (strlen(entry->target) > NAME_LENGTH)
		at += put_record(at, "linkpath", entry->target);
	if (entry->size > OCTAL_SIZE_MAX)
		at += put_record(at, "size", size);
	header.kind = TAR_PAX;
	header.mode = 0644;
	header.size = (uint64_t)(at - (char *)bytes - TAR_BLOCK);
	strcpy(header.name, "pax");
	tar_entry_write(&header, bytes);
	return TAR_BLOCK + (header.size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}
