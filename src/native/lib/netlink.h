/* Route netlink (rtnetlink(7)) by hand: one request, one acknowledgement. Async-signal-safe. */
#ifndef SW_NETLINK_H
#define SW_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

#define NETLINK_REQUEST_SIZE 1024

struct netlink_request {
	union {
		struct nlmsghdr header;
		char bytes[NETLINK_REQUEST_SIZE];
	};
	int overflow; /* an attribute did not fit: sending gives -EMSGSIZE */
};

/* A socket in the network namespace of the caller, or -errno. */
int netlink_open(void);

/* `body` is the family's fixed part (ifinfomsg, ifaddrmsg, rtmsg). */
void netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, const void *body, size_t size);
void netlink_add(struct netlink_request *request, uint16_t type, const void *value, size_t size);
void netlink_add_text(struct netlink_request *request, uint16_t type, const char *text);

/* Opens an attribute that holds others; the offset goes to netlink_end. */
size_t netlink_nest(struct netlink_request *request, uint16_t type);
void netlink_end(struct netlink_request *request, size_t offset);

/* Bytes without attribute header, inside a nest (VETH_INFO_PEER wants an ifinfomsg there). */
void netlink_add_raw(struct netlink_request *request, const void *bytes, size_t size);

/* Sends and waits for the acknowledgement: 0 or -errno. */
int netlink_talk(int socket, struct netlink_request *request);

#endif
