#include "serve-request.h"

#include <errno.h>
#include <string.h>

#include "../common/number.h"

static int wrong(struct sw_error *error, const char *wanted)
{
	return sw_refuse(error, EINVAL, "read the request", "read the request: wanted %s", wanted);
}

int serve_request_decode(char *bytes, size_t size, struct serve_request *request, struct sw_error *error)
{
	int count = 0;
	request->id = 0;
	request->bytes = bytes;
	request->size = size;
	if (size == 0 || bytes[size - 1] != 0)
		return wrong(error, "strings that end");
	for (size_t at = 0; at < size; at += strlen(bytes + at) + 1) {
		if (count == SERVE_REQUEST_STRINGS_MAX)
			return wrong(error, "fewer strings");
		request->strings[count++] = bytes + at;
	}
	request->strings[count] = NULL;
	if (count < 2 || sw_parse_number(request->strings[1], &request->id) < 0)
		return wrong(error, "a kind and a number");
	if (strcmp(request->strings[0], "kill") == 0 && count == 2) {
		request->kind = SERVE_KILL;
		return 0;
	}
	if (strcmp(request->strings[0], "resize") == 0 && count == 3) {
		request->kind = SERVE_RESIZE;
		return terminal_size_parse(request->strings[2], &request->options.size) < 0 ?
			       wrong(error, "ROWSxCOLUMNS") :
			       0;
	}
	if (strcmp(request->strings[0], "exec") != 0)
		return wrong(error, "exec, kill or resize");
	request->kind = SERVE_EXEC;
	return exec_options_parse(count - 2, (char **)request->strings + 2, request->env_items, &request->options, error);
}
