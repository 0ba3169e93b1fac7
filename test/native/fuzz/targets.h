/* What is fuzzed: each takes any bytes and must give them back unharmed, whatever they are. Under ASan and UBSan a fault ends the
 * process. The names are those of test/native/fuzz/corpus. */
#ifndef FUZZ_TARGETS_H
#define FUZZ_TARGETS_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_target {
	const char *name;
	void (*take)(const uint8_t *bytes, size_t size);
	/* Words of its language, ended by NULL: the driver puts them in. */
	const char *const *words;
	size_t size_max;
};

extern const struct fuzz_target fuzz_targets[];
extern const size_t fuzz_target_count;

#endif
