#!/bin/sh
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# What each program links and how it is hardened, as design and README say:
# a privileged program that gains a parser library fails here.
#
#	tests/links.sh [OUT]
set -eu
LC_ALL=C; export LC_ALL
out=${1:-out}
failed=0
checks=0

fail() {
	echo "links.sh: $*" >&2
	failed=$((failed + 1))
}
ok() { checks=$((checks + 1)); }

# What may stand in NEEDED beyond libc and the loader.
allowed() {
	case $1 in
	berthd)		echo "libevent_core" ;;
	berth-engine)	echo "libevent_core libbsd libmd" ;;
	berth-unpack)	echo "libarchive libz libisal libzstd libcrypto" \
			    "libjansson libbsd libmd libpthread" ;;
	berth-init)	echo "" ;;
	berth-conf)	echo "libbsd libmd" ;;
	berth-http)	echo "libevent_core libbsd libmd" ;;
	berth-fetch)	echo "libcurl libcrypto libssl libjansson" \
			    "libevent_core libbsd libmd libpthread" ;;
	berth)		echo "" ;;
	esac
}

# Names by which such a library would show, also when it is linked in.
foreign='^(json_(load|object|array|decref|delete|dump|pack|unpack)|cJSON|yyjson|
curl_|Curl_|evhttp_|http_parser|llhttp|nghttp2_|SSL_|EVP_|OPENSSL_|CRYPTO_|X509_|
gnutls_|mbedtls_|archive_(read|write|entry)|tar_open|(in|de)flate($|Init|End)|
gz(open|read)|isal_|ZSTD_|LZ4_|lzma_|BZ2_|Brotli)'
foreign=$(printf %s "$foreign" | tr -d '\n')

needed() { readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\].*/\1/p'; }
# A stripped static program tells nothing: then what its objects ask for.
symbols() {
	{
		nm "$1" || :
		nm -D "$1" || :
		case $1 in
		*/berth-init)
			nm "$out"/obj/broker/init/*.o "$out"/obj/common/*.o \
			    "$out"/obj/proto/msg*.o "$out"/obj/proto/chan.o ;;
		esac
	} 2>/dev/null | sed 's/.* //; s/@.*//'
}

in_list() { # lib.so.N name...
	lib=${1%%.so*}; lib=${lib%-[0-9]*}; shift
	for n; do [ "$lib" = "$n" ] && return 0; done
	return 1
}

check_needed() { # program
	p=$out/$1
	# shellcheck disable=SC2046 # words on purpose
	for lib in $(needed "$p"); do
		in_list "$lib" libc ld-linux ld-linux-x86 ld-linux-aarch64 \
		    $(allowed "$1") ||
		    fail "$1 links $lib, which is not on its list"
		ok
	done
}

# What only they may know who are nobody to the host: images, records,
# requests.  And what only the broker may do: processes, cgroups.
engines='^(SHA[0-9]|MD5|RMD160|ref_|record_|json_|image_|layers?_|refs?_|
audit_|fetch_|pod_|client_|control_|http_|trash_|durable_|applog_|commit_|
stack_|platform_|store_(read|write|copy|temp|sealed)|
msg_check_(fetch|run|image|export|document|layer|want|digest)|
msg_(ref|name|digest|platform)_)'
engines=$(printf %s "$engines" | tr -d '\n')
brokers='^(spawn(_|$)|cgroup_|v?fork$|clone3?$|f?exec[lv][a-z]*$|posix_spawn|
set(res|re|e|fs)?[ug]id$|setgroups$)'
brokers=$(printf %s "$brokers" | tr -d '\n')

readers='^(yy(parse|lex)|get(gr|pw)(nam|[gu]id|ent)[a-z_]*|ref_parse)$'

# program, pattern, what it means; a stripped one would tell nothing
check_without() {
	s=$(symbols "$out/$1")
	echo "$s" | grep -qx main || fail "$1 is stripped: nothing to look at"
	s=$(echo "$s" | grep -E "$2" | head -3 | tr '\n' ' ' || :)
	[ -z "$s" ] || fail "$1 $3: $s"
	ok
}

