/* The device allow-list on the cgroup of a container that is about to be made; the monitor finds it there. */
#include <fcntl.h>

#include "../common/cleanup.h"
#include "../monitor/device-filter.h"

int32_t sw_device_filter_attach(const char *cgroup_path, struct sw_error *error)
{
	static int loaded = -1;
	SW_AUTOCLOSE int cgroup2 = open(cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup2 < 0)
		return sw_fail(error, errno, "open cgroup", cgroup_path);
	if (loaded < 0)
		loaded = device_filter_load(NULL, error);
	return loaded < 0 ? loaded : device_filter_put(cgroup2, loaded, error);
}
