# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# bash completion for berth(1).  Words and options come from "berth help",
# hence from the tables of the parser: nothing is listed here.

# The command of a line so far, one word or two.
_berth_command()
{
	local w group=

	for w in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $w in
		-*|=) ;;
		image) group=image ;;
		*)
			if "$1" help | grep -q "^  ${group:+$group }$w  "; then
				echo "${group:+$group }$w"
				return
			fi ;;
		esac
	done
	echo "$group"
}

# "--name" or "--name=VALUE", one a line, that this command takes.
_berth_options()
{
	# shellcheck disable=SC2086 # one word or two
	"$1" help $2 2>/dev/null | sed -n 's/^  \(--[^ ]*\) .*/\1/p'
}

_berth_images()
{
	"$1" image list 2>/dev/null | awk 'NR > 1 { print $1
	    if ($2 != "-") print "docker://" $2 }' | sort -u
}

_berth()
{
	local berth=$1 line cur cmd opts

	# words as typed: readline splits them at "=" and ":"
	line=${COMP_LINE:0:COMP_POINT}
	cur=${line##* }
	cmd=$(_berth_command "$berth")
	case $cmd in
	image) opts=$("$berth" help | sed -n 's/^  image \([^ ]*\) .*/\1/p') ;;
	"") opts=$("$berth" help | sed -n 's/^  \([a-z]*\) .*/\1/p' |
	    sort -u) ;;
	*) opts=$(_berth_images "$berth") ;;
	esac
	case $cur in
	--*=*)	# one of the words that the help lists, or a file
		opts=$(_berth_options "$berth" "$cmd" |
		    sed -n "s/^${cur%%=*}=\(.*|.*\)/\1/p" | tr '|' '\n')
		cur=${cur#*=} ;;
	-*)	[ "$cmd" != image ] || cmd=
		opts=$(_berth_options "$berth" "$cmd" | sed 's/=.*/=/') ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$opts" -- "$cur")
	# what readline takes for the word begins behind the last ":"
	if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
		COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
	fi
	[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
}

complete -o default -F _berth berth
