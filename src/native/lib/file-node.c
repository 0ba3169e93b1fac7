/* What Node's fs lacks for image layers: device nodes and extended attributes. */
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "../common/cleanup.h"
#include "../common/error.h"

int32_t sw_make_node(const char *path, uint32_t mode, uint32_t major, uint32_t minor, struct sw_error *error)
{
	return mknod(path, mode, makedev(major, minor)) < 0 ? sw_fail(error, errno, "make node", path) : 0;
}

int32_t sw_set_attribute(const char *path, const char *name, const uint8_t *value, uint32_t size,
			 struct sw_error *error)
{
	return lsetxattr(path, name, value, size, 0) < 0 ? sw_fail(error, errno, "set an attribute of", path) : 0;
}

int32_t sw_get_attribute(const char *path, const char *name, uint8_t *value, uint32_t size, struct sw_error *error)
{
	ssize_t found = lgetxattr(path, name, value, size);
	if (found >= 0)
		return (int32_t)found;
	return errno == ENODATA || errno == EOPNOTSUPP ? -ENODATA : sw_fail(error, errno, "read an attribute of", path);
}
