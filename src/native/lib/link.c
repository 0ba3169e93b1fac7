/* Bridges and veth pairs. The container's end is born inside its namespace: moving it there takes 30 ms instead of 1. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "../common/cleanup.h"
#include "child.h"
#include "netlink.h"

#define INNER_NAME "eth0"
#define MAC_SIZE 6

static const struct ifinfomsg no_link = { 0 };

static int parse_mac(const char *text, uint8_t mac[MAC_SIZE])
{
	unsigned octets[MAC_SIZE];
	int end = 0;
	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &octets[0], &octets[1], &octets[2], &octets[3], &octets[4],
		   &octets[5], &end) != MAC_SIZE ||
	    text[end] != 0)
		return -EINVAL;
	for (int i = 0; i < MAC_SIZE; i++)
		mac[i] = (uint8_t)octets[i];
	return 0;
}

static int parse_address(const char *text, struct in_addr *address)
{
	return inet_pton(AF_INET, text, address) == 1 ? 0 : -EINVAL;
}

static int check_name(const char *name)
{
	size_t size = strlen(name);
	return size > 0 && size < IFNAMSIZ ? 0 : -EINVAL;
}

static int set_up(int socket, unsigned index, unsigned up)
{
	struct netlink_request request;
	struct ifinfomsg link = { .ifi_index = (int)index, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP };
	netlink_begin(&request, RTM_NEWLINK, 0, &link, sizeof link);
	return netlink_talk(socket, &request);
}

/* An address that is there already is fine. */
static int add_address(int socket, unsigned index, struct in_addr address, uint32_t prefix)
{
	struct netlink_request request;
	struct ifaddrmsg body = { .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = index };
	uint32_t mask = prefix == 0 ? 0 : htonl(~0u << (32 - prefix));
	struct in_addr broadcast = { address.s_addr | ~mask };
	netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
	netlink_add(&request, IFA_LOCAL, &address, sizeof address);
	netlink_add(&request, IFA_ADDRESS, &address, sizeof address);
	netlink_add(&request, IFA_BROADCAST, &broadcast, sizeof broadcast);
	int result = netlink_talk(socket, &request);
	return result == -EEXIST ? 0 : result;
}

static int add_default_route(int socket, unsigned index, struct in_addr gateway)
{
	struct netlink_request request;
	struct rtmsg body = { .rtm_family = AF_INET,
			      .rtm_table = RT_TABLE_MAIN,
			      .rtm_protocol = RTPROT_STATIC,
			      .rtm_scope = RT_SCOPE_UNIVERSE,
			      .rtm_type = RTN_UNICAST };
	netlink_begin(&request, RTM_NEWROUTE, NLM_F_CREATE, &body, sizeof body);
	netlink_add(&request, RTA_GATEWAY, &gateway, sizeof gateway);
	netlink_add(&request, RTA_OIF, &index, sizeof index);
	return netlink_talk(socket, &request);
}

static int make_bridge(int socket, const char *name, const uint8_t mac[MAC_SIZE])
{
	struct netlink_request request;
	struct ifinfomsg link = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
	netlink_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
	netlink_add_text(&request, IFLA_IFNAME, name);
	netlink_add(&request, IFLA_ADDRESS, mac, MAC_SIZE);
	size_t info = netlink_nest(&request, IFLA_LINKINFO);
	netlink_add_text(&request, IFLA_INFO_KIND, "bridge");
	netlink_end(&request, info);
	return netlink_talk(socket, &request);
}

int32_t sw_bridge_ensure(const char *name, const char *address, uint32_t prefix, const char *mac,
			 struct sw_error *error)
{
	uint8_t octets[MAC_SIZE];
	struct in_addr parsed;
	if (check_name(name) < 0 || parse_address(address, &parsed) < 0 || prefix > 32 || parse_mac(mac, octets) < 0)
		return sw_refuse(error, EINVAL, "read the arguments", "bridge %s, address %s/%u, mac %s: not valid", name,
				 address, prefix, mac);
	SW_AUTOCLOSE int socket = netlink_open();
	if (socket < 0)
		return sw_fail(error, -socket, "open a netlink socket", NULL);
	int result = make_bridge(socket, name, octets);
	if (result < 0 && result != -EEXIST)
		return sw_fail(error, -result, "make bridge", name);
	unsigned index = if_nametoindex(name);
	if (result == -EEXIST)
		result = set_up(socket, index, 1);
	if (result == 0)
		result = add_address(socket, index, parsed, prefix);
	return result < 0 ? sw_fail(error, -result, "set up bridge", name) : 0;
}

struct veth {
	const char *host_name;
	unsigned bridge;
	int netns;
	struct in_addr address, gateway;
	uint32_t prefix;
	uint8_t mac[MAC_SIZE];
	bool up;
	/* Result of the work inside. */
	int code;
	const char *step;
};

/* One message: the host's end in its bridge, up unless nobody may hear of it yet, the other one born inside. It cannot be set up yet: at this point
 * the kernel has not paired them. */
