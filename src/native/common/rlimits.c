#include "rlimits.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "number.h"

static const struct {
	const char *name;
	int resource;
} names[] = {
	{ "as", RLIMIT_AS },	       { "core", RLIMIT_CORE },	      { "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA },       { "fsize", RLIMIT_FSIZE },     { "locks", RLIMIT_LOCKS },
	{ "memlock", RLIMIT_MEMLOCK }, { "msgqueue", RLIMIT_MSGQUEUE }, { "nice", RLIMIT_NICE },
	{ "nofile", RLIMIT_NOFILE },   { "nproc", RLIMIT_NPROC },     { "rss", RLIMIT_RSS },
	{ "rtprio", RLIMIT_RTPRIO },   { "rttime", RLIMIT_RTTIME },   { "sigpending", RLIMIT_SIGPENDING },
	{ "stack", RLIMIT_STACK },
};

static int parse_value(const char *text, uint64_t *value)
{
	if (strcmp(text, "unlimited") != 0)
		return sw_parse_number(text, value);
	*value = UINT64_MAX;
	return 0;
}

int sw_rlimit_parse(char *text, struct sw_rlimit *limit)
{
	char *soft = strchr(text, ' ');
	char *hard = soft ? strchr(soft + 1, ' ') : NULL;
	if (!hard)
		return -EINVAL;
	*soft++ = 0;
	*hard++ = 0;
	if (parse_value(soft, &limit->soft) < 0 || parse_value(hard, &limit->hard) < 0 || limit->soft > limit->hard)
		return -EINVAL;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i].name, text) == 0) {
			limit->resource = names[i].resource;
			return 0;
		}
	return -EINVAL;
}

static rlim_t from_launch(uint64_t value)
{
	return value == UINT64_MAX ? RLIM_INFINITY : (rlim_t)value;
}

int sw_rlimit_set(const struct sw_rlimit *limit, struct sw_error *error)
{
	struct rlimit wanted = { from_launch(limit->soft), from_launch(limit->hard) }, present;
	if (setrlimit(limit->resource, &wanted) == 0)
		return 0;
	if (errno != EPERM || getrlimit(limit->resource, &present) < 0)
		return sw_fail(error, errno, "set rlimit", sw_rlimit_name(limit->resource));
	if (wanted.rlim_max > present.rlim_max)
		wanted.rlim_max = present.rlim_max;
	if (wanted.rlim_cur > wanted.rlim_max)
		wanted.rlim_cur = wanted.rlim_max;
	if (setrlimit(limit->resource, &wanted) < 0)
		return sw_fail(error, errno, "set rlimit", sw_rlimit_name(limit->resource));
	return 1;
}

void sw_rlimit_raise(const struct sw_rlimit *limit)
{
	struct rlimit present;
	rlim_t wanted = from_launch(limit->hard);
	if (getrlimit(limit->resource, &present) < 0 || wanted <= present.rlim_max)
		return;
	present.rlim_max = wanted;
	setrlimit(limit->resource, &present);
}

const char *sw_rlimit_name(int resource)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].resource == resource)
			return names[i].name;
	return "unknown";
}
