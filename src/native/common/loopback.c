#include "loopback.h"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "cleanup.h"

int sw_loopback_up(struct sw_error *error)
{
	struct ifreq request = { .ifr_name = "lo" };
	SW_AUTOCLOSE int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any < 0 || ioctl(any, SIOCGIFFLAGS, &request) < 0)
		return sw_fail(error, errno, "find the loopback interface", NULL);
	request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
	return ioctl(any, SIOCSIFFLAGS, &request) < 0 ? sw_fail(error, errno, "set loopback up", NULL) : 0;
}
