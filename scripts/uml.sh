# Sourced by vm-lab.sh and uml-node.sh: user-mode Linux of Debian forky, whose guests have this machine's own file system for their root,
# read-only (hostfs), with private tmpfs over every place that is written: no image has to be built and nothing on the host changes.
# Forky's 7.2 with its own C library runs system calls three times as fast as the 6.1 and 6.12 of older releases.
# shellcheck shell=bash
# shellcheck source=scripts/forky.sh
source "$(dirname "${BASH_SOURCE[0]}")/forky.sh"

uml_store=${SWARM_UML_DIR:-/var/lib/stratoswarm/uml}
# The directory that the guest's kernel runs in, with this machine's root below host/.
uml_jail=$uml_store/forky
# Why a guest cannot be had here.
uml_problem=""

# uml_provide WORK : the kernel, fetched if it is not here, and in WORK what it needs to load its modules. On failure uml_problem says why.
uml_provide() {
	[ "$(id -u)" = 0 ] || { uml_problem="needs root"; return 1; }
	[ "$(uname -m)" = x86_64 ] || { uml_problem="user-mode Linux exists for x86-64 only"; return 1; }
	uml_find_kernel || { uml_problem="user-mode Linux is not to be had: $forky_problem"; return 1; }
	uml_provide_modules "$1" || { uml_problem="the kernel modules below $uml_jail are incomplete"; return 1; }
}

uml_find_kernel() {
	local fetched link
	[ -x "$uml_jail/usr/bin/linux.uml" ] && return
	mkdir -p "$uml_store" && fetched=$(mktemp -d "$uml_store/fetch.XXXXXX") && chmod 755 "$fetched" || return 1
	echo "fetching user-mode Linux of Debian forky (about 45 MB)" >&2
	if forky_fetch "$fetched" user-mode-linux && forky_unpack "$fetched" "$fetched/jail"; then
		for link in bin lib lib64; do [ -e "$fetched/jail/$link" ] || ln -s "usr/$link" "$fetched/jail/$link"; done
		mkdir -p "$fetched/jail/host" "$fetched/jail/proc" "$fetched/jail/dev"
		mv "$fetched/jail" "$uml_jail"
	fi
	rm -rf "$fetched"
	[ -x "$uml_jail/usr/bin/linux.uml" ]
}

# The guest kernel asks for its modules by itself, through this program: busybox in a root of its own, so that neither
# kmod nor /lib/modules has to exist here.
uml_provide_modules() {
	local work=$1 modules
	modules=$(ls -d "$uml_jail"/usr/lib/uml/modules/* 2>/dev/null | tail -n 1)
	[ -n "$modules" ] && [ -s "$modules/modules.dep" ] || return 1
	mkdir -p "$work/kernel/lib/modules/$(basename "$modules")" "$work/kernel/proc"
	cp "$(command -v busybox)" "$work/kernel/busybox" || return 1
	printf '#!/bin/sh\nexec busybox chroot "%s" /busybox modprobe "$@"\n' "$work/kernel" >"$work/modprobe"
	chmod 755 "$work/modprobe"
}

# uml_init WORK ROOT : the first part of what the guest runs as process 1, in ROOT of this repository; WORK is written through to the host.
uml_init() {
	local work=$1 root=$2
	cat <<-INIT
		#!/bin/bash
		export PATH=$root/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb NO_COLOR=1 CI=true
		mount -t proc proc /proc
		mount -t sysfs sysfs /sys
		# Kept in reach while tmpfs covers the places they may lie under.
		mount --bind "$root" /mnt
		mount -t hostfs -o "/host$work" out /media
		mount --bind "$uml_jail/usr/lib/uml/modules" /srv
		for place in /tmp /run /var/tmp /var/lib /root /dev/shm; do mkdir -p \$place && mount -t tmpfs tmpfs \$place; done
		mkdir -p "$work" && mount --bind /media "$work"
		mount --bind "/srv/\$(uname -r)" "$work/kernel/lib/modules/\$(uname -r)" && umount /srv
		mount --bind /proc "$work/kernel/proc"
		echo "$work/modprobe" >/proc/sys/kernel/modprobe
		mkdir -p "$root" /dev/pts /run/repository/upper /run/repository/work
		mount -t overlay -o lowerdir=/mnt,upperdir=/run/repository/upper,workdir=/run/repository/work overlay "$root"
		mount -t devpts -o ptmxmode=666,gid=5 devpts /dev/pts
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		mkdir /sys/fs/cgroup/init && echo 1 >/sys/fs/cgroup/init/cgroup.procs
		for controller in \$(cat /sys/fs/cgroup/cgroup.controllers); do
			echo "+\$controller" >/sys/fs/cgroup/cgroup.subtree_control
		done
		# User-mode Linux mishandles mappings of io_uring, which Node uses where it may: the guest ends in "Bad page map".
		echo 2 >/proc/sys/kernel/io_uring_disabled
		ip link set lo up
		echo 1 >/proc/sys/net/ipv4/ip_forward
		cd "$root"
	INIT
}

# uml_run WORK MEMORY_MIB NAME ARGUMENT... : WORK/init in a guest with these arguments for its kernel besides. Returns when the guest is
# off: all its processes are in a pid namespace that ends with it. The words of uml_within, such as nsenter(1), go before it.
uml_within=()
uml_run() {
	local work=$1 memory_mib=$2 name=$3 pages=/host$1
	shift 3
	# The guest's memory is a file: in memory where there is room, else on disk.
	[ "$(df -m --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt "$memory_mib" ] 2>/dev/null && pages=/dev/shm
	"${uml_within[@]}" unshare --mount --pid --fork --kill-child --propagation private bash -c '
		jail=$1 pages=$2
		shift 2
		mount --rbind / "$jail/host" && mount --rbind /dev "$jail/dev" && mount -t proc proc "$jail/proc" || exit 1
		HOME=/host TMPDIR=$pages exec chroot "$jail" /usr/bin/linux.uml "$@"' boot "$uml_jail" "$pages" \
		"mem=${memory_mib}M" "umid=$name" "uml_dir=/host$work/" rootfstype=hostfs rootflags=/host ro "init=$work/init" \
		seccomp=auto con=null con0=null,fd:1 con1=null quiet panic=-1 "$@" </dev/null 2>"$work/kernel.log"
}
