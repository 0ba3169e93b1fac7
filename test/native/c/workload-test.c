/* Environment, PATH search, and the command line of exec. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "init/exec-options.h"
#include "init/workload.h"

static void merges_environments(void)
{
	const char *base_items[] = { "A=1", "PATH=/x", "B=2" }, *added_items[] = { "B=3", "C=4" };
	struct sw_strings base = { base_items, 3 }, added = { added_items, 2 }, none = { NULL, 0 };
	const char **environment = workload_environment(&base, &added, "/home/me");
	CHECK(strcmp(environment[0], "A=1") == 0 && strcmp(environment[1], "PATH=/x") == 0);
	CHECK(strcmp(environment[2], "B=3") == 0 && strcmp(environment[3], "C=4") == 0);
	CHECK(strcmp(environment[4], "HOME=/home/me") == 0 && environment[5] == NULL);
	CHECK(workload_variable(environment, "PAT") == NULL && strcmp(workload_variable(environment, "B"), "3") == 0);
	free((void *)environment[4]);
	free(environment);
	environment = workload_environment(&none, &none, "/");
	CHECK(strncmp(workload_variable(environment, "PATH"), "/usr/local/sbin:", 16) == 0);
	free((void *)environment[1]);
	free(environment);
}

static int execute(const char *program, const char *path)
{
	struct sw_error error;
	const char *arguments[] = { program, NULL }, *environment[] = { path, NULL };
	return workload_execute(arguments, environment, &error);
}

static void tells_why_it_cannot_start(void)
{
	CHECK(execute("/no/such/program", "PATH=/") == 127);
	CHECK(execute("no-such-program", "PATH=/bin:/usr/bin::") == 127);
	CHECK(execute("/etc/passwd", "PATH=/") == 126);
	CHECK(execute("passwd", "PATH=/nowhere:/etc") == 126);
	CHECK(execute("/etc/passwd/x", "PATH=/") == 127);
	CHECK(execute("anything", "NOPATH=1") == 127);
}

static bool parses(int count, const char **arguments, struct exec_options *options)
{
	static const char *env_items[16];
	struct sw_error error;
	return exec_options_parse(count, (char **)arguments, env_items, options, &error) == 0;
}

static void parses_exec(void)
{
	struct exec_options options;
	const char *all[] = { "/d", "--pid", "5", "--env", "A=1", "--user", "u", "--workdir", "/w", "--env", "B=", "--", "sh", "-c", NULL };
	CHECK(parses(14, all, &options));
	CHECK(options.pid == 5 && strcmp(options.user, "u") == 0 && strcmp(options.workdir, "/w") == 0);
	CHECK(options.env.count == 2 && strcmp(options.env.items[1], "B=") == 0);
	CHECK(strcmp(options.command[0], "sh") == 0 && strcmp(options.command[1], "-c") == 0 && !options.command[2]);
	const char *no_pid[] = { "/d", "--", "sh", NULL };
	CHECK(!parses(3, no_pid, &options));
	const char *no_command[] = { "/d", "--pid", "5", "--", NULL };
	CHECK(!parses(4, no_command, &options));
	const char *bad_env[] = { "/d", "--pid", "5", "--env", "A", "--", "sh", NULL };
	CHECK(!parses(7, bad_env, &options));
	const char *unknown[] = { "/d", "--tty", "5", "--", "sh", NULL };
	CHECK(!parses(5, unknown, &options));
	const char *lone[] = { "/d", "--pid", NULL };
	CHECK(!parses(2, lone, &options));
}

void run_workload(void)
{
	merges_environments();
	tells_why_it_cannot_start();
	parses_exec();
}
