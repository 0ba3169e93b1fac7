#include "complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "../common/file.h"

void monitor_complain(const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	dprintf(STDERR_FILENO, "%llu swarm-monitor: %s\n", (unsigned long long)sw_now_ms(), text);
}
