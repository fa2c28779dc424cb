#!/bin/sh
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# make demo: an image from a registry, fetched, run, and served by the five
# endpoints, in a store that is thrown away.
#
#	tests/demo.sh OUT
#	IMAGE=docker://redis tests/demo.sh OUT	(from Docker Hub, not loopback)
set -eu
PATH=$PATH:/usr/sbin:/sbin; export PATH
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: demo.sh OUT}
[ "$(id -u)" = 0 ] || { echo "demo.sh: root is needed, for now" >&2; exit 1; }

top=$(mktemp -d /var/tmp/berth-demo.XXXXXX)
chmod 755 "$top"
pids=
say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }
show() { # prints the command as one would type it (on stderr), runs it
	{
		printf '$'
		for word; do
			case $word in
			*[!A-Za-z0-9_/.:=,@%+-]*) printf " '%s'" "$word" ;;
			*)	printf ' %s' "$word" ;;
			esac
		done
		echo
	} | sed "s|$out/||g; s|$top|DEMO|g" >&2
	"$@"
}
free_port() {
	python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
await() {
	i=0
	until "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 300 ] || { echo "waited too long for: $*" >&2; exit 1; }
		sleep 0.1
	done
}
end() { # pid: TERM, and wait for it
	kill "$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || :
}
tidy() {
	status=$?
	trap - EXIT
	for p in $pids; do end "$p"; done
	rm -rf "$top"
	[ $status = 0 ] || echo "demo.sh: failed" >&2
	exit $status
}
trap tidy EXIT
trap 'exit 1' INT TERM HUP

options=--insecure-options=image
if [ -n "${IMAGE:-}" ]; then
	image=$IMAGE
else
	say "A registry on loopback, with an image of this machine's busybox"
	reg=$(free_port)
	cat >"$top/registry.yml" <<-EOF
	version: 0.1
	log: {level: error, accesslog: {disabled: true}}
	storage: {filesystem: {rootdirectory: $top/registry}}
	http: {addr: "127.0.0.1:$reg"}
	EOF
	docker-registry serve "$top/registry.yml" >"$top/registry.log" 2>&1 &
	pids="$pids $!"
	await curl -sf "http://127.0.0.1:$reg/v2/"
	PYTHONDONTWRITEBYTECODE=1 \
	    python3 "$here/e2e/images.py" busybox "$top/oci"
	skopeo copy -q --dest-tls-verify=false "oci:$top/oci:latest" \
	    "docker://127.0.0.1:$reg/busybox:latest"
	image=docker://127.0.0.1:$reg/busybox
	options=--insecure-options=image,http
fi

berth="$out/berth --dir=$top/store"

say "Fetch: each digest is checked, the ID is the converted image's SHA-512"
# shellcheck disable=SC2086 # words on purpose
id=$(show $berth $options fetch "$image")
echo "$id"

say "What the store holds, and the proof that it is what was fetched"
# shellcheck disable=SC2086
{
	show $berth image list
	show $berth image verify "$id"
}

if [ -z "${IMAGE:-}" ]; then
	say "Run: by ID nothing is fetched and no option is needed"
	# shellcheck disable=SC2086,SC2016 # words; not this shell's $
	{
		show $berth run "$id" -- sh -c \
		    'echo "I am $(id -un), pid $$, on $(hostname)"; cat /proc/self/uid_map'
		echo 'through a pipe' | show $berth run "$id" -- tr a-z A-Z
		show $berth run --memory=64Mi --pids=20 --user=user "$id" -- id
	}
	status=0
	# shellcheck disable=SC2086
	show $berth run "$id" -- sh -c 'exit 7' || status=$?
	echo "(exit status $status)"
	[ $status = 7 ]
	arguments='argument "sh" "-c" "while :; do date; sleep 1; done"'
else
	say "Run for five seconds, then SIGTERM"
	echo "\$ berth $options run $image"
	# shellcheck disable=SC2086
	$berth $options run "$image" &
	pids="$pids $!"
	sleep 5
	end $!
	arguments=
fi

say "The daemon: one declared app, five endpoints"
port=$(free_port)
cat >"$top/berthd.conf" <<EOF
store "$top/store"
listen on 127.0.0.1 port $port
insecure-options { image http }
app "demo" {
	image "$image"
	parameter "name" environment "NAME"
	$arguments
}
EOF
sed "s|$top|DEMO|" "$top/berthd.conf"
echo "\$ berthd -d -f DEMO/berthd.conf"
"$out/berthd" -d -f "$top/berthd.conf" 2>"$top/berthd.log" &
daemon=$!
pids="$pids $daemon"
url=http://127.0.0.1:$port
await curl -sf "$url/ready"
ask() { # path, expected code
	printf '$ curl %s\n' "$url$1"
	code=$(curl -s -o "$top/body" -w '%{http_code}' "$url$1")
	printf '%s  %s\n' "$code" "$(cat "$top/body")"
	[ "$code" = "$2" ]
}
ask /health 200
ask /ready 200
ask "/start?name=value" 200
ask "/start?name=value" 409
ask "/start?image=docker://other" 400
ask /stop 200
ask /stop 409
ask /terminate 200
wait $daemon
echo "(berthd ended with $?)"
pids=$(echo "$pids" | sed "s/ $daemon\$//")

say "The record of what was decided"
show wc -l "$top/store/audit/log" | sed "s|$top|DEMO|"
tail -n 2 "$top/store/audit/log"

say "Nothing is left"
# The engine and what it had started do not name the store, but have it for
# their root.
left=$({ pgrep -f "berth.*$top" || :
    grep -ls "${top##*/}" /proc/[0-9]*/mountinfo | cut -d/ -f3; } | sort -u)
echo "processes: $(echo "$left" | grep -c . || :)," \
    "mounts: $(grep -c "$top" /proc/self/mountinfo || :)"
