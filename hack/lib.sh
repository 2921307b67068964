# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts in hack/ and tests/kernels/: say what happens, check for root, install packages
# by name where something is missing, keep caches outside the tree. Sourced, never run.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' dim=$'\e[2m' plain=$'\e[0m'
else
	bold='' red='' green='' yellow='' dim='' plain=''
fi

# Where downloads and built tools are kept between runs: never inside the tree.
BH_CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/bulkhead

# What a fresh Debian 12 needs to build, and what the suites need beyond that.
PACKAGES_BUILD="gcc make clang llvm libc6-dev libbpf-dev libelf-dev zlib1g-dev libjson-c-dev
	libcurl4-openssl-dev libyaml-dev bpftool pkg-config"
PACKAGES_TEST="libcmocka-dev iproute2 iptables nftables containernetworking-plugins python3 util-linux
	procps ca-certificates openssl strace libclang-rt-14-dev zsh fish mandoc prometheus chromium fonts-dejavu-core"
PACKAGES_DEMO="containernetworking-plugins iproute2 util-linux jq"
PACKAGES_CLUSTER="runc containernetworking-plugins iproute2 iptables nftables util-linux procps openssl
	busybox-static python3 gcc libc6-dev"
PACKAGES_IMAGE="binutils dpkg-dev gcc libssl-dev libnghttp2-dev make pkg-config python3"
PACKAGES_ARM64="gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static"
PACKAGES_KERNELS="qemu-system-x86 busybox-static cpio xz-utils zstd"

say() {
	printf '%s==>%s %s\n' "$bold" "$plain" "$*"
}

warn() {
	printf '%swarning:%s %s\n' "$yellow" "$plain" "$*" >&2
}

die() {
	printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2
	exit 1
}

need_root() {
	[ "$(id -u)" = 0 ] || die "$(basename "$0") makes namespaces and loads BPF programs: run it as root"
}

package_there() {
	[ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

apt_quiet() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"
}

# need_packages NAME...: does nothing, and asks no mirror, where all are there. Set BH_NO_INSTALL to
# be told instead.
need_packages() {
	local missing='' name log

	for name in "$@"; do
		package_there "$name" || missing="$missing $name"
	done
	[ -z "$missing" ] && return 0
	[ -n "${BH_NO_INSTALL:-}" ] && die "missing packages:$missing"
	need_root
	command -v apt-get >/dev/null || die "no apt-get here; install these yourself:$missing"

	log=$(mktemp)
	say "installing:$missing"
	# One broken source among several must not stop us: only the installation decides.
	apt_quiet update >"$log" 2>&1 || warn "apt-get update: $(grep -m1 '^[EW]:' "$log" || tail -n 1 "$log")"
	# shellcheck disable=SC2086 # a list of names
	if ! apt_quiet install -y --no-install-recommends $missing >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		die "apt-get could not install:$missing"
	fi
	rm -f "$log"
}

# Sets GO to a compiler that can build hack/tools: the machine's own, or the backports' one. From 1.21
# on it fetches the exact toolchain that a go.mod asks for by itself.
need_go() {
	local go

	for go in "$(command -v go)" /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
		if [ -x "$go" ] && go_new_enough "$go"; then
			GO=$go
			return 0
		fi
	done
	[ -n "${BH_NO_INSTALL:-}" ] && die "no Go 1.21 or newer on this machine"
	need_root
	say "installing: golang-1.23-go from backports"
	suite_install "$(suite_codename)-backports" golang-1.23-go && [ -x /usr/lib/go-1.23/bin/go ] ||
		die "no Go 1.21 or newer here, and the backports of this release gave none"
	GO=/usr/lib/go-1.23/bin/go
}

go_new_enough() {
	local v

	v=$(GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//')
	[ -n "$v" ] && [ "$(printf '%s\n' 1.21 "$v" | sort -V | head -n 1)" = 1.21 ]
}

# npm of whatever comes with the node that is here, or Debian's.
need_npm() {
	command -v npm >/dev/null || need_packages nodejs npm
}

suite_codename() {
	# shellcheck disable=SC1091
	(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-bookworm}")
}

# The mirror of the machine's own main archive, as its apt sources name it.
apt_mirror() {
	apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(ORIGIN)' 2>/dev/null |
		awk '$2 == "main" && $3 == "Debian" { print $1; exit }' | grep . ||
	apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' |
		awk '$2 == "main" && $1 ~ /debian\/?$/ { print $1; exit }' | grep .
}

# What the machine takes of Debian's main archive, with its updates: lines `MIRROR SUITE`.
apt_suites() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk '$3 == "main" && $1 ~ /debian(-security)?\/?$/ { print $1, $2 }' | sort -u | grep .
}

# apt_source KIND MIRROR SUITE: a line for a list of sources; KIND is deb or deb-src.
apt_source() {
	printf '%s [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' "$@"
}

# own_apt DIR ARGS...: apt-get with DIR/sources.list, and with lists and caches of its own in DIR, so that
# the machine's own apt is left as it is.
own_apt() {
	local dir=$1

	shift
	mkdir -p "$dir/lists/partial" "$dir/parts"
	chmod 0755 "$dir" "$dir/lists"
	apt_quiet -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts="$dir/parts" \
		-o Dir::State::lists="$dir/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
		-o APT::Sandbox::User=root "$@"
}

# suite_apt DIR SUITE ARGS...: own_apt with one other suite of the machine's mirror as its only source.
suite_apt() {
	local dir=$1 suite=$2 mirror

	shift 2
	mirror=$(apt_mirror) || return 1
	mkdir -p "$dir"
	apt_source deb "$mirror" "$suite" >"$dir/sources.list"
	own_apt "$dir" "$@"
}

suite_install() {
	local dir=$BH_CACHE/apt-$1

	suite_apt "$dir" "$1" update >/dev/null 2>&1 &&
		suite_apt "$dir" "$1" install -y --no-install-recommends "$2" >/dev/null 2>&1
}

# follow FILE PID PATTERN: prints, indented, what comes into FILE and matches PATTERN (extended), until
# the process has ended.
follow() {
	local shown=0 there ended=0

	while [ "$ended" = 0 ]; do
		kill -0 "$2" 2>/dev/null || ended=1
		there=$(wc -l 2>/dev/null <"$1") || there=$shown
		head -n "$there" "$1" | tail -n "+$((shown + 1))" | tr -d '\r' | grep -E "$3" | sed 's/^/    /' || true
		shown=$there
		[ "$ended" = 1 ] || sleep 0.5
	done
}