# Who holds what is worth having parses nothing of a stranger's, nor do the
# libraries that it brings with it.
check_parserless() { # program
	p=$out/$1
	s=$(symbols "$p" | grep -E "$foreign" | head -3 | tr '\n' ' ' || :)
	[ -z "$s" ] || fail "$1 has foreign symbols: $s"
	ok
	[ "$1" != berth-init ] || return 0
	# The configuration is berth-conf's to read, and so are names of groups.
	check_without "$1" "$readers" "reads text"
	readelf -lW "$p" | grep -q INTERP || return 0	# static: nothing else
	# shellcheck disable=SC2046 # words on purpose
	for lib in $(ldd "$p" | sed -n 's/^[[:space:]]*\([^ ]*\).*/\1/p'); do
		in_list "${lib##*/}" linux-vdso linux-gate ld-linux \
		    ld-linux-x86 ld-linux-aarch64 libc libpthread libdl \
		    $(allowed "$1") ||
		    fail "$1 loads ${lib##*/}, which is not on its list"
		ok
	done
}

check_hardening() { # program
	p=$out/$1
	readelf -hW "$p" | grep -q 'Type:.*DYN' || fail "$1 is no PIE"
	h=$(readelf -lW "$p")
	echo "$h" | grep -q GNU_RELRO || fail "$1 has no RELRO"
	echo "$h" | grep GNU_STACK | grep -q 'RWE' &&
	    fail "$1 has an executable stack"
	echo "$h" | grep -q GNU_STACK || fail "$1 does not say GNU_STACK"
	echo "$h" | grep LOAD | grep -q 'RWE' &&
	    fail "$1 has a segment both writable and executable"
	readelf -dW "$p" | grep -Eq 'BIND_NOW|FLAGS.*NOW' ||
	    fail "$1 is bound lazily (no NOW)"
	readelf -dW "$p" | grep -Eq 'RPATH|RUNPATH' &&
	    fail "$1 carries a library path"
	s=$(symbols "$p")
	echo "$s" | grep -q '^__stack_chk_fail$' ||
	    fail "$1 has no stack protector"
	echo "$s" | grep -Eq '^__[a-z]*(cpy|cat|printf|read|recv|set|move)_chk$' ||
	    fail "$1 is not fortified"
	checks=$((checks + 8))
}

# The linker drops the mark where the C library's start files lack it, so
# the objects are asked, not the programs.
check_cet() {
	[ "$(uname -m)" = x86_64 ] || {
		echo "links.sh: skip: CET is a matter of x86-64"
		return 0
	}
	n=0
	# shellcheck disable=SC2044 # our own names: no blanks
	for o in $(find "$out/obj" -name '*.o' ! -path '*/tests/*'); do
		readelf -nW "$o" 2>/dev/null | grep -q 'IBT, SHSTK' ||
		    fail "$o is built without CET"
		n=$((n + 1))
	done
	[ $n -gt 0 ] || fail "no objects under $out/obj"
	checks=$((checks + n))
}

for prog in berthd berth-engine berth-conf berth-unpack berth-init \
    berth-http berth-fetch berth; do
	if [ ! -x "$out/$prog" ]; then
		fail "$out/$prog is missing: run make"
		continue
	fi
	check_needed "$prog"
	check_hardening "$prog"
done
for prog in berthd berth-engine berth-init; do
	[ ! -x "$out/$prog" ] || check_parserless "$prog"
done
[ ! -x "$out/berthd" ] || check_without berthd "$engines" \
    "knows what is the engine's"
[ ! -x "$out/berth-engine" ] || check_without berth-engine "$brokers" \
    "can do what is the broker's"
if [ -x "$out/berth-init" ]; then
	readelf -lW "$out/berth-init" | grep -q INTERP &&
	    fail "berth-init needs a loader: it must be static"
	ok
fi
check_cet

[ $failed = 0 ] || { echo "links.sh: $failed failed" >&2; exit 1; }
echo "links.sh: $checks checks passed"
