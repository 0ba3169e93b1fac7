#include "foreground.h"

#include <signal.h>
#include <sys/wait.h>

#include "../common/cleanup.h"

static void all_but_faults(sigset_t *set)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };
	sigfillset(set);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		sigdelset(set, faults[i]);
}

void foreground_begin(void)
{
	sigset_t set;
	all_but_faults(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int foreground_wait(pid_t child)
{
	sigset_t set;
	int status;
	all_but_faults(&set);
	for (;;) {
		siginfo_t told;
		int signal = (int)SW_RETRY(sigwaitinfo(&set, &told));
		if (signal == SIGCHLD) {
			pid_t ended = waitpid(child, &status, WNOHANG);
			if (ended == child)
				return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		} else if (signal > 0 && told.si_code != SI_KERNEL) {
			/* What a terminal sends to its whole foreground our caller has too, and passes on. */
			kill(child, signal);
		}
	}
}
