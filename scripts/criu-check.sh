#!/bin/bash
# criu-check.sh TARGET ARGV... : exit 0 if the CRIU that ARGV starts dumps and restores TARGET (criu-target.c), a process
# with a listening TCP socket and an open TCP connection, and both work afterwards. The last line on stderr tells what
# failed. Runs only inside private network, mount and pid namespaces (criu.sh makes them): it mounts over /run and /tmp.
set -u

fail() {
	echo "$*" >&2
	exit 1
}

# first_error FILE: CRIU's own first complaint in one line; that it may not raise its own limits is none
first_error() { grep -E 'Error|BUG' "$1" 2>/dev/null | grep -m 1 -v rlimit: | sed 's/^([0-9.]*) *//' | cut -c 1-200; }

# Whether the target answers through its listener and its connection, within 5 s
answers() {
	local answer tries
	for ((tries = 0; tries < 100; tries++)); do
		if { exec 5<>/dev/tcp/127.0.0.1/7001; } 2>/dev/null; then
			echo alive >&5
			read -r -t 5 -u 5 answer
			exec 5>&-
			[ "$answer" = alive ]
			return
		fi
		sleep 0.05
	done
	return 1
}

main() {
	local program=$1 pid
	shift
	mount -t tmpfs run /run && mount -t tmpfs tmp /tmp || fail "cannot mount a tmpfs in a private namespace"
	ip link set lo up || fail "cannot set the loopback device up in a network namespace"
	mkdir /tmp/image && cp "$program" /tmp/target && cd /tmp || fail "cannot prepare the test"
	setsid /tmp/target </dev/null >/dev/null 2>&1 &
	pid=$!
	answers || fail "the test program could not open its sockets"
	"$@" dump -t "$pid" -D image -o dump.log --manage-cgroups=ignore --network-lock nftables --tcp-established \
		>/dev/null 2>&1 || fail "dump failed: $(first_error image/dump.log)"
	wait "$pid" 2>/dev/null
	"$@" restore -d -D image -o restore.log --manage-cgroups=ignore --tcp-established \
		>/dev/null 2>&1 || fail "restore failed: $(first_error image/restore.log)"
	answers || fail "the restored process does not answer"
}

main "$@"
