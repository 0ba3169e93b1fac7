#include "oom-score.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "file.h"

int oom_score_adjust(const struct sw_security *security, void (*warn)(const char *text), struct sw_error *error)
{
	char text[16];
	if (!security->has_oom_score_adj)
		return 0;
	SW_AUTOCLOSE int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return sw_fail(error, errno, "open", "oom_score_adj");
	snprintf(text, sizeof text, "%d", security->oom_score_adj);
	int result = sw_write_all(file, text, strlen(text));
	if (result == -EACCES || result == -EPERM) {
		warn("oom score stays as the daemon's (no CAP_SYS_RESOURCE)");
		return 0;
	}
	return result < 0 ? sw_fail(error, -result, "set the oom score", text) : 0;
}
