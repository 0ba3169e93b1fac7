#!/bin/bash
# Finds or fetches a CRIU that really dumps and restores sockets on this kernel, and records it for the runtime in
# /var/lib/stratoswarm/criu/current (one JSON object, format in CONTRIBUTING.md). Tried in this order: the recorded one,
# the distribution's own, Debian forky's 4.2 in a private prefix that shares nothing with the system.
# Without any, writes the reason to .../problem, says so and exits 0: everything but checkpoints works.
# Never changes the system's apt sources or libraries. `--again` forgets the record first.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
state=${SWARM_CRIU_DIR:-/var/lib/stratoswarm/criu}
problem=""
target=$state/check-target

# shellcheck source=scripts/forky.sh
source "$here/forky.sh"

say() { echo "criu: $*" >&2; }

# version_of ARGV... : "4.2.1", or nothing
version_of() { "$@" --version 2>/dev/null | sed -n 's/^Version: *//p'; }

recorded_argv() { sed -n 's/.*"argv":\[\([^]]*\)\].*/\1/p' "$state/current" 2>/dev/null | tr ',' '\n' | tr -d '"'; }

recorded_kernel() { sed -n 's/.*"kernel":"\([^"]*\)".*/\1/p' "$state/current" 2>/dev/null; }

recorded_works() {
	local argv
	mapfile -t argv < <(recorded_argv)
	[ "${#argv[@]}" -gt 0 ] && [ "$(recorded_kernel)" = "$(uname -r)" ] && [ -n "$(version_of "${argv[@]}")" ]
}

# record SOURCE LIBRARY_PATH-or-empty ARGV...
record() {
	local source=$1 library=$2 json version
	shift 2
	version=$(version_of "$@")
	json=$(printf '"%s",' "$@")
	[ -n "$library" ] && library="\"$library\"" || library=null
	printf '{"argv":[%s],"version":"%s","libraryPath":%s,"source":"%s","kernel":"%s","checkedAtMs":%s}\n' \
		"${json%,}" "$version" "$library" "$source" "$(uname -r)" "$(date +%s%3N)" >"$state/current.new"
	mv "$state/current.new" "$state/current"
	rm -f "$state/problem"
	# Fills CRIU's cache of kernel facts (/run/criu.kdat) from the host's network namespace: filled from inside a
	# container's it would miss what only the host may ask.
	"$@" check >/dev/null 2>&1
	say "$version ($source) dumps and restores sockets on this kernel"
}

# works ARGV... : a real dump and restore with a listening socket and an open connection, in private namespaces
works() {
	local log
	[ -x "$target" ] || cc -O2 -o "$target" "$here/criu-target.c" || { problem="the test program cannot be compiled"; return 1; }
	log=$(timeout 60 unshare --net --mount --pid --fork --mount-proc --propagation private \
		bash "$here/criu-check.sh" "$target" "$@" 2>&1) && return 0
	problem="$(version_of "$@") at ${*: -1}: $(tail -n 1 <<<"$log")"
	say "$problem"
	return 1
}

# Installs the distribution's package only where its version is known to suit: 4.1 cannot dump an inet socket on
# kernels from 6.16 on, older ones fail on the vDSO of current kernels.
install_distribution_criu() {
	local candidate least=4.1
	dpkg --compare-versions "$(uname -r | sed 's/[^0-9.].*//')" ge 6.16 && least=4.2
	candidate=$(apt-cache policy criu 2>/dev/null | sed -n 's/^ *Candidate: *//p')
	[ -n "$candidate" ] && [ "$candidate" != "(none)" ] || return 1
	dpkg --compare-versions "$candidate" ge "$least" || return 1
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends criu >/dev/null 2>&1
}

# In a plain chroot no private mount namespace can be made, so neither can containers.
root_is_mounted() {
	awk '$5 == "/" { found = 1 } END { exit !found }' /proc/self/mountinfo && return 0
	problem="/ is not a mount point (a plain chroot); bind-mount the directory to itself before chroot"
	return 1
}

try_distribution() {
	command -v criu >/dev/null || install_distribution_criu || return 1
	local criu
	criu=$(command -v criu) && works "$criu" && record system "" "$criu"
}

# fetch DIRECTORY : sets prefix
fetch() {
	local dir=$1 version
	say "fetching CRIU 4.2 of Debian forky (about 9 MB) into a private prefix"
	forky_fetch "$dir" criu && forky_unpack "$dir" "$dir/prefix" || return 1
	version=$(basename "$dir"/cache/archives/criu_*.deb | cut -d_ -f2)
	rm -rf "${state:?}/$version"
	mv "$dir/prefix" "$state/$version" && prefix=$state/$version
}

# loader_of PREFIX: "LOADER LIBRARY_PATH" of its own C library
loader_of() {
	local loader library
	for loader in "$1"/usr/lib64/ld-linux-*.so.* "$1"/usr/lib/ld-linux-*.so.* "$1"/lib64/ld-linux-*.so.* "$1"/lib/ld-linux-*.so.*; do
		[ -x "$loader" ] && break
	done
	library=$(dirname "$(find "$1" -name 'libnftables.so.1' | head -n 1)")
	[ -x "$loader" ] && [ "$library" != . ] && echo "$loader $library"
}

# use PREFIX
use() {
	local loader library
	read -r loader library < <(loader_of "$1") || { problem="the CRIU in $1 has no loader"; return 1; }
	local argv=("$loader" --library-path "$library" "$1/usr/sbin/criu")
	works "${argv[@]}" && record private "$library" "${argv[@]}"
}

try_private() {
	local dir prefix=""
	for prefix in $(ls -dv "$state"/*/usr/sbin/criu 2>/dev/null | tac); do
		use "${prefix%/usr/sbin/criu}" && return 0
	done
	prefix=""
	dir=$(mktemp -d "$state/fetch.XXXXXX") && chmod 755 "$dir"
	fetch "$dir" || problem="CRIU 4.2 is not to be had: $forky_problem"
	rm -rf "$dir"
	[ -n "$prefix" ] && use "$prefix"
}

main() {
	mkdir -p "$state" || exit 0
	exec 9>"$state/.lock"
	flock 9
	[ "${1:-}" = --again ] && rm -f "$state/current"
	recorded_works && exit 0
	rm -f "$state/current"
	rm -rf "$state"/fetch.* "$target"
	root_is_mounted && { try_distribution || try_private; } || {
		echo "${problem:-no CRIU could be installed}" >"$state/problem"
		say "no working CRIU, so containers cannot be checkpointed or migrated; everything else works."
		say "reason: $(cat "$state/problem")"
		say "next step: mend that, or install CRIU 4.2 or newer yourself; then run: bash scripts/criu.sh"
	}
	exit 0
}

main "$@"
