#include "signals.h"

#include <signal.h>
#include <stddef.h>

/* SIGKILL, SIGSTOP and the numbers that libc keeps for itself fail, which is right. */
void sw_signals_reset(void)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;
	for (int number = 1; number < 65; number++)
		sigaction(number, &standard, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
