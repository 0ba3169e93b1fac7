/* Reading a compiled seccomp program: whole ones only. What the programs say is tested where they are compiled. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/seccomp.h"
#include "harness.h"

static int read_of(size_t size, struct sw_seccomp *program)
{
	struct sw_error error;
	char path[] = "/tmp/swarm-seccomp-XXXXXX";
	int file = mkstemp(path);
	CHECK(file >= 0 && ftruncate(file, (off_t)size) == 0);
	close(file);
	int result = sw_seccomp_read(path, program, &error);
	unlink(path);
	return result;
}

void run_seccomp(void)
{
	struct sw_error error;
	struct sw_seccomp program;
	CHECK(sw_seccomp_read(NULL, &program, &error) == 0 && program.code == NULL);
	CHECK(sw_seccomp_load(&program, &error) == 0);
	CHECK(sw_seccomp_read("/no/such/file", &program, &error) == -ENOENT);
	CHECK(read_of(0, &program) == -EINVAL && read_of(12, &program) == -EINVAL);
	CHECK(read_of((BPF_MAXINSNS + 1) * sizeof *program.code, &program) == -EFBIG);
	CHECK(read_of(2 * sizeof *program.code, &program) == 0 && program.count == 2);
	free(program.code);
}
