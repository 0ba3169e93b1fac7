# Sourced by criu.sh and uml.sh: packages of Debian forky for use beside an older system, fetched with an apt that knows
# nothing of this system and unpacked into a prefix. Nothing is installed; signatures are checked as always.
# shellcheck shell=bash

forky_problem=""

# The Debian mirror in the machine's own apt configuration, in either format, as "URI KEYRING"
debian_mirror() {
	apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT) $(SIGNED_BY)' 2>/dev/null |
		awk '$2 ~ /^(bookworm|trixie|forky|sid|stable|testing|unstable)$/ && $3 == "main" { print $1, $4; exit }'
}

# forky_fetch DIRECTORY PACKAGE... : the packages and all they depend on, into DIRECTORY/cache/archives. On failure
# forky_problem says why. The suite's Release file has expired on some mirrors, hence Check-Valid-Until.
forky_fetch() {
	local dir=$1 mirror keyring
	shift
	read -r mirror keyring < <(debian_mirror) || true
	[ -n "${mirror:-}" ] || { forky_problem="no Debian mirror among this machine's apt sources"; return 1; }
	case ${keyring:-} in /*) ;; *) keyring=/usr/share/keyrings/debian-archive-keyring.gpg ;; esac
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	: >"$dir/status"
	printf 'Types: deb\nURIs: %s\nSuites: forky\nComponents: main\nSigned-By: %s\n' "$mirror" "$keyring" >"$dir/forky.sources"
	local options=(-o "Dir::Etc::sourcelist=$dir/forky.sources" -o Dir::Etc::sourceparts=/dev/null
		-o "Dir::State::lists=$dir/lists" -o "Dir::State::status=$dir/status" -o "Dir::Cache=$dir/cache"
		-o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o Acquire::Retries=1
		-o Acquire::http::Timeout=20 -o APT::Install-Recommends=false -o APT::Update::Error-Mode=any)
	timeout 300 apt-get "${options[@]}" update >"$dir/log" 2>&1 &&
		timeout 300 apt-get "${options[@]}" install -y --download-only "$@" >>"$dir/log" 2>&1 && return 0
	forky_problem="fetching $* of Debian forky from $mirror failed: $(grep -E '^(E|Err|W):' "$dir/log" | tail -n 1)"
	return 1
}

# forky_unpack DIRECTORY PREFIX : unpacks what was fetched
forky_unpack() {
	local deb
	for deb in "$1"/cache/archives/*.deb; do
		dpkg -x "$deb" "$2" || return 1
	done
}
