#!/bin/sh
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# What berth(1) and berthd(8) say about options, what their parsers take and
# what completion offers are the same.
#
#	tests/options.sh [OUT]
set -eu
LC_ALL=C; export LC_ALL
out=${1:-out}
berth=$out/berth
top=$(cd "$(dirname "$0")/.." && pwd)
page=$top/worker/cli/berth.1
failed=0
fail() { echo "options.sh: $*" >&2; failed=$((failed + 1)); }

# same NAME LIST LIST: two lists of lines
same() {
	[ "$2" = "$3" ] || fail "$1:
$(printf '%s\n' "$2" >"$tmp/a"; printf '%s\n' "$3" >"$tmp/b"
diff -U0 "$tmp/a" "$tmp/b" | grep '^[-+][^-+]')"
}
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT INT TERM

commands=$("$berth" help | sed -n 's/^  \([a-z][a-z -]*[a-z]\)  .*/\1/p')
[ -n "$commands" ] || fail "berth help names no command"
# with what each value is called
parser() {
	# shellcheck disable=SC2086 # one word or two
	"$berth" help $1 | sed -n 's/^  --\([^ ]*\) .*/\1/p'
}
all=$(echo "$commands" | while read -r c; do parser "$c"; done | sort -u)
same "options of berth.1 (-) and of the parser (+)" \
    "$(sed -n 's/^\.It Fl -//p' "$page" | sed 's/ Ns = Ns Ar /=/' | sort)" \
    "$all"
same "commands of berth.1's synopsis (-) and of the parser (+)" \
    "$(sed '/^\.Sh DESCRIPTION/q' "$page" | sed -n 's/^\.Cm //p' | sort)" \
    "$(echo "$commands" | sort)"

# The general options are those that a line without a command takes.
same "general options of berth.1 (-) and of the parser (+)" \
    "$(sed '/^\.Ss/q' "$page" | sed -n 's/^\.It Fl -//p' |
	sed 's/ Ns = Ns Ar /=/' | sort)" "$(parser "" | sort)"

# An option of one command is none of another.
echo "$commands" | while read -r c; do
	mine=$(parser "$c")
	for o in $(parser "" | sed 's/=.*//'); do
		echo "$mine" | grep -Eq "^$o(=|$)" ||
		    echo "$c does not take --$o"
	done
	for o in $all; do
		if echo "$mine" | grep -Fxq "$o"; then continue; fi
		# shellcheck disable=SC2086 # one word or two
		"$berth" $c "--$o" >"$tmp/o" 2>&1 || [ $? = 2 ] &&
		    grep -q '^usage: ' "$tmp/o" || echo "$c takes --$o"
	done
done >"$tmp/strange"
[ ! -s "$tmp/strange" ] || fail "$(cat "$tmp/strange")"

# berthd: the usage, the manual and getopt's string.
if [ -x "$out/berthd" ]; then
	usage=$("$out/berthd" -Z 2>&1 || :)
	letters=$(echo "$usage" | grep -o '\[-[a-z]*' | tr -d '[-' |
	    grep -o . | sort)
	same "options of berthd.8 (-) and of berthd's usage (+)" \
	    "$(sed -n 's/^\.It Fl \([a-z]\).*/\1/p' "$top/broker/berthd.8" |
	    sort)" "$letters"
	# -p and -r are for berth alone
	same "getopt's letters (-) and those of berthd's usage (+)" \
	    "$(sed -n 's/.*getopt(argc, argv, "\([a-z:]*\)").*/\1/p' \
	    "$top/broker/berthd.c" | tr -d :pr | grep -o . | sort)" "$letters"
else
	echo "options.sh: skip: no berthd in $out"
fi

# Completion offers what the parser takes.
if command -v bash >/dev/null; then
	cat >"$tmp/complete" <<-'EOF'
	berth=$1; shift
	source "$1"; shift
	COMP_LINE="berth $*"
	COMP_POINT=${#COMP_LINE}
	COMP_WORDS=(berth "$@")
	COMP_CWORD=$#
	_berth "$berth"
	printf '%s\n' "${COMPREPLY[@]}"
	EOF
	offered() {
		bash "$tmp/complete" "$berth" \
		    "$top/etc/completions/berth.bash" "$@" | sort
	}
	same "completed (-) and taken (+) by run" "$(offered run --)" \
	    "$(parser run | sed 's/^/--/; s/=.*/=/' | sort)"
	same "completed (-) and taken (+) by image export" \
	    "$(offered image export --)" \
	    "$(parser "image export" | sed 's/^/--/; s/=.*/=/' | sort)"
	same "completed commands (-) and commands (+)" "$(offered "")" \
	    "$(echo "$commands" | sed 's/ .*//' | sort -u)"
	same "completed (-) and known (+) after image" "$(offered image "")" \
	    "$(echo "$commands" | sed -n 's/^image //p' | sort)"
	same "completed networks (-) and networks (+)" \
	    "$(offered run --net=)" "$(printf 'host\nnone')"
else
	echo "options.sh: skip: no bash"
fi

[ $failed = 0 ] || exit 1
echo "options.sh: $(echo "$all" | wc -l) options of" \
    "$(echo "$commands" | wc -l) commands agree"
