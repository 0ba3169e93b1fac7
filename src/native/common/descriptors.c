#include "descriptors.h"

#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(SW_DESCRIPTORS_MAX * sizeof(int))];
};

int sw_descriptors_send(int socket, const void *bytes, size_t size, const int *descriptors, size_t count)
{
	union control control = { 0 };
	struct iovec part = { (void *)bytes, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	if (count > SW_DESCRIPTORS_MAX)
		return -EINVAL;
	if (count > 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
	}
	ssize_t sent = SW_RETRY(sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
	return sent < 0 ? -errno : (size_t)sent == size ? 0 : -EAGAIN;
}

ssize_t sw_descriptors_receive(int socket, void *bytes, size_t size, int flags, int descriptors[SW_DESCRIPTORS_MAX],
			       size_t *count)
{
	union control control;
	struct iovec part = { bytes, size };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};
	*count = 0;
	ssize_t received = SW_RETRY(recvmsg(socket, &message, MSG_CMSG_CLOEXEC | flags));
	if (received < 0)
		return -errno;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
		if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
			size_t held = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			if (held > SW_DESCRIPTORS_MAX - *count)
				held = SW_DESCRIPTORS_MAX - *count;
			memcpy(descriptors + *count, CMSG_DATA(header), held * sizeof(int));
			*count += held;
		}
	return message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EMSGSIZE : received;
}
