/* counter <address> <port> <MiB>: counts in memory, and tells everybody. Each tick: the number goes to standard output as a line, to
 * <address>:<port> as a datagram, and into the file /state; and one page of <MiB> of memory is looked at and changed. What does
 * not fit to the number any more (memory or file of another time) ends it with exit code 3 and the word "broken". */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, TICK_NS = 10 * 1000 * 1000 };

static int broken(const char *what, uint64_t count)
{
	printf("broken %s at %llu\n", what, (unsigned long long)count);
	fflush(stdout);
	return 3;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	struct sockaddr_in witness = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2])) };
	inet_pton(AF_INET, argv[1], &witness.sin_addr);
	int talk = socket(AF_INET, SOCK_DGRAM, 0), file = open("/state", O_RDWR | O_CREAT | O_TRUNC, 0600);
	size_t pages = (size_t)atoi(argv[3]) * 1024 * 1024 / PAGE;
	uint64_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (talk < 0 || file < 0 || memory == MAP_FAILED || pages == 0)
		return 1;
	const size_t words = PAGE / sizeof *memory;
	/* Every page holds the number of its last visit, and something that no page shares. */
	for (size_t i = 0; i < pages; i++)
		memory[i * words + 1] = i * 0x9e3779b97f4a7c15ull;
	for (uint64_t count = 1;; count++) {
		uint64_t *page = memory + (count % pages) * words, before = 0;
		if (page[0] != (count > pages ? count - pages : 0) || page[1] != (count % pages) * 0x9e3779b97f4a7c15ull)
			return broken("memory", count);
		page[0] = count;
		if (count > 1 && (pread(file, &before, sizeof before, 0) != sizeof before || before != count - 1))
			return broken("file", count);
		if (pwrite(file, &count, sizeof count, 0) != sizeof count)
			return broken("write", count);
		char text[32];
		int length = snprintf(text, sizeof text, "%llu\n", (unsigned long long)count);
		if (write(STDOUT_FILENO, text, (size_t)length) != length)
			return broken("output", count);
		sendto(talk, text, (size_t)length - 1, 0, (struct sockaddr *)&witness, sizeof witness);
		nanosleep(&(struct timespec){ .tv_nsec = TICK_NS }, NULL);
	}
}