static int make_pair(int socket, const struct veth *veth)
{
	struct netlink_request request;
	struct ifinfomsg link = { .ifi_flags = veth->up ? IFF_UP : 0, .ifi_change = IFF_UP };
	netlink_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link);
	netlink_add_text(&request, IFLA_IFNAME, veth->host_name);
	netlink_add(&request, IFLA_MASTER, &veth->bridge, sizeof veth->bridge);
	size_t info = netlink_nest(&request, IFLA_LINKINFO);
	netlink_add_text(&request, IFLA_INFO_KIND, "veth");
	size_t data = netlink_nest(&request, IFLA_INFO_DATA);
	size_t peer = netlink_nest(&request, VETH_INFO_PEER);
	netlink_add_raw(&request, &no_link, sizeof no_link);
	netlink_add_text(&request, IFLA_IFNAME, INNER_NAME);
	netlink_add(&request, IFLA_ADDRESS, veth->mac, MAC_SIZE);
	netlink_add(&request, IFLA_NET_NS_FD, &veth->netns, sizeof veth->netns);
	netlink_end(&request, peer);
	netlink_end(&request, data);
	netlink_end(&request, info);
	return netlink_talk(socket, &request);
}

/* A container that asks for its own published port gets its frame back through the port it came from, which a bridge
 * otherwise never does (with br_netfilter the translation happens inside the bridge). */
static int let_frames_turn_back(int socket, const char *name)
{
	struct netlink_request request;
	struct ifinfomsg link = { .ifi_family = AF_BRIDGE, .ifi_index = (int)if_nametoindex(name) };
	const uint8_t on = 1;
	netlink_begin(&request, RTM_SETLINK, 0, &link, sizeof link);
	size_t port = netlink_nest(&request, NLA_F_NESTED | IFLA_PROTINFO);
	netlink_add(&request, IFLA_BRPORT_MODE, &on, sizeof on);
	netlink_end(&request, port);
	return netlink_talk(socket, &request);
}

static int configure_inside(struct veth *veth)
{
	veth->step = "join the network namespace";
	if (setns(veth->netns, CLONE_NEWNET) < 0)
		return -errno;
	veth->step = "open a netlink socket inside";
	int socket = netlink_open();
	if (socket < 0)
		return socket;
	veth->step = "set up " INNER_NAME;
	unsigned index = if_nametoindex(INNER_NAME);
	int result = set_up(socket, index, 1);
	if (result == 0) {
		veth->step = "give the address to " INNER_NAME;
		result = add_address(socket, index, veth->address, veth->prefix);
	}
	if (result == 0) {
		veth->step = "set the default route of " INNER_NAME;
		result = add_default_route(socket, index, veth->gateway);
	}
	return result;
}

static int inside(void *argument)
{
	struct veth *veth = argument;
	veth->code = -configure_inside(veth);
	_exit(0);
}

static int delete_link(int socket, const char *name)
{
	struct netlink_request request;
	netlink_begin(&request, RTM_DELLINK, 0, &no_link, sizeof no_link);
	netlink_add_text(&request, IFLA_IFNAME, name);
	int result = netlink_talk(socket, &request);
	return result == -ENODEV ? 0 : result;
}

static int make_veth(struct veth *veth, struct sw_error *error)
{
	SW_AUTOCLOSE int socket = netlink_open();
	if (socket < 0)
		return sw_fail(error, -socket, "open a netlink socket", NULL);
	int result = make_pair(socket, veth);
	if (result < 0)
		return sw_fail(error, -result, "make link", veth->host_name);
	result = let_frames_turn_back(socket, veth->host_name);
	if (result < 0)
		sw_fail(error, -result, "let frames turn back at link", veth->host_name);
	else
		result = child_run(inside, veth, 0, error);
	if (result == 0 && veth->code)
		result = sw_fail(error, veth->code, veth->step, NULL);
	if (result < 0)
		delete_link(socket, veth->host_name);
	return result;
}

int32_t sw_veth_create(const char *host_name, const char *bridge, const char *netns_path, const char *address,
		       uint32_t prefix, const char *gateway, const char *mac, uint32_t up, struct sw_error *error)
{
	struct veth veth = { .host_name = host_name, .prefix = prefix, .up = up };
	if (check_name(host_name) < 0 || parse_address(address, &veth.address) < 0 || prefix > 32 ||
	    parse_address(gateway, &veth.gateway) < 0 || parse_mac(mac, veth.mac) < 0)
		return sw_refuse(error, EINVAL, "read the arguments",
				 "link %s, address %s/%u, gateway %s, mac %s: not valid", host_name, address, prefix,
				 gateway, mac);
	veth.bridge = if_nametoindex(bridge);
	if (veth.bridge == 0)
		return sw_fail(error, errno, "find bridge", bridge);
	SW_AUTOCLOSE int netns = open(netns_path, O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return sw_fail(error, errno, "open network namespace", netns_path);
	veth.netns = netns;
	return make_veth(&veth, error);
}

int32_t sw_link_delete(const char *name, struct sw_error *error)
{
	if (check_name(name) < 0)
		return sw_fail(error, EINVAL, "read the link's name", name);
	SW_AUTOCLOSE int socket = netlink_open();
	int result = socket < 0 ? socket : delete_link(socket, name);
	return result < 0 ? sw_fail(error, -result, "remove link", name) : 0;
}

int32_t sw_link_set_up(const char *name, uint32_t up, struct sw_error *error)
{
	unsigned index = if_nametoindex(name);
	if (index == 0)
		return sw_fail(error, errno, "find link", name);
	SW_AUTOCLOSE int socket = netlink_open();
	int result = socket < 0 ? socket : set_up(socket, index, up);
	return result < 0 ? sw_fail(error, -result, "set link", name) : 0;
}
