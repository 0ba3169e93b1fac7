#!/bin/bash
# `npm run test:v2`: the runtime's kernel tests on pure cgroup v2, in a user-mode Linux kernel of their own. What the
# guest is made of: uml.sh. Checkpoints are not tried: user-mode Linux has no CRIU.
# Prints the counts as its last line; where the kernel cannot be had it says why and exits 0.
# Arguments name other tests: scripts/vm-lab.sh test/runtime/cgroup. `--exec COMMAND...` runs a command in the guest.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
root=$PWD
memory_mib=2048
boot_and_test_s_max=${SWARM_VM_S_MAX:-900}
# shellcheck source=scripts/uml.sh
source scripts/uml.sh

skip() {
	echo "test:v2: skipped: $*" >&2
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
}

# What the guest runs as process 1. It ends by switching the machine off.
write_init() {
	uml_init "$work" "$root" >"$work/init"
	cat >>"$work/init" <<-INIT
		echo "guest: Linux \$(uname -r), cgroup v2 with \$(cat /sys/fs/cgroup/cgroup.controllers)"
		STRATOSWARM_TEST_REPORT="$work/report" bash "$work/command"
		echo \$? >"$work/status"
		sync
		busybox poweroff -f
	INIT
	chmod 755 "$work/init"
}

boot() {
	uml_within=(timeout --foreground --kill-after=5 "$boot_and_test_s_max")
	uml_run "$work" "$memory_mib" guest |
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
	work=$(mktemp -d /var/tmp/stratoswarm-vm.XXXXXX) || skip "no room in /var/tmp"
	trap 'rm -rf "$work"' EXIT
	uml_provide "$work" || skip "$uml_problem"
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
