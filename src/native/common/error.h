/* The error convention: a function gives >= 0 or -errno, and the one that meets the failure fills struct sw_error. */
#ifndef SW_ERROR_H
#define SW_ERROR_H

#include "../include/stratoswarm.h"

/* "<step> <subject>: <text of code>"; subject may be NULL. Gives -code. */
int sw_fail(struct sw_error *error, int code, const char *step, const char *subject);

/* Message as given. Gives -code. */
int sw_refuse(struct sw_error *error, int code, const char *step, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
