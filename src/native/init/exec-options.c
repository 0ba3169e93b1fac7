#include "exec-options.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "../common/number.h"

static int wrong(struct sw_error *error, const char *option, const char *wanted)
{
	return sw_refuse(error, EINVAL, "read the arguments", "%.40s: wanted %s", option, wanted);
}

static int take_option(const char *name, const char *value, struct exec_options *options, struct sw_error *error)
{
	uint64_t number;
	if (strcmp(name, "--pid") == 0) {
		if (sw_parse_number(value, &number) < 0 || number < 1 || number > INT_MAX)
			return wrong(error, name, "a process id");
		options->pid = (pid_t)number;
	} else if (strcmp(name, "--user") == 0) {
		options->user = value;
	} else if (strcmp(name, "--workdir") == 0) {
		if (*value != '/')
			return wrong(error, name, "an absolute path");
		options->workdir = value;
	} else if (strcmp(name, "--env") == 0) {
		if (!strchr(value, '=') || *value == '=')
			return wrong(error, name, "NAME=VALUE");
		options->env.items[options->env.count++] = value;
	} else if (strcmp(name, "--terminal") == 0) {
		if (terminal_size_parse(value, &options->size) < 0)
			return wrong(error, name, "ROWSxCOLUMNS");
	} else if (strcmp(name, "--next") == 0) {
		if (strcmp(value, "yes") != 0)
			return wrong(error, name, "yes");
		options->next = true;
	} else {
		return wrong(error, name, "--pid, --user, --workdir, --env, --terminal, --next or --");
	}
	return 0;
}

int exec_options_parse(int count, char **arguments, const char **env_items, struct exec_options *options,
		       struct sw_error *error)
{
	int at = 1;
	*options = (struct exec_options){ .env = { env_items, 0 } };
	if (count < 1 || arguments[0][0] != '/')
		return wrong(error, "directory", "an absolute path");
	options->directory = arguments[0];
	for (; at < count && strcmp(arguments[at], "--") != 0; at += 2) {
		if (at + 1 >= count)
			return wrong(error, arguments[at], "a value");
		int result = take_option(arguments[at], arguments[at + 1], options, error);
		if (result < 0)
			return result;
	}
	if (at + 1 >= count || arguments[at + 1][0] == 0)
		return wrong(error, "command", "one behind --");
	if (options->pid == 0)
		return wrong(error, "--pid", "one");
	options->command = (const char *const *)arguments + at + 1;
	return 0;
}
