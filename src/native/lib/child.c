#include "child.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../common/cleanup.h"

#define STACK_SIZE (64 * 1024)

int child_start(int (*work)(void *argument), void *argument, char *stack, unsigned size)
{
	int pid = clone(work, stack + size, CLONE_VM | CLONE_VFORK, argument);
	return pid < 0 ? -errno : pid;
}

/* Our signal handlers must not run in the child, which would be in our memory: blocked before, and stay so in it. Gives the
 * pid; the child has ended or executed a program by then. */
static int start_quietly(int (*work)(void *argument), void *argument, int flags, struct sw_error *error)
{
	sigset_t all, before;
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED)
		return sw_fail(error, errno, "map a stack", NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int pid = clone(work, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | flags, argument);
	int code = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	munmap(stack, STACK_SIZE);
	return pid < 0 ? sw_fail(error, code, "clone a helper process", NULL) : pid;
}

int child_run(int (*work)(void *argument), void *argument, int flags, struct sw_error *error)
{
	int pid = start_quietly(work, argument, flags, error);
	if (pid > 0)
		SW_RETRY(waitpid(pid, NULL, __WALL));
	return pid < 0 ? pid : 0;
}

int child_beside(int (*work)(void *argument), void *argument, struct sw_error *error)
{
	return start_quietly(work, argument, CLONE_PARENT, error);
}
