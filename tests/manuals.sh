#!/bin/sh
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# berth-proto(7) tells of each message of msg.def and of no other, with its
# payload and descriptor; berthd.conf(5)'s examples and every line of the
# sample configuration parse, and the page has each keyword of the grammar.
#
#	tests/manuals.sh [OUT]
set -eu
LC_ALL=C; export LC_ALL
out=${1:-out}
top=$(cd "$(dirname "$0")/.." && pwd)
failed=0
fail() { echo "manuals.sh: $*" >&2; failed=$((failed + 1)); }
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT INT TERM
umask 077

# Messages: "NAME payload" or "NAME payload fd", a line each.
sed -n 's/^MSG(\([A-Z_]*\),[^,]*,[^,]*,[^,]*,[[:blank:]]*\([a-z_]*\),[[:blank:]]*\([A-Z]*\),.*/\1 \2 \3/p' \
    "$top/proto/msg.def" | sed 's/ NONE$//; s/ MUST$/ fd/' |
    sort >"$tmp/def"
sed -n 's/^\.It Dv \([A-Z_]* Ar .*\)/\1/p' "$top/proto/berth-proto.7" |
    sed 's/ Ar / /; s/ No with a descriptor$/ fd/' | sort >"$tmp/page"
[ -s "$tmp/def" ] || fail "msg.def: no message found"
[ "$(grep -c '^MSG(' "$top/proto/msg.def")" = "$(wc -l <"$tmp/def")" ] ||
	fail "msg.def: a line that this test cannot read"
diff -U0 "$tmp/def" "$tmp/page" >"$tmp/diff" ||
	fail "msg.def (-) and berth-proto.7 (+):
$(grep '^[-+][^-+]' "$tmp/diff")"

# Keywords: each stands in the page as one.
sed -n '/^} keywords/,/^};/!d; s/{ "/\n{ "/g; p' "$top/worker/conf/parse.y" |
    sed -n 's/^{ "\([^"]*\)".*/\1/p' >"$tmp/keywords"
[ "$(wc -l <"$tmp/keywords")" -ge 30 ] || fail "parse.y: no keywords found"
while read -r word; do
	grep -Eq "^\.(It|Ic|D1|Cm|Pf|Xo).* (Ic |Cm )?(.* )?$word( |\$)" \
	    "$top/etc/berthd.conf.5" ||
		grep -Eq "^\.(Ic|Cm) $word( |\$)" "$top/etc/berthd.conf.5" ||
		fail "berthd.conf.5 does not explain \"$word\""
done <"$tmp/keywords"

# Examples: the literal blocks that are no shell commands.
awk -v dir="$tmp" '
	/^\.Bd -literal/ { inside = 1; n++; next }
	/^\.Ed/ { inside = 0 }
	inside { print > (dir "/example" n ".conf") }' \
    "$top/etc/berthd.conf.5"
# The sample, with all that is commented out put in force; what names a file
# or a group of the host is put right first.
printf 'example-token-of-the-test\n' >"$tmp/token"
sed -e 's/^#\([^ ]\)/\1/' -e "s,/etc/berth/token,$tmp/token," \
    -e 's/^control group.*/control group "root"/' "$top/etc/berthd.conf" \
    >"$tmp/sample.conf"
cp "$top/etc/berthd.conf" "$tmp/as-shipped.conf"
n=0
for f in "$tmp"/*.conf; do
	! grep -q '^\$' "$f" || continue
	"$out/berthd" -n -f "$f" 2>"$tmp/said" ||
		fail "$(basename "$f"): $(cat "$tmp/said")"
	n=$((n + 1))
done
[ $n = 4 ] || fail "$n configurations were tried, not 4"

[ $failed = 0 ] || { echo "manuals.sh: $failed failed" >&2; exit 1; }
echo "manuals.sh: $(wc -l <"$tmp/def") messages, $n configurations"
