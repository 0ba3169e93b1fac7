#include "known.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../common/cleanup.h"
#include "../common/file.h"

static uint64_t uses;

static void forget(struct known *known)
{
	if (!known->directory[0])
		return;
	standby_drop(&known->standby);
	known->wants_standby = known->refuses_standby = false;
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

int known_find(struct known table[KNOWN_MAX], const struct exec_options *options, struct known **found,
	       struct sw_error *error)
{
	struct stat launch;
	/* Before it is read: a file that is replaced meanwhile is read again by the next command. */
	int result = examine(options->directory, &launch, error);
	if (result < 0)
		return result;
	struct known *known = place_for(table, options->directory);
	*found = known;
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

void known_arm(const struct known table[KNOWN_MAX], struct pollfd polled[KNOWN_POLLED])
{
	for (int i = 0; i < KNOWN_MAX; i++) {
		const struct standby *standby = &table[i].standby;
		bool is_made = standby->pid != 0 && !standby->is_ready;
		polled[i] = (struct pollfd){ table[i].directory[0] ? table[i].join.pidfd : -1, POLLIN, 0 };
		polled[KNOWN_MAX + i] = (struct pollfd){ is_made ? standby->socket : -1, POLLIN, 0 };
	}
}

int known_wait_ms(const struct known table[KNOWN_MAX])
{
	uint64_t now = sw_monotonic_ms(), first = UINT64_MAX;
	for (int i = 0; i < KNOWN_MAX; i++)
		if (table[i].standby.pid != 0 && table[i].standby.until_ms < first)
			first = table[i].standby.until_ms;
	return first == UINT64_MAX ? -1 : first <= now ? 0 : (int)(first - now);
}

/* One that was never ready never will be: the container's own filter, say, is against it. */
static void refuse_standby(struct known *known)
{
	standby_drop(&known->standby);
	known->refuses_standby = true;
}

void known_handle(struct known table[KNOWN_MAX], const struct pollfd polled[KNOWN_POLLED])
{
	uint64_t now = sw_monotonic_ms();
	for (int i = 0; i < KNOWN_MAX; i++) {
		struct known *known = &table[i];
		if (polled[i].revents)
			forget(known);
		if (known->standby.pid == 0)
			continue;
		if (polled[KNOWN_MAX + i].revents && !standby_hear(&known->standby))
			refuse_standby(known);
		else if (known->standby.until_ms <= now)
			standby_drop(&known->standby);
	}
}

void known_make_standbys(struct known table[KNOWN_MAX], int caller, char *bytes, struct serve_request *request)
{
	struct sw_error error = { 0 };
	for (int i = 0; i < KNOWN_MAX; i++) {
		struct known *known = &table[i];
		if (!known->wants_standby)
			continue;
		known->wants_standby = false;
		if (known->standby.pid != 0 || known->refuses_standby || !standby_may_be(&known->join))
			continue;
		/* Nobody waits for it: what is wrong, the next command tells. */
		if (standby_make(&known->standby, &known->join, caller, bytes, request, &error) < 0)
			known->refuses_standby = true;
	}
}

void known_reaped(struct known table[KNOWN_MAX], pid_t pid)
{
	for (int i = 0; i < KNOWN_MAX; i++)
		if (table[i].standby.pid == pid) {
			/* Reaped: the number is nobody's any more. */
			table[i].standby.pid = 0;
			sw_close(&table[i].standby.socket);
			table[i].refuses_standby |= !table[i].standby.is_ready;
		}
}
