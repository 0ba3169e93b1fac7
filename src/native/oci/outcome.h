/* What went wrong or deserves a word, for the program that started this one: lines on a pipe, "E <text>" or "W <text>". */
#ifndef SW_OCI_OUTCOME_H
#define SW_OCI_OUTCOME_H

void outcome_open(int descriptor);
/* From here on it is closed at every exec. */
void outcome_keep(void);
/* In a process that goes on after the answer is given. */
void outcome_close(void);
void outcome_fail(const char *text);
void outcome_warn(const char *text);

#endif
