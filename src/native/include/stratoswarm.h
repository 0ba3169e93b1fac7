/* libstratoswarm.so: what Node asks of the kernel. Bound by binding.ts under the same names, in the same order.
 *
 * Every function gives >= 0 or -errno and fills *error (never NULL) when it fails. None prints, exits, changes the
 * caller's directory, umask, namespaces, signal handlers or descriptors, or leaves a child behind. */
#ifndef STRATOSWARM_H
#define STRATOSWARM_H

#include <stdint.h>

/* Rises with every change of this file; binding.ts refuses another one. */
#define SW_ABI_VERSION 6

struct sw_error {
	int32_t code;     /* errno, positive */
	char step[48];    /* what was being done: "open the log file" */
	char message[208]; /* whole sentence part: "open /x/y: No such file or directory" */
};

int32_t sw_abi_version(void);

/* argv ends with NULL, argv[0] is an absolute path; socket_path may be NULL. Gives the pid. */
int32_t sw_spawn_detached(const char *const *argv, const char *stderr_path, const char *socket_path,
			  struct sw_error *error);

/* The same with one end of a stream socket pair as descriptor 3; *connection is the other end, the caller's to close. */
int32_t sw_spawn_connected(const char *const *argv, const char *stderr_path, int32_t *connection, struct sw_error *error);

/* Over the connection to `swarm-init serve`: makes the socket that takes its requests and gives our end. */
int32_t sw_exec_channel(int32_t connection, struct sw_error *error);

/* The streams that go with a request; `streams` takes our ends in this order. All but a socket for a terminal are pipes. */
enum sw_exec_form {
	SW_EXEC_NOTHING = 0,  /* a request that is no exec */
	SW_EXEC_OUTPUTS = 1,  /* standard output, standard error; standard input is /dev/null */
	SW_EXEC_INPUT = 2,    /* standard output, standard error, standard input */
	SW_EXEC_TERMINAL = 3, /* a stream socket: both directions of the command's terminal */
	SW_EXEC_DETACHED = 4, /* what keeps the command from being executed; its streams are /dev/null */
};

/* `request` as in init/serve-request.h. Gives the number of streams; -EAGAIN when the server does not keep up. Never waits. */
int32_t sw_exec_send(int32_t channel, const uint8_t *request, uint32_t size, uint32_t form, int32_t *streams,
		     struct sw_error *error);

int32_t sw_netns_create(const char *path, struct sw_error *error);
/* Keeps the network namespace of a process at `path`. -EEXIST as above. */
int32_t sw_netns_keep(const char *path, int32_t pid, struct sw_error *error);
int32_t sw_netns_delete(const char *path, struct sw_error *error);

/* Addresses as text (IPv4), mac as six hexadecimal octets with colons. */
int32_t sw_bridge_ensure(const char *name, const char *address, uint32_t prefix, const char *mac,
			 struct sw_error *error);
/* up 0: the host's end stays down. */
int32_t sw_veth_create(const char *host_name, const char *bridge, const char *netns_path, const char *address,
		       uint32_t prefix, const char *gateway, const char *mac, uint32_t up, struct sw_error *error);
int32_t sw_link_delete(const char *name, struct sw_error *error);
int32_t sw_link_set_up(const char *name, uint32_t up, struct sw_error *error);
/* Limits what leaves by the link, in the namespace kept at netns_path or, when that is NULL, the caller's. 0 lifts the limit. */
int32_t sw_link_shape(const char *name, const char *netns_path, uint64_t bytes_per_second, struct sw_error *error);
/* 1: this kernel can, 0: it cannot. */
int32_t sw_link_shape_works(struct sw_error *error);

int32_t sw_cgroup_freeze(const char *cgroup_path, uint32_t frozen, uint32_t timeout_ms, struct sw_error *error);

/* Puts the device allow-list on a v2 cgroup that has none. The loaded program is kept: a descriptor of the process from then on. */
int32_t sw_device_filter_attach(const char *cgroup_path, struct sw_error *error);

/* 1 sent, 0 no such process. */
int32_t sw_signal(int32_t pid, int32_t signal, struct sw_error *error);

/* CLOCK_BOOTTIME, which the machine's sleep does not stop. */
int64_t sw_boot_time_ms(void);

/* From their beginning, at most a page of each, one after the other into `buffer`; ends[i] is where file i ends, UINT32_MAX when it
 * cannot be read. -ENOBUFS when less than a page of the buffer is left. */
int32_t sw_read_descriptors(const int32_t *descriptors, uint32_t count, uint8_t *buffer, uint32_t size, uint32_t *ends,
			    struct sw_error *error);

int32_t sw_make_node(const char *path, uint32_t mode, uint32_t major, uint32_t minor, struct sw_error *error);
int32_t sw_set_attribute(const char *path, const char *name, const uint8_t *value, uint32_t size,
			 struct sw_error *error);
/* Gives the size of the value, -ENODATA when absent or unsupported (without filling *error). */
int32_t sw_get_attribute(const char *path, const char *name, uint8_t *value, uint32_t size, struct sw_error *error);

/* What is made in directories of `path` from now on lies far apart on the disk. Does nothing where the file system cannot. */
int32_t sw_directory_spread(const char *path, struct sw_error *error);
/* Makes what a container's directory holds from the start (README.md). -EEXIST when it is there; nothing stays when it fails. */
int32_t sw_container_directory_make(const char *path, struct sw_error *error);
/* With all that is in it, whatever its depth; never follows a link. Absent is fine. */
int32_t sw_directory_remove(const char *path, struct sw_error *error);

#endif
