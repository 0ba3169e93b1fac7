/* A request to the server: strings, each ended by NUL. `exec <id> <directory> <options>… -- <command>…`, `kill <id>`,
 * or `resize <id> <rows>x<columns>`. Pure: bytes of the daemon, checked all the same. */
#ifndef SW_SERVE_REQUEST_H
#define SW_SERVE_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "exec-options.h"

#define SERVE_REQUEST_BYTES_MAX (128 * 1024)
#define SERVE_REQUEST_STRINGS_MAX 4096

struct serve_request {
	enum { SERVE_EXEC, SERVE_KILL, SERVE_RESIZE } kind;
	uint64_t id; /* the daemon's name for the session */
	const char *bytes; /* as it came */
	size_t size;
	struct exec_options options; /* of `resize` only the size */
	const char *strings[SERVE_REQUEST_STRINGS_MAX + 1];
	const char *env_items[SERVE_REQUEST_STRINGS_MAX + 1];
};

/* Points into `bytes`. -EINVAL with what is wrong; `id` is then 0 when even that could not be read. */
int serve_request_decode(char *bytes, size_t size, struct serve_request *request, struct sw_error *error);

#endif
