/* The monitor's own standard error: empty in normal operation. */
#ifndef SW_COMPLAIN_H
#define SW_COMPLAIN_H

/* A line with the time in Unix milliseconds. */
void monitor_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
