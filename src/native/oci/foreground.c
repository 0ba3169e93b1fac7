#include "foreground.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>

#include "../common/cleanup.h"
#include "../common/descriptors.h"
#include "../common/file.h"

#define BUFFER_SIZE 16384

/* What the caller typed and the child has not taken yet. */
struct typed {
	char bytes[BUFFER_SIZE];
	size_t at, size;
	bool ended;
};

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

int foreground_pair(int ends[2], struct sw_error *error)
{
	int result = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
	return result < 0 ? sw_fail(error, errno, "make a way for the terminal", NULL) : 0;
}

int foreground_receive(int end, struct sw_error *error)
{
	char name[64];
	int descriptors[SW_DESCRIPTORS_MAX];
	size_t count;
	ssize_t size = sw_descriptors_receive(end, name, sizeof name, 0, descriptors, &count);
	if (size > 0 && count == 1)
		return descriptors[0];
	for (size_t i = 0; i < count; i++)
		close(descriptors[i]);
	return sw_fail(error, size < 0 ? (int)-size : EPROTO, "take the terminal", NULL);
}

static void copy_size(int master)
{
	struct winsize size;
	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		ioctl(master, TIOCSWINSZ, &size);
}

/* Every key goes to the child, also those that would signal us. False when the caller has no terminal. */
static bool make_raw(struct termios *before)
{
	struct termios raw;
	if (tcgetattr(STDIN_FILENO, before) < 0)
		return false;
	raw = *before;
	cfmakeraw(&raw);
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* False when nothing more will come. */
static bool show(int master)
{
	char bytes[BUFFER_SIZE];
	ssize_t size = SW_RETRY(read(master, bytes, sizeof bytes));
	if (size > 0)
		return sw_write_all(STDOUT_FILENO, bytes, (size_t)size) == 0;
	return size < 0 && errno == EAGAIN;
}

static void take_typed(struct typed *typed)
{
	ssize_t size = SW_RETRY(read(STDIN_FILENO, typed->bytes, sizeof typed->bytes));
	typed->at = 0;
	typed->size = size > 0 ? (size_t)size : 0;
	typed->ended = size <= 0;
}

static void give_typed(struct typed *typed, int master)
{
	ssize_t size = SW_RETRY(write(master, typed->bytes + typed->at, typed->size - typed->at));
	if (size > 0)
		typed->at += (size_t)size;
	else if (errno != EAGAIN)
		typed->at = typed->size;
}

/* True when the child has ended; *code is then its exit code. */
static bool handle_signal(int signals, pid_t child, int master, int *code)
{
	struct signalfd_siginfo told;
	int status;
	if (SW_RETRY(read(signals, &told, sizeof told)) != sizeof told)
		return false;
	if (told.ssi_signo == SIGWINCH && master >= 0) {
		copy_size(master);
	} else if (told.ssi_signo == SIGCHLD) {
		if (waitpid(child, &status, WNOHANG) != child)
			return false;
		*code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		return true;
	} else if (told.ssi_code != SI_KERNEL) {
		/* What a terminal sends to its whole foreground our caller has too, and passes on. */
		kill(child, (int)told.ssi_signo);
	}
	return false;
}

static int serve(pid_t child, int signals, int master)
{
	struct typed typed = { .ended = master < 0 };
	int code = 0;
	for (;;) {
		bool has_typed = typed.at < typed.size;
		struct pollfd polled[3] = {
			{ signals, POLLIN, 0 },
			{ master, (short)(POLLIN | (has_typed ? POLLOUT : 0)), 0 },
			{ has_typed || typed.ended ? -1 : STDIN_FILENO, POLLIN, 0 },
		};
		if (SW_RETRY(poll(polled, 3, -1)) < 0)
			return 125;
		if (polled[1].revents & POLLOUT)
			give_typed(&typed, master);
		/* A terminal that nobody has open any more gives EIO: it is only asked again for what is left at the end. */
		if ((polled[1].revents & (POLLIN | POLLHUP)) && !show(master))
			master = -1;
		if (polled[2].revents)
			take_typed(&typed);
		if (polled[0].revents && handle_signal(signals, child, master, &code)) {
			while (master >= 0 && poll(&polled[1], 1, 0) > 0 && show(master))
				;
			return code;
		}
	}
}

int foreground_wait(pid_t child, int master)
{
	sigset_t set;
	struct termios before;
	all_but_faults(&set);
	SW_AUTOCLOSE int signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0)
		return 125;
	bool is_raw = master >= 0 && make_raw(&before);
	if (master >= 0) {
		fcntl(master, F_SETFL, O_NONBLOCK);
		copy_size(master);
	}
	int code = serve(child, signals, master);
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	return code;
}
