/* fuzz <target> <seconds> <corpus directory>: gives a target what is in its corpus, and for the rest of the time damaged copies of that:
 * bits turned, pieces cut, doubled, moved or joined, words of its language put in. What was given last is kept in a file of
 * memory mapped shared, and written to <target>.crash when the process is ended by a sanitizer. Chance is a seed that is printed. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "targets.h"

#define CORPUS_MAX 64
#define CHANGES_MAX 8
#define SIZE_MAX_ALL 8192
#define CLOCK_EVERY 256

struct entry {
	uint8_t bytes[SIZE_MAX_ALL];
	size_t size;
};

static struct entry corpus[CORPUS_MAX];
static size_t corpus_count;
static uint64_t state;

/* xorshift64* */
static uint64_t chance(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

static size_t below(size_t limit)
{
	return limit == 0 ? 0 : (size_t)(chance() % limit);
}

static void insert(struct entry *entry, size_t at, const void *bytes, size_t size, size_t most)
{
	if (entry->size + size > most)
		return;
	memmove(entry->bytes + at + size, entry->bytes + at, entry->size - at);
	memcpy(entry->bytes + at, bytes, size);
	entry->size += size;
}

static void cut(struct entry *entry)
{
	size_t at = below(entry->size), size = below(entry->size - at) + 1;
	if (entry->size == 0)
		return;
	memmove(entry->bytes + at, entry->bytes + at + size, entry->size - at - size);
	entry->size -= size;
}

static void put_word(struct entry *entry, const struct fuzz_target *target)
{
	size_t count = 0;
	while (target->words[count])
		count++;
	const char *word = target->words[below(count)];
	/* Half of them with the NUL that ends a string. */
	insert(entry, below(entry->size + 1), word, strlen(word) + (chance() & 1), target->size_max);
}

static void put_piece(struct entry *entry, size_t most)
{
	uint8_t piece[SIZE_MAX_ALL];
	const struct entry *other = &corpus[below(corpus_count)];
	size_t at = below(other->size), size = below(other->size - at) + 1;
	if (other->size == 0)
		return;
	memcpy(piece, other->bytes + at, size);
	insert(entry, below(entry->size + 1), piece, size, most);
}

static void damage(struct entry *entry, const struct fuzz_target *target)
{
	static const uint8_t edges[] = { 0, 1, '\n', ' ', '=', '/', ':', 0x7f, 0x80, 0xff };
	for (size_t changes = below(CHANGES_MAX) + 1; changes > 0; changes--) {
		switch (below(6)) {
		case 0:
			if (entry->size > 0)
				entry->bytes[below(entry->size)] ^= (uint8_t)(1u << below(8));
			break;
		case 1:
			if (entry->size > 0)
				entry->bytes[below(entry->size)] = edges[below(sizeof edges)];
			break;
		case 2:
			cut(entry);
			break;
		case 3:
			put_word(entry, target);
			break;
		case 4:
			put_piece(entry, target->size_max);
			break;
		default:
			insert(entry, below(entry->size + 1), &edges[below(sizeof edges)], 1, target->size_max);
		}
	}
}

static void load(const char *directory)
{
	DIR *list = opendir(directory);
	if (!list) {
		fprintf(stderr, "fuzz: there is no corpus %s\n", directory);
		exit(2);
	}
	for (struct dirent *found; corpus_count < CORPUS_MAX && (found = readdir(list));) {
		char path[PATH_MAX];
		snprintf(path, sizeof path, "%s/%s", directory, found->d_name);
		int file = found->d_name[0] == '.' ? -1 : open(path, O_RDONLY);
		ssize_t size = file < 0 ? -1 : read(file, corpus[corpus_count].bytes, SIZE_MAX_ALL);
		if (size >= 0)
			corpus[corpus_count++].size = (size_t)size;
		if (file >= 0)
			close(file);
	}
	closedir(list);
}

static void run(const struct fuzz_target *target, time_t seconds, struct entry *last, uint64_t *rounds)
{
	struct timespec now, end;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += seconds;
	for (size_t i = 0; i < corpus_count; i++, ++*rounds) {
		*last = corpus[i];
		target->take(last->bytes, last->size);
	}
	do {
		for (int i = 0; i < CLOCK_EVERY; i++, ++*rounds) {
			if (corpus_count > 0)
				*last = corpus[below(corpus_count)];
			else
				last->size = 0;
			damage(last, target);
			target->take(last->bytes, last->size);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec || (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

static int keep_crash(const struct fuzz_target *target, const struct entry *last)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s.crash", target->name);
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (file >= 0 && write(file, last->bytes, last->size) >= 0)
		printf("fuzz %s: what it was given is in %s\n", target->name, path);
	return 1;
}

struct shared {
	struct entry last;
	uint64_t rounds;
};

int main(int count, char **arguments)
{
	const struct fuzz_target *target = NULL;
	for (size_t i = 0; count == 4 && i < fuzz_target_count; i++)
		if (strcmp(fuzz_targets[i].name, arguments[1]) == 0)
			target = &fuzz_targets[i];
	if (!target) {
		fprintf(stderr, "usage: fuzz <target> <seconds> <corpus directory>\n");
		return 2;
	}
	const char *seed = getenv("FUZZ_SEED");
	state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) * 2654435761u + (uint64_t)getpid();
	uint64_t first = state |= 1;
	load(arguments[3]);
	struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		run(target, atol(arguments[2]), &shared->last, &shared->rounds);
		_exit(0);
	}
	int status = 0;
	waitpid(child, &status, 0);
	bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	printf("fuzz %s: %llu inputs, seed %llu: %s\n", target->name, (unsigned long long)shared->rounds,
	       (unsigned long long)first, well ? "no fault" : "A FAULT");
	return well ? 0 : keep_crash(target, &shared->last);
}
