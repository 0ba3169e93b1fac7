/* `swarm-init serve`: one small process beside a daemon that starts commands in its containers. A fork of the daemon itself takes
 * 10 ms, and namespaces cannot be entered by one of its threads. Descriptor 3 is a stream socket to the daemon, whose first byte
 * brings a second one (SOCK_SEQPACKET) for the requests. When the daemon goes, the commands it waits for are killed. */
#ifndef SW_SERVE_H
#define SW_SERVE_H

/* Gives an exit code when the daemon has gone. */
int serve(char **arguments);

#endif
