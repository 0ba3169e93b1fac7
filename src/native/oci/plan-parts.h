/* What the plan's decoders share. Each gives 0, -EINVAL for a text that has not the form, or -ENOMEM. */
#ifndef SW_OCI_PLAN_PARTS_H
#define SW_OCI_PLAN_PARTS_H

#include "plan.h"

/* Room for one more item (and an empty one behind it) in an array grown by doubling; gives the new item, zeroed. */
void *plan_add(void *array, size_t *count, size_t size);
int plan_add_string(struct sw_strings *list, const char *value);
int plan_add_path(struct sw_strings *list, const char *value);
/* Cuts a value into exactly `count` parts at its line feeds; the last part keeps those that it has. */
int plan_split(char *value, char **parts, size_t count);
int plan_number(const char *text, uint64_t limit, uint64_t *value);
int plan_numbers(char *const *parts, size_t count, uint64_t limit, uint64_t *values);
/* Values that come once. */
int plan_set_text(const char **field, const char *value);
int plan_set_path(const char **field, const char *value);
int plan_set_yes(bool *field, const char *value);

/* An entry about the process; -ENOENT: no such key. */
int plan_take_process(struct plan_process *process, const char *key, char *value);

#endif
