/* Rate limits of links: a token bucket (tc-tbf(8)) as root queue of one end of a veth pair limits what the other end gets. */
#include <fcntl.h>
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "child.h"
#include "netlink.h"

#define ROOT_HANDLE 0x10000u
/* Largest packet that segmentation offload makes, so that none has to be taken apart. */
#define BURST_BYTES_MIN 65536u
/* What may pass at once: as much as the rate gives in a hundredth of a second. */
#define BURST_PER_SECOND 100u
/* What may wait: as much as the rate gives in a tenth of a second. */
#define QUEUE_PER_SECOND 10u
#define BYTES_MAX UINT32_MAX

static uint32_t at_most(uint64_t bytes)
{
	return bytes > BYTES_MAX ? BYTES_MAX : (uint32_t)bytes;
}

static int set_bucket(int socket, unsigned index, uint64_t rate)
{
	struct netlink_request request;
	struct tcmsg queue = { .tcm_ifindex = (int)index, .tcm_parent = TC_H_ROOT, .tcm_handle = ROOT_HANDLE };
	uint64_t share = rate / BURST_PER_SECOND;
	uint32_t burst = at_most(share > BURST_BYTES_MIN ? share : BURST_BYTES_MIN);
	struct tc_tbf_qopt options = {
		.rate = { .rate = at_most(rate), .linklayer = TC_LINKLAYER_ETHERNET },
		.limit = at_most(rate / QUEUE_PER_SECOND + burst),
	};
	netlink_begin(&request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &queue, sizeof queue);
	netlink_add_text(&request, TCA_KIND, "tbf");
	size_t nest = netlink_nest(&request, TCA_OPTIONS);
	netlink_add(&request, TCA_TBF_PARMS, &options, sizeof options);
	netlink_add(&request, TCA_TBF_BURST, &burst, sizeof burst);
	if (rate > BYTES_MAX)
		netlink_add(&request, TCA_TBF_RATE64, &rate, sizeof rate);
	netlink_end(&request, nest);
	return netlink_talk(socket, &request);
}

/* -ENOENT, or -EINVAL for the handle of no queue: there was none. */
static int remove_bucket(int socket, unsigned index)
{
	struct netlink_request request;
	struct tcmsg queue = { .tcm_ifindex = (int)index, .tcm_parent = TC_H_ROOT, .tcm_handle = ROOT_HANDLE };
	netlink_begin(&request, RTM_DELQDISC, 0, &queue, sizeof queue);
	int result = netlink_talk(socket, &request);
	return result == -ENOENT || result == -EINVAL ? 0 : result;
}

struct shaping {
	const char *name;
	int netns; /* -1: the caller's */
	uint64_t rate;
	int code;
};

static int shape(const struct shaping *shaping)
{
	unsigned index = if_nametoindex(shaping->name);
	if (index == 0)
		return -errno;
	int socket = netlink_open();
	if (socket < 0)
		return socket;
	int result = shaping->rate ? set_bucket(socket, index, shaping->rate) : remove_bucket(socket, index);
	close(socket);
	return result;
}

static int inside(void *argument)
{
	struct shaping *shaping = argument;
	int result = shaping->netns >= 0 && setns(shaping->netns, CLONE_NEWNET) < 0 ? -errno : shape(shaping);
	shaping->code = -result;
	_exit(0);
}

int32_t sw_link_shape(const char *name, const char *netns_path, uint64_t bytes_per_second, struct sw_error *error)
{
	struct shaping shaping = { .name = name, .netns = -1, .rate = bytes_per_second };
	SW_AUTOCLOSE int netns = netns_path ? open(netns_path, O_RDONLY | O_CLOEXEC) : -1;
	if (netns_path && netns < 0)
		return sw_fail(error, errno, "open network namespace", netns_path);
	shaping.netns = netns;
	int result = netns_path ? child_run(inside, &shaping, 0, error) : 0;
	if (result < 0)
		return result;
	if (!netns_path)
		shaping.code = -shape(&shaping);
	return shaping.code ? sw_fail(error, shaping.code, "shape link", name) : 0;
}

/* Loopback of a namespace that ends with the child. */
int32_t sw_link_shape_works(struct sw_error *error)
{
	struct shaping shaping = { .name = "lo", .netns = -1, .rate = 1000000 };
	int result = child_run(inside, &shaping, CLONE_NEWNET, error);
	return result < 0 ? result : shaping.code == 0;
}
