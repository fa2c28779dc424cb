#!/bin/sh
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# Runs fuzz targets, two at a time: each on its corpus, then SECONDS more.
# What it finds new goes to WORK (none given: thrown away); an input that
# crashes stays in DIR/crashes.
#
#	tests/fuzz/run.sh DIR SECONDS [WORK] -- TARGET...
set -eu
LC_ALL=C; export LC_ALL
dir=$1; seconds=$2; shift 2
work=
[ "$1" = -- ] || { work=$1; shift; }
shift
here=$(cd "$(dirname "$0")" && pwd)
dir=$(cd "$dir" && pwd)
mkdir -p "$dir/crashes"; chmod 1777 "$dir/crashes" # cages write there too
tmp=
seed=
if [ -z "$work" ]; then
	tmp=$(mktemp -d)
	work=$tmp
	seed=-seed=1	# a check that fails must fail again
	trap 'rm -rf "$tmp"' EXIT
	trap 'exit 1' INT TERM HUP
fi

# One target; the samples of the unit tests are seeds too.
# shellcheck disable=SC2016 # for the inner shell
one='
t=$1 name=${1#fuzz_}
case $name in
manifest|index) more=$here/../unit/samples/$name ;;
config) more=$here/../unit/samples/image-config ;;
conf) more=$here/../unit/samples/conf ;;
tar) more=$here/corpus/apply ;;
http_llhttp) more=$here/corpus/http_parse ;;
*) more= ;;
esac
# what prints for every input would print a million lines
case $name in conf|envfile|audit|spawn|subids) quiet=2 ;; *) quiet=0 ;; esac
own=$here/corpus/$name
[ -d "$own" ] || own=
mkdir -p "$work/$name"; chmod 1777 "$work/$name"
if "$dir/$t" -max_total_time="$seconds" -rss_limit_mb=1024 \
    -malloc_limit_mb=512 -timeout=25 -print_final_stats=1 \
    $seed -close_fd_mask=$quiet -artifact_prefix="$dir/crashes/$name-" \
    "$work/$name" $own $more >"$work/$name.log" 2>&1
then
	n=$(sed -n "s/^stat::number_of_executed_units: *//p" \
	    "$work/$name.log")
	cov=$(sed -n "s/.* cov: \([0-9]*\) .*/\1/p" "$work/$name.log" |
	    tail -1)
	if grep -q "^skip: " "$work/$name.log"; then
		sed -n "s/^skip: /skip: $t: /p" "$work/$name.log"
	else
		echo "$t: ${n:-0} runs, ${cov:-0} edges"
	fi
else
	echo "$t: FAILED; the input is in $dir/crashes" >&2
	tail -60 "$work/$name.log" >&2
	exit 1
fi'
[ -d "$work" ] || mkdir -p "$work"
export here dir seconds work seed
chmod 755 "$work"
# Large buffers that come and go would fill 256 MB of quarantine.
ASAN_OPTIONS=allocator_may_return_null=1:quarantine_size_mb=16
export ASAN_OPTIONS
printf '%s\n' "$@" | xargs -P 2 -I '{}' sh -c "$one" sh '{}' || {
	echo "run.sh: a fuzz target has failed" >&2
	exit 1
}
