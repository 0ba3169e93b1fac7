#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int sw_fail(struct sw_error *error, int code, const char *step, const char *subject)
{
	const char *space = subject ? " " : "";
	return sw_refuse(error, code, step, "%s%s%s: %s", step, space, subject ? subject : "", strerror(code));
}

int sw_refuse(struct sw_error *error, int code, const char *step, const char *format, ...)
{
	va_list arguments;
	error->code = code;
	snprintf(error->step, sizeof error->step, "%s", step);
	va_start(arguments, format);
	vsnprintf(error->message, sizeof error->message, format, arguments);
	va_end(arguments);
	return -code;
}
