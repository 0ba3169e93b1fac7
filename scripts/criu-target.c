// What criu-check.sh dumps and restores: one process with a listening TCP socket on 127.0.0.1:7001 and an open
// connection to itself. Every byte that a client sends goes through that connection and back to the client, so an
// answer proves that memory, listener and connection all work. Exits 1 when it cannot open its sockets.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct sockaddr_in address = {
	.sin_family = AF_INET,
	.sin_port = 0x591b, // 7001 in network byte order
	.sin_addr.s_addr = 0x0100007f,
};

static int listen_here(void) {
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int yes = 1;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0) return -1;
	if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4) < 0) return -1;
	return fd;
}

static int connect_here(void) {
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) return -1;
	return fd;
}

int main(void) {
	// Descriptors of whoever called would tie the dump to files outside the namespace.
	close_range(3, ~0U, 0);
	int listener = listen_here();
	int near = connect_here();
	int far = accept(listener, NULL, NULL);
	char byte;
	if (listener < 0 || near < 0 || far < 0) return 1;
	for (;;) {
		int client = accept(listener, NULL, NULL);
		while (client >= 0 && read(client, &byte, 1) == 1)
			if (write(near, &byte, 1) != 1 || read(far, &byte, 1) != 1 || write(client, &byte, 1) != 1) return 1;
		close(client);
	}
}
