#!/bin/bash
# `npm run test:v2`: the runtime's kernel tests on pure cgroup v2, in a user-mode Linux kernel of their own. The guest's root
# is this machine's own file system, read-only (hostfs), with private tmpfs over every place that is written, so no image
# has to be built and nothing on the host changes. Checkpoints are not tried: user-mode Linux has no CRIU.
# Prints the counts as its last line; where the kernel cannot be had it says why and exits 0.
# Arguments name other tests: scripts/vm-lab.sh test/runtime/cgroup. `--exec COMMAND...` runs a command in the guest.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
root=$PWD
store=${SWARM_UML_DIR:-/var/lib/stratoswarm/uml}
memory_mib=2048
boot_and_test_s_max=${SWARM_VM_S_MAX:-900}
# shellcheck source=scripts/forky.sh
source scripts/forky.sh

skip() {
	echo "test:v2: skipped: $*" >&2
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}

# Sets jail: the directory that the guest's kernel runs in, with this machine's root below host/. Forky's 7.2 with its own C
# library runs system calls three times as fast as the 6.1 and 6.12 of older releases.
find_kernel() {
	local fetched link
	jail=$store/forky
	[ -x "$jail/usr/bin/linux.uml" ] && return
	mkdir -p "$store" && fetched=$(mktemp -d "$store/fetch.XXXXXX") && chmod 755 "$fetched" || return 1
	echo "test:v2: fetching user-mode Linux of Debian forky (about 45 MB)" >&2
	if forky_fetch "$fetched" user-mode-linux && forky_unpack "$fetched" "$fetched/jail"; then
		for link in bin lib lib64; do [ -e "$fetched/jail/$link" ] || ln -s "usr/$link" "$fetched/jail/$link"; done
		mkdir -p "$fetched/jail/host" "$fetched/jail/proc" "$fetched/jail/dev"
		mv "$fetched/jail" "$jail"
	fi
	rm -rf "$fetched"
	[ -x "$jail/usr/bin/linux.uml" ]
}

# The guest kernel asks for its modules by itself, through this program: busybox in a root of its own, so that neither
# kmod nor /lib/modules has to exist here.
provide_modules() {
	local modules
	modules=$(ls -d "$jail"/usr/lib/uml/modules/* 2>/dev/null | tail -n 1)
	[ -n "$modules" ] && [ -s "$modules/modules.dep" ] || return 1
	mkdir -p "$work/kernel/lib/modules/$(basename "$modules")" "$work/kernel/proc"
	cp "$(command -v busybox)" "$work/kernel/busybox" || return 1
	printf '#!/bin/sh\nexec busybox chroot "%s" /busybox modprobe "$@"\n' "$work/kernel" >"$work/modprobe"
	chmod 755 "$work/modprobe"
}

# What the guest runs as process 1. It ends by switching the machine off.
write_init() {
	cat >"$work/init" <<-INIT
		#!/bin/bash
		export PATH=$root/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb NO_COLOR=1 CI=true
		mount -t proc proc /proc
		mount -t sysfs sysfs /sys
		# Kept in reach while tmpfs covers the places they may lie under.
		mount --bind "$root" /mnt
		mount -t hostfs -o "/host$work" out /media
		mount --bind "$jail/usr/lib/uml/modules" /srv
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
		echo "guest: Linux \$(uname -r), cgroup v2 with \$(cat /sys/fs/cgroup/cgroup.controllers)"
		STRATOSWARM_TEST_REPORT="$work/report" bash "$work/command"
		echo \$? >"$work/status"
		sync
		busybox poweroff -f
	INIT
	chmod 755 "$work/init"
}

# Returns when the guest is off. All its processes are in a pid namespace that ends with it.
boot() {
	local pages=/host$work
	# The guest's memory is a file: in memory where there is room, else on disk.
	[ "$(df -m --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt "$memory_mib" ] 2>/dev/null && pages=/dev/shm
	timeout --foreground --kill-after=5 "$boot_and_test_s_max" unshare --mount --pid --fork --kill-child --propagation private bash -c '
		jail=$1 pages=$2
		shift 2
		mount --rbind / "$jail/host" && mount --rbind /dev "$jail/dev" && mount -t proc proc "$jail/proc" || exit 1
		HOME=/host TMPDIR=$pages exec chroot "$jail" /usr/bin/linux.uml "$@"' boot "$jail" "$pages" \
		"mem=${memory_mib}M" "umid=guest" "uml_dir=/host$work/" rootfstype=hostfs rootflags=/host ro "init=$work/init" \
		seccomp=auto con=null con0=null,fd:1 con1=null quiet panic=-1 </dev/null 2>"$work/kernel.log" |
		grep --line-buffered -v -E '^(SELinux:|mmapper_init|Failed to initialize ubd)|reboot: (System halted|Power down)'
}

write_command() {
	if [ "${1:-}" = --exec ]; then
		shift
		printf '%q ' "$@" >"$work/command"
		return
	fi
	local tests=("$@")
	[ $# -gt 0 ] || tests=(test/native test/runtime test/oci)
	printf '%q ' vitest run --project kernel --configLoader runner --reporter default --reporter "$root/scripts/test-report.mjs" \
		--no-cache "${tests[@]}" >"$work/command"
}

# Prints the skips with their reasons and the line of counts; fails when a test failed or none could run.
summary() {
	[ -s "$work/report" ] || { echo "0 passed, 1 failed, 0 skipped"; return 1; }
	node --input-type=module - "$work/report" <<-'SCRIPT'
		import { readFileSync } from "node:fs";
		const { stray, files } = JSON.parse(readFileSync(process.argv[2], "utf8"));
		const passed = files.reduce((all, file) => all + file.passed, 0);
		const failed = files.reduce((all, file) => all + file.failed.length, stray);
		const skipped = files.flatMap((file) => file.skipped);
		for (const { name, reason } of skipped) console.log(`skipped ${name} (missing: ${reason})`);
		console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
		process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
	SCRIPT
}

main() {
	[ "$(id -u)" = 0 ] || skip "needs root"
	[ "$(uname -m)" = x86_64 ] || skip "user-mode Linux exists for x86-64 only"
	find_kernel || skip "user-mode Linux is not to be had: $forky_problem"
	work=$(mktemp -d /var/tmp/stratoswarm-vm.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	provide_modules || skip "the kernel modules below $jail are incomplete"
	write_init
	write_command "$@"
	boot
	if [ ! -s "$work/status" ]; then
		cat "$work/kernel.log" >&2
		echo "test:v2: the guest ended before its command did" >&2
		echo "0 passed, 1 failed, 0 skipped"
		return 1
	fi
	[ "${1:-}" = --exec ] && return "$(cat "$work/status")"
	summary
}

main "$@"
