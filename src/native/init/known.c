#include "known.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../common/cleanup.h"

static uint64_t uses;

static void forget(struct known *known)
{
	if (!known->directory[0])
		return;
	join_close(&known->join);
	known->directory[0] = 0;
	known->used = 0;
}

static bool has_ended(const struct known *known)
{
	struct pollfd polled = { known->join.pidfd, POLLIN, 0 };
	return poll(&polled, 1, 0) > 0;
}

static bool is_same_file(const struct stat *one, const struct stat *other)
{
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino && one->st_size == other->st_size &&
	       one->st_mtim.tv_sec == other->st_mtim.tv_sec && one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

static int examine(const char *directory, struct stat *launch, struct sw_error *error)
{
	char path[PATH_MAX];
	if ((size_t)snprintf(path, sizeof path, "%s/launch", directory) >= sizeof path)
		return sw_fail(error, ENAMETOOLONG, "find", directory);
	return stat(path, launch) < 0 ? sw_fail(error, errno, "open", path) : 0;
}

static struct known *place_for(struct known table[KNOWN_MAX], const char *directory)
{
	struct known *oldest = &table[0];
	for (int i = 0; i < KNOWN_MAX; i++) {
		if (strcmp(table[i].directory, directory) == 0)
			return &table[i];
		if (table[i].used < oldest->used)
			oldest = &table[i];
	}
	return oldest;
}

int known_find(struct known table[KNOWN_MAX], const struct exec_options *options, struct join **join,
	       struct sw_error *error)
{
	struct stat launch;
	/* Before it is read: a file that is replaced meanwhile is read again by the next command. */
	int result = examine(options->directory, &launch, error);
	if (result < 0)
		return result;
	struct known *known = place_for(table, options->directory);
	*join = &known->join;
	known->used = ++uses;
	if (strcmp(known->directory, options->directory) == 0 && known->pid == options->pid &&
	    is_same_file(&known->launch, &launch) && !has_ended(known))
		return 0;
	forget(known);
	result = join_open(options, &known->join, error);
	if (result < 0) {
		join_close(&known->join);
		return result;
	}
	strcpy(known->directory, options->directory);
	known->pid = options->pid;
	known->launch = launch;
	known->used = uses;
	return 0;
}

void known_arm(const struct known table[KNOWN_MAX], struct pollfd polled[KNOWN_MAX])
{
	for (int i = 0; i < KNOWN_MAX; i++)
		polled[i] = (struct pollfd){ table[i].directory[0] ? table[i].join.pidfd : -1, POLLIN, 0 };
}

void known_handle(struct known table[KNOWN_MAX], const struct pollfd polled[KNOWN_MAX])
{
	for (int i = 0; i < KNOWN_MAX; i++)
		if (polled[i].revents)
			forget(&table[i]);
}
