/* Tar headers: what is written is read back, what GNU tar writes is read, what is damaged is refused, and random bytes do no harm. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "copy/tar-entry.h"
#include "harness.h"

static struct tar_entry entry, again;
static struct sw_error error;
static uint8_t block[TAR_BLOCK], pax[TAR_PAX_BYTES];

static void make(enum tar_kind kind, const char *name, const char *target, uint64_t size)
{
	entry = (struct tar_entry){ .kind = kind, .mode = 0751, .size = size, .modified_s = 1700000000 };
	strcpy(entry.name, name);
	strcpy(entry.target, target);
}

static void reads_what_it_writes(void)
{
	make(TAR_FILE, "etc/hosts", "", 12345);
	CHECK(tar_entry_write(&entry, block));
	CHECK(tar_entry_read(block, &again, &error) == 1);
	CHECK(again.kind == TAR_FILE && again.mode == 0751 && again.size == 12345 && again.modified_s == 1700000000);
	CHECK(strcmp(again.name, "etc/hosts") == 0 && again.target[0] == 0);
	make(TAR_LINK, "a", "../b", 0);
	CHECK(tar_entry_write(&entry, block) && tar_entry_read(block, &again, &error) == 1);
	CHECK(again.kind == TAR_LINK && strcmp(again.target, "../b") == 0 && again.size == 0);
	make(TAR_DIRECTORY, "d", "", 0);
	CHECK(tar_entry_write(&entry, block) && tar_entry_read(block, &again, &error) == 1 && again.kind == TAR_DIRECTORY);
	memset(block, 0, sizeof block);
	CHECK(tar_entry_read(block, &again, &error) == 0);
}

static void describes_what_does_not_fit(void)
{
	char name[3001], target[101 + 1];
	memset(name, 'n', 3000);
	name[3000] = 0;
	memset(target, 't', 101);
	target[101] = 0;
	make(TAR_LINK, name, target, 0);
	CHECK(!tar_entry_write(&entry, block));
	size_t size = tar_pax_write(&entry, pax);
	CHECK(size % TAR_BLOCK == 0 && tar_entry_read(pax, &again, &error) == 1 && again.kind == TAR_PAX);
	uint64_t records = again.size;
	CHECK(tar_entry_read(block, &again, &error) == 1);
	CHECK(tar_entry_extend(&again, (char *)pax + TAR_BLOCK, (size_t)records, &error) == 0);
	CHECK(strcmp(again.name, name) == 0 && strcmp(again.target, target) == 0);
	make(TAR_FILE, "large", "", 1ull << 40);
	CHECK(!tar_entry_write(&entry, block));
	tar_pax_write(&entry, pax);
	CHECK(tar_entry_read(pax, &again, &error) == 1);
	records = again.size;
	CHECK(tar_entry_read(block, &again, &error) == 1 && again.size == 0);
	CHECK(tar_entry_extend(&again, (char *)pax + TAR_BLOCK, (size_t)records, &error) == 0 && again.size == 1ull << 40);
}

static void refuses_what_is_damaged(void)
{
	make(TAR_FILE, "x", "", 1);
	tar_entry_write(&entry, block);
	for (size_t at = 0; at < TAR_BLOCK; at++) {
		/* The end of the checksum's own field says nothing. */
		if (at == 155)
			continue;
		block[at] ^= 0x15;
		CHECK(tar_entry_read(block, &again, &error) == -EINVAL);
		block[at] ^= 0x15;
	}
	static const char *const wrong[] = { "5 a=b", "6 a=b\n6 a", "99 path=x\n", "x path=x\n", "9 pathxy\n", " \n", "0 \n",
					     "11 size=-1\n", "18446744073709551616 a=b\n", "3 \n" };
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		CHECK(tar_entry_extend(&again, wrong[i], strlen(wrong[i]), &error) == -EINVAL);
	CHECK(tar_entry_extend(&again, "13 comment=a\n22 mtime=1600000000.5\n", 35, &error) == 0);
	CHECK(again.modified_s == 1600000000);
}

/* The checksum is mended, so that what lies behind it is met. */
static void mended(void)
{
	uint32_t sum = 0;
	memset(block + 148, ' ', 8);
	for (size_t at = 0; at < TAR_BLOCK; at++)
		sum += block[at];
	sprintf((char *)block + 148, "%06o", sum);
	block[155] = ' ';
}

static void survives_random_bytes(void)
{
	char records[256];
	unsigned int seed = 7;
	int taken = 0;
	for (int round = 0; round < 100000; round++) {
		make(TAR_FILE, "some/name", "target", 4096);
		tar_entry_write(&entry, block);
		for (int change = 0; change < 1 + round % 8; change++)
			block[rand_r(&seed) % TAR_BLOCK] = (uint8_t)rand_r(&seed);
		if (round % 4)
			mended();
		taken += tar_entry_read(block, &again, &error) == 1;
		size_t size = (size_t)(rand_r(&seed) % (int)sizeof records);
		for (size_t at = 0; at < size; at++)
			records[at] = "0123456789 =\npathsize"[rand_r(&seed) % 21];
		tar_entry_extend(&again, records, size, &error);
	}
	CHECK(taken > 10000);
}

void run_tar_entry(void)
{
	reads_what_it_writes();
	describes_what_does_not_fit();
	refuses_what_is_damaged();
	survives_random_bytes();
}
