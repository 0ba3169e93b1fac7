/* The volumes of a launch file: `volume` and `host-path` (access, source, target on three lines), `tmpfs` (bytes and target). */
#include <errno.h>
#include <string.h>

#include "launch.h"
#include "number.h"

static int add(struct sw_launch *launch, struct sw_volume volume)
{
	if (launch->volume_count >= SW_LAUNCH_VOLUMES_MAX || *volume.target != '/')
		return -EINVAL;
	if (sw_launch_grow(&launch->volumes, launch->volume_count, sizeof *launch->volumes) < 0)
		return -ENOMEM;
	launch->volumes[launch->volume_count++] = volume;
	return 0;
}

static int add_shown(struct sw_launch *launch, enum sw_volume_kind kind, char *value)
{
	char *source = strchr(value, '\n');
	char *target = source ? strchr(source + 1, '\n') : NULL;
	if (!target)
		return -EINVAL;
	*source++ = 0;
	*target++ = 0;
	bool read_only = strcmp(value, "ro") == 0;
	if ((!read_only && strcmp(value, "rw") != 0) || *source != '/')
		return -EINVAL;
	return add(launch, (struct sw_volume){ kind, read_only, source, target, 0 });
}

static int add_tmpfs(struct sw_launch *launch, char *value)
{
	uint64_t bytes;
	char *target = strchr(value, '\n');
	if (!target)
		return -EINVAL;
	*target++ = 0;
	if (sw_parse_number(value, &bytes) < 0 || bytes == 0)
		return -EINVAL;
	return add(launch, (struct sw_volume){ SW_VOLUME_TMPFS, false, NULL, target, bytes });
}

int sw_launch_take_volume(struct sw_launch *launch, const char *key, char *value)
{
	if (strcmp(key, "volume") == 0)
		return add_shown(launch, SW_VOLUME_NAMED, value);
	if (strcmp(key, "host-path") == 0)
		return add_shown(launch, SW_VOLUME_HOST_PATH, value);
	return strcmp(key, "tmpfs") == 0 ? add_tmpfs(launch, value) : -ENOENT;
}
