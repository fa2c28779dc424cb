#!/bin/sh
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# Installs the distribution's packages that a target of the Makefile needs,
# and only those that are missing.
#
#	tests/packages.sh build|demo|check|lint|bench
#
# Fedora, by hand:
#   build: gcc make bison libevent-devel libbsd-devel libmd-devel
#     jansson-devel libcurl-devel libarchive-devel openssl-devel
#     isa-l-devel libzstd-devel zlib-devel libseccomp-devel glibc-static
#   demo:  docker-distribution skopeo busybox curl python3
#   check: clang compiler-rt libcmocka-devel python3-pytest mandoc umoci
#     redis nginx strace e2fsprogs util-linux zstd openssl binutils iproute
#     procps-ng valgrind, and the C source of llhttp in LLHTTP_DIR
#   lint:  clang clang-tools-extra cppcheck ShellCheck mandoc git
set -eu

build="gcc make bison libc6-dev libevent-dev libbsd-dev libmd-dev
libjansson-dev libcurl4-openssl-dev libarchive-dev libssl-dev libisal-dev
libzstd-dev zlib1g-dev libseccomp-dev"
demo="docker-registry skopeo busybox-static curl python3 ca-certificates"
check="clang libclang-rt-dev node-llhttp libcmocka-dev python3-pytest
mandoc umoci redis-server redis-tools nginx-light strace e2fsprogs
util-linux zstd openssl binutils iproute2 procps valgrind"
lint="clang clang-tidy cppcheck shellcheck mandoc git"
# The peers (podman, crun, runc, docker, buildah, umoci) are the user's to
# install or to leave out.
bench="docker-registry skopeo curl wrk zstd e2fsprogs util-linux python3"

case ${1:-} in
build)	want="$build" ;;
demo)	want="$build $demo" ;;
check)	want="$build $demo $check" ;;
lint)	want="$build $lint" ;;
bench)	want="$build $bench" ;;
*)	echo "usage: packages.sh build|demo|check|lint|bench" >&2; exit 2 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null
then
	echo "packages.sh: this is neither Debian nor Ubuntu: install by" \
	    "hand what the head of tests/packages.sh lists; going on" >&2
	exit 0
fi

missing=
for p in $want; do
	case $(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) in
	installed) ;;
	*)	missing="$missing $p" ;;
	esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "packages.sh: not root and no sudo; missing:$missing" >&2
		exit 1
	}
	as_root=sudo
fi

# A test machine shall not begin to serve redis, nginx and a registry to
# itself because their packages came: no service is started meanwhile.
rcd=/usr/sbin/policy-rc.d
made=
if [ ! -e $rcd ]; then
	printf '#!/bin/sh\nexit 101\n' | $as_root tee $rcd >/dev/null
	$as_root chmod 755 $rcd
	made=yes
fi
tidy() { [ -z "$made" ] || $as_root rm -f $rcd; }
trap tidy EXIT
trap 'exit 1' INT TERM HUP

echo "packages.sh: installing$missing"
log=$(mktemp)
# shellcheck disable=SC2086 # the lists are words on purpose
if ! { $as_root apt-get update -q &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
    --no-install-recommends $missing; } >"$log" 2>&1 </dev/null
then
	cat "$log" >&2
	rm -f "$log"
	echo "packages.sh: apt-get failed; wanted:$missing" >&2
	exit 1
fi
rm -f "$log"
