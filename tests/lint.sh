#!/bin/sh
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# The figures of the house (lines per file, per function, of the broker) and
# the manual pages; with "full" static analysis too.
#
#	tests/lint.sh [OUT [full]]
set -eu
LC_ALL=C; export LC_ALL
out=${1:-out}
failed=0
fail() { echo "lint.sh: $*" >&2; failed=$((failed + 1)); }

sources=$(git ls-files '*.c' '*.h' '*.y' '*.py' '*.sh' '*.def' 2>/dev/null)
[ -n "$sources" ] || sources=$(find broker common proto worker tests -name \
    '*.[chy]' -o -name '*.py' -o -name '*.sh')
present=
for f in $sources; do [ ! -f "$f" ] || present="$present $f"; done
# shellcheck disable=SC2086 # words on purpose
set -- "${2:-}" $present
full=$1; shift

long=$(for f; do
	n=$(($(wc -l <"$f")))
	[ $n -le 500 ] || echo "$f: $n lines, 500 at most"
done)
[ -z "$long" ] || fail "$long"

# KNF makes it easy: a function's braces stand alone at the line's start.
# Tables (static const struct …) end with "};" and do not count.
long=$(for f; do
	case $f in *.c|*.y) ;; *) continue ;; esac
	awk -v f="$f" '
	/^[a-z_]+\(/ { name = $0; sub(/\(.*/, "", name) }
	/^\{/ { start = NR }
	/^\}$/ && start {
		if (NR - start - 1 > 60)
			printf "%s:%d: %s() has %d lines, 60 at most\n",
			    f, start, name, NR - start - 1
		start = 0
	}' "$f"
done)
[ -z "$long" ] || fail "$long"

wide=$(for f; do
	case $f in *.[chy]|*.def) ;; *) continue ;; esac
	expand "$f" | awk -v f="$f" 'length > 80 {
		printf "%s:%d: %d columns, 80 at most\n", f, NR, length }'
done)
# msg.def is a table, one message a line.
wide=$(echo "$wide" | grep -v '^proto/msg\.def:' || :)
[ -z "$wide" ] || fail "$wide"

for f; do
	case $f in *.def) continue ;; esac
	head -3 "$f" | grep -q 'SPDX-License-Identifier: ISC' ||
	    fail "$f has no SPDX line"
done

# What berthd links of ours: the sources of its object list and the headers
# that these include, as the compiler finds them; generated ones aside.
linked() {
	for o in $(make -s --no-print-directory OUT="$out" print-broker); do
		if [ -f "${o%.o}.y" ]; then echo "${o%.o}.y"; continue; fi
		cc -std=gnu11 -D_GNU_SOURCE -I"$out/gen" -MM "${o%.o}.c"
	done | tr -d '\134' | tr ' ' '\n' | grep -v '\.o:$' |
	    grep -E '^(broker|common|proto|worker)/.*\.' |
	    xargs realpath --relative-to=. | sort -u
}
# Lines that are neither blank nor comment.
code() {
	awk '
	{
		line = ""
		while ($0 != "") {
			if (!match($0, inside ? "\\*/" : "/\\*")) {
				if (!inside)
					line = line $0
				break
			}
			if (!inside)
				line = line substr($0, 1, RSTART - 1)
			$0 = substr($0, RSTART + 2)
			inside = !inside
		}
		if (line ~ /[^[:blank:]]/)
			n++
	}
	END { print n }'
}
budget=5000
if command -v make >/dev/null; then
	files=$(linked)
	# shellcheck disable=SC2086 # names of ours: no blanks
	lines=$(cat $files | wc -l) code=$(cat $files | code)
	echo "lint.sh: berthd links $lines lines of ours ($code without" \
	    "comments and blank ones); the budget is $budget"
	[ "$lines" -gt 1000 ] || fail "the count is wrong: too few lines"
	[ "$lines" -le $budget ] || fail "berthd is over its budget of lines"
fi

# broker/ and worker/ meet in proto/ only; common/ stands alone, proto/ upon
# it; and no program's folder includes from another's.  (init and unpack are
# programs of the broker's folder.)
includes() { # pattern file...
	pattern=$1; shift
	grep -nE "#include \"(\\.\\./)*$pattern" /dev/null "$@" || :
}
bad=$(includes worker/ broker/*.[ch] broker/*/*.[ch]
    includes broker/ worker/*.[ch] worker/*/*.[chy]
    includes '(broker|worker|proto)/' common/*.[ch]
    includes '(broker|worker)/' proto/*.[ch]
    includes '(init|unpack)/' broker/*.[ch] broker/*/*.[ch]
    includes '(cli|conf|engine|fetch|http)/' worker/*.[ch] worker/*/*.[chy])
[ -z "$bad" ] || fail "$bad"

if command -v mandoc >/dev/null; then
	for m in worker/cli/berth.1 broker/berthd.8 etc/berthd.conf.5 \
	    proto/berth-proto.7; do
		if [ ! -f $m ]; then fail "$m is missing"; continue; fi
		# Our own pages are not installed when this runs, and the
		# machine's manual is not OpenBSD's.
		w=$(mandoc -T lint -W style $m 2>&1 | grep -Ev \
		    'referenced manual not found|Mdocdate|missing RCS id' || :)
		[ -z "$w" ] || fail "$w"
	done
else
	echo "lint.sh: skip: no mandoc"
fi

if [ "$full" = full ]; then
	if command -v shellcheck >/dev/null; then
		shellcheck tests/*.sh tests/fuzz/*.sh .ci/run ||
		    fail "shellcheck has findings"
	else
		echo "lint.sh: skip: no shellcheck"
	fi
	if command -v cppcheck >/dev/null; then
		# it looks for no system header by itself: those with macros
		queue=$(echo '#include <sys/queue.h>' | cc -E -M - |
		    tr ' ' '\n' | grep 'sys/queue\.h$')
		cppcheck -q --enable=warning,performance,portability \
		    --error-exitcode=1 --inline-suppr -D_GNU_SOURCE \
		    "-D__$(uname -m)__=1" --suppress=missingInclude \
		    --include="$queue" --include=/usr/include/bsd/sys/tree.h \
		    -I"$out/gen" broker common proto worker tests/fuzz ||
		    fail "cppcheck has findings"
	else
		echo "lint.sh: skip: no cppcheck"
	fi
	sh tests/analyze.sh "$out" || fail "the analyzers have findings"
fi

[ $failed = 0 ] || { echo "lint.sh: $failed failed" >&2; exit 1; }
echo "lint.sh: clean"
