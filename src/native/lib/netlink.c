#include "netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "../common/cleanup.h"

/* One request at a time on a socket: the number need not change. */
#define SEQUENCE 1

int netlink_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	SW_AUTOCLOSE int made = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (made < 0 || bind(made, (struct sockaddr *)&address, sizeof address) < 0)
		return -errno;
	int result = made;
	made = -1;
	return result;
}

void netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, const void *body, size_t size)
{
	memset(request, 0, sizeof *request);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	request->header.nlmsg_seq = SEQUENCE;
	request->header.nlmsg_len = NLMSG_LENGTH(size);
	memcpy(NLMSG_DATA(&request->header), body, size);
}

/* Room for `size` bytes at the aligned end, or NULL. */
static void *extend(struct netlink_request *request, size_t size)
{
	size_t start = NLMSG_ALIGN(request->header.nlmsg_len);
	if (request->overflow || start + size > sizeof request->bytes) {
		request->overflow = 1;
		return NULL;
	}
	request->header.nlmsg_len = (uint32_t)(start + size);
	return request->bytes + start;
}

void netlink_add(struct netlink_request *request, uint16_t type, const void *value, size_t size)
{
	struct rtattr *attribute = extend(request, RTA_LENGTH(size));
	if (!attribute)
		return;
	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(size);
	if (size > 0)
		memcpy(RTA_DATA(attribute), value, size);
}

void netlink_add_text(struct netlink_request *request, uint16_t type, const char *text)
{
	netlink_add(request, type, text, strlen(text) + 1);
}

size_t netlink_nest(struct netlink_request *request, uint16_t type)
{
	size_t offset = NLMSG_ALIGN(request->header.nlmsg_len);
	netlink_add(request, type, NULL, 0);
	return offset;
}

void netlink_end(struct netlink_request *request, size_t offset)
{
	struct rtattr *attribute = (struct rtattr *)(request->bytes + offset);
	if (!request->overflow)
		attribute->rta_len = (uint16_t)(request->header.nlmsg_len - offset);
}

void netlink_add_raw(struct netlink_request *request, const void *bytes, size_t size)
{
	void *room = extend(request, size);
	if (room)
		memcpy(room, bytes, size);
}

int netlink_talk(int socket, struct netlink_request *request)
{
	union {
		struct nlmsghdr header;
		char bytes[2048];
	} answer;
	if (request->overflow)
		return -EMSGSIZE;
	if (SW_RETRY(send(socket, request, request->header.nlmsg_len, 0)) < 0)
		return -errno;
	for (;;) {
		ssize_t size = SW_RETRY(recv(socket, &answer, sizeof answer, 0));
		if (size < 0)
			return -errno;
		if (!NLMSG_OK(&answer.header, (size_t)size))
			return -EPROTO;
		if (answer.header.nlmsg_type == NLMSG_ERROR && answer.header.nlmsg_seq == SEQUENCE)
			return ((struct nlmsgerr *)NLMSG_DATA(&answer.header))->error;
	}
}
