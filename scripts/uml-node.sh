#!/bin/bash
# A node of a lab in a machine of its own, for the tests that cut its power: user-mode Linux (uml.sh) with a disk image for the node's state
# and a link to the lab's bridge. What the guest did not sync lies in its memory alone and is gone with it.
#   uml-node.sh provide WORK ADDRESS COMMAND...    once: kernel, disk and first program; where it cannot be had it says why and exits 3
#   uml-node.sh boot WORK NAMESPACE PORT NUMBER    switches it on, with PORT of the bridge in NAMESPACE; its console is standard output
# SIGKILL to the process group of `boot` is the power cut. NUMBER counts the boots of one WORK.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
memory_mib=768
# Sparse: what is written to it is all that it takes.
disk_size=4G
# shellcheck source=scripts/uml.sh
source scripts/uml.sh

provide() {
	local work=$1 address=$2
	shift 2
	uml_provide "$work" || { echo "$uml_problem" >&2; exit 3; }
	command -v mke2fs >/dev/null || { echo "mke2fs is missing, install e2fsprogs" >&2; exit 3; }
	truncate -s "$disk_size" "$work/disk" && mke2fs -q -t ext4 -E lazy_itable_init=1,nodiscard "$work/disk" || exit 1
	uml_init "$work" "$PWD" >"$work/init"
	cat >>"$work/init" <<-INIT
		mkdir -p /var/lib/stratoswarm && mount -t ext4 -o noatime /dev/ubda /var/lib/stratoswarm || echo "the disk cannot be mounted"
		ip addr add "$address/24" dev vec0
		ip link set vec0 up
		$(printf '%q ' "$@")
		echo "the first program ended with \$?"
		busybox poweroff -f
	INIT
	chmod 755 "$work/init"
}

boot() {
	local work=$1 namespace=$2 port=$3 number=$4
	if ! ip -n "$namespace" link show "$port" >/dev/null 2>&1; then
		ip -n "$namespace" tuntap add "$port" mode tap && ip -n "$namespace" link set "$port" master br0 up || exit 1
	fi
	# It ends with whoever started it, too.
	uml_within=(exec setpriv --pdeathsig KILL -- nsenter "--net=/run/netns/$namespace")
	uml_run "$work" "$memory_mib" "node$number" "ubd0=/host$work/disk" "vec0:transport=tap,ifname=$port,depth=64,gro=0"
}

case ${1:-} in
provide | boot) "$@" ;;
*)
	echo "usage: uml-node.sh provide|boot ..., see the first lines of the file" >&2
	exit 2
	;;
esac
