#!/bin/bash
# `npm run test:v2`: the runtime's kernel tests on pure cgroup v2, in a user-mode Linux kernel of their own. The guest's root
# is this machine's own file system, read-only (hostfs), with private tmpfs over every place that is written, so nothing
# has to be built or copied and nothing on the host changes. Checkpoints are not tried: user-mode Linux has no CRIU.
# Prints the counts as its last line; where the kernel cannot be had it says why and exits 0.
# Arguments are passed to vitest instead of the runtime's tests: scripts/vm-lab.sh test/runtime/network.kernel.test.ts
# `--exec COMMAND...` runs a command in the guest instead of tests.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
root=$PWD
store=${SWARM_UML_DIR:-/var/lib/stratoswarm/uml}
memory_mib=2048
boot_and_test_s_max=900

skip() {
	echo "test:v2: skipped: $*" >&2
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}

# Prints the prefix that holds usr/bin/linux.uml: the system's, or Debian's package unpacked aside (not installed, because
# installing it brings network daemons).
find_kernel() {
	local fetched
	[ -x /usr/bin/linux.uml ] && echo / && return
	[ -x "$store/usr/bin/linux.uml" ] && echo "$store" && return
	mkdir -p "$store" && fetched=$(mktemp -d) && chmod 755 "$fetched" || return 1
	apt-cache show user-mode-linux >/dev/null 2>&1 || apt-get update -qq >/dev/null 2>&1
	(cd "$fetched" && apt-get download -qq user-mode-linux >/dev/null 2>&1 && dpkg -x user-mode-linux_*.deb "$store")
	rm -rf "$fetched"
	[ -x "$store/usr/bin/linux.uml" ] && echo "$store"
}

# The guest kernel asks for its modules by itself, through this program: busybox in a root of its own, so that neither
# kmod nor /lib/modules has to exist here.
provide_modules() {
	local modules
	modules=$(ls -d "${1%/}"/usr/lib/uml/modules/* 2>/dev/null | tail -n 1)
	[ -n "$modules" ] && [ -s "$modules/modules.dep" ] || return 1
	mkdir -p "$work/kernel/lib/modules/$(basename "$modules")" "$work/kernel/proc"
	cp "$(command -v busybox)" "$work/kernel/busybox" || return 1
	printf '#!/bin/sh\nexec busybox chroot "%s" /busybox modprobe "$@"\n' "$work/kernel" >"$work/modprobe"
	chmod 755 "$work/modprobe"
}

# What the guest runs as process 1. It ends by switching the machine off.
write_init() {
	local prefix=$1
	cat >"$work/init" <<-INIT
		#!/bin/bash
		export PATH=$root/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb NO_COLOR=1 CI=true
		mount -t proc proc /proc
		mount -t sysfs sysfs /sys
		# Kept in reach while tmpfs covers the places they may lie under.
		mount --bind "$root" /mnt
		mount -t hostfs -o "$work" out /media
		mount --bind "${prefix%/}/usr/lib/uml/modules" /srv
		for place in /tmp /run /var/tmp /var/lib /root /dev/shm; do mkdir -p \$place && mount -t tmpfs tmpfs \$place; done
		mkdir -p "$root" "$work" /dev/pts
		mount --bind /mnt "$root" && mount --bind /media "$work" && umount /mnt
		mount -t devpts -o ptmxmode=666,gid=5 devpts /dev/pts
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		mkdir /sys/fs/cgroup/init && echo 1 >/sys/fs/cgroup/init/cgroup.procs
		for controller in \$(cat /sys/fs/cgroup/cgroup.controllers); do
			echo "+\$controller" >/sys/fs/cgroup/cgroup.subtree_control
		done
		mount --bind "/srv/\$(uname -r)" "$work/kernel/lib/modules/\$(uname -r)" && umount /srv
		mount --bind /proc "$work/kernel/proc"
		echo "$work/modprobe" >/proc/sys/kernel/modprobe
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

# boot PREFIX: returns when the guest is off
boot() {
	local prefix=$1 pages=$work
	# The guest's memory is a file: in memory where there is room, else on disk.
	[ "$(df -m --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt "$memory_mib" ] 2>/dev/null && pages=/dev/shm
	TMPDIR=$pages HOME=$work timeout --kill-after=5 "$boot_and_test_s_max" "${prefix%/}/usr/bin/linux.uml" \
		"mem=${memory_mib}M" "umid=stratoswarm-$$" "uml_dir=$work/" rootfstype=hostfs rootflags=/ ro "init=$work/init" \
		con=null con0=null,fd:1 con1=null quiet panic=-1 </dev/null 2>"$work/kernel.log" |
		grep --line-buffered -v -E '^(SELinux:|mmapper_init|Failed to initialize ubd)|reboot: System halted'
}

write_command() {
	if [ "${1:-}" = --exec ]; then
		shift
		printf '%q ' "$@" >"$work/command"
		return
	fi
	local tests=("$@")
	[ $# -gt 0 ] || tests=(test/runtime)
	printf '%q ' vitest run --project kernel --configLoader runner --reporter default --reporter "$root/scripts/test-report.mjs" \
		--no-cache "${tests[@]}" >"$work/command"
}

# Prints the skips with their reasons and the line of counts; fails when a test failed or none could run.
summary() {
	[ -s "$work/report" ] || { echo "0 passed, 1 failed, 0 skipped"; return 1; }
	node --input-type=module - "$work/report" <<-'SCRIPT'
		import { readFileSync } from "node:fs";
		const { passed, failed, skipped } = JSON.parse(readFileSync(process.argv[2], "utf8"));
		for (const { name, reason } of skipped) console.log(`skipped ${name} (missing: ${reason})`);
		console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
		process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
	SCRIPT
}

main() {
	local prefix
	[ "$(id -u)" = 0 ] || skip "needs root"
	case $(uname -m) in x86_64) ;; *) skip "user-mode Linux exists for x86-64 only" ;; esac
	prefix=$(find_kernel) || skip "the package user-mode-linux could not be fetched through apt"
	work=$(mktemp -d /var/tmp/stratoswarm-vm.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	provide_modules "$prefix" || skip "the kernel modules of $prefix are incomplete"
	write_init "$prefix"
	write_command "$@"
	boot "$prefix"
	[ -s "$work/status" ] || { cat "$work/kernel.log" >&2; echo "test:v2: the guest ended before its command did" >&2; return 1; }
	[ "${1:-}" = --exec ] && return "$(cat "$work/status")"
	summary
}

main "$@"
