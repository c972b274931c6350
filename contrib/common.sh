# shellcheck shell=sh disable=SC2034
# Sourced by the scripts beside it: where the tree is, and how to get what they need.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
jobs=$(nproc 2>/dev/null || echo 2)
# The shell of configure, of libtool and of make: dash is there on every Debian and half as long about it as bash.
: "${CONFIG_SHELL=$(command -v dash || command -v sh)}"
export CONFIG_SHELL

build_packages="gcc make autoconf automake libtool pkg-config libevent-dev libssl-dev libjwt-dev libjansson-dev
	libhiredis-dev libnghttp2-dev libyaml-dev libc-ares-dev libpcre2-dev libcrypt-dev zlib1g-dev libbrotli-dev libzstd-dev
	libluajit2-5.1-dev"
test_packages="libcmocka-dev python3 python3-pytest python3-pytest-xdist python3-pytest-timeout python3-requests python3-h2
	python3-jwt python3-jsonschema python3-cryptography python3-redis python3-websockets python3-wsproto python3-grpcio
	python3-yaml redis-server nginx libnginx-mod-stream haproxy openssl curl wrk nghttp2-client python3-httpx python3-brotli
	python3-zstandard mandoc dnsmasq-base"
# contrib/test.sh installs npm as well, where it is missing: it brings the server of tests/scenario/provider.
# The browser and the applications of tests/scenario/stacks are large: where one is missing, its tests are skipped.
ci_packages="iproute2 dnsmasq-base abigail-tools clang clang-format-14 clang-tidy cppcheck g++ xz-utils dpkg-dev debian-archive-keyring chromium-headless-shell
	node-express node-ws python3-django gunicorn python3-fastapi python3-uvicorn python3-multipart
	tomcat10-common default-jre-headless ecj golang-go"

say() { printf '\n==> %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# need PACKAGE...: install those that are missing, as root or by sudo.
need() {
	command -v dpkg-query >/dev/null || { say "not a Debian system: taking $* for installed"; return 0; }
	missing=
	for package; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -q '^installed$' || missing="$missing $package"
	done
	[ -z "$missing" ] && return 0
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	[ -z "$sudo" ] || command -v sudo >/dev/null || die "missing packages, and no right to install them:$missing"
	say "installing$missing"
	# A service that a package brings would take a port: the tests start their own.
	policy=/usr/sbin/policy-rc.d
	ours=
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
		$sudo chmod 755 "$policy"
		ours=1
	fi
	export DEBIAN_FRONTEND=noninteractive
	status=0
	# shellcheck disable=SC2086
	{ $sudo apt-get -qq update && $sudo apt-get -qq install -y --no-install-recommends $missing >/dev/null; } || status=$?
	[ -z "$ours" ] || $sudo rm -f "$policy"
	[ "$status" = 0 ] || die "apt-get could not install:$missing"
}

# The packages that configure may have looked for, with their versions: what it found changes when they do.
found() {
	command -v dpkg-query >/dev/null || return 0
	# shellcheck disable=SC2086
	dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\n' $build_packages $test_packages 2>/dev/null | cksum
}

# prepare FOLDER [configure options]: configure there, unless that was done with the same options and packages.
prepare() {
	folder=$1
	shift
	[ -x "$root/configure" ] && [ "$root/configure" -nt "$root/configure.ac" ] || (cd "$root" && autoreconf -fi >/dev/null 2>&1) ||
		(cd "$root" && autoreconf -fi)
	mkdir -p "$folder"
	before=$(cat "$folder/.options" 2>/dev/null) packages=$(found)
	if [ ! -f "$folder/Makefile" ] || [ "$before" != "$* [$packages]" ]; then
		(cd "$folder" && "$root/configure" -q "$@") || return 1
		# Other packages alone do not change how sources are compiled, but what is built and run.
		case $before in "$* ["*) ;; *) make -s -C "$folder" clean ;; esac
		printf '%s' "$* [$packages]" >"$folder/.options"
	fi
}

# build FOLDER [configure options]: the same, and make.
build() {
	prepare "$@" || return 1
	make -s -C "$1" -j "$jobs"
}
