# bash completion for git exp: git's own completion calls _git_exp, git-exp has it directly.
#
#   source <(git exp completion bash)      in ~/.bashrc

_git_exp() {
	local kind value told head quote='' tokens=()
	_git_exp_tokens
	local last=$((${#tokens[@]} - 1)) at=${__git_cmd_idx:-0}
	local begun=${tokens[last]}
	case "${tokens[0]##*/}" in
	git-exp*) at=0 ;;
	*)
		# A git before 2.31 does not say where its command stands.
		[ "$at" -gt 0 ] || while [ "$at" -lt "$last" ] && [ "${tokens[at]}" != exp ]; do
			at=$((at + 1))
		done
		;;
	esac
	[ "$last" -gt "$at" ] || return

	_git_exp_head
	COMPREPLY=()
	while IFS=$'\t' read -r kind value told; do
		case "$kind" in
		plain) _git_exp_reply "${value:${#head}}" ;;
		command) while read -r value; do _git_exp_reply "$value"; done < <(compgen -c -- "$begun") ;;
		esac
	done < <(_git_exp_offers "${tokens[@]:at+1:last-at-1}" "$begun")
}

_git_exp_offers() {
	case "${tokens[0]##*/}" in
	git-exp*) command git-exp --offer "$@" 2>/dev/null ;;
	*)
		command git ${__git_C_args[@]+"${__git_C_args[@]}"} \
			${__git_dir:+--git-dir="$__git_dir"} exp --offer "$@" 2>/dev/null
		;;
	esac
}

# The words of the line up to the cursor, without quotes: COMP_WORDS is cut at every @ and colon.
_git_exp_tokens() {
	local line=${COMP_LINE:0:COMP_POINT} token='' i sign
	for ((i = 0; i < ${#line}; i++)); do
		sign=${line:i:1}
		case "$quote$sign" in
		\"\" | \'\') quote='' ;;
		\'? | \"[!\\]) token+=$sign ;;
		\\ | \"\\) i=$((i + 1)) && token+=${line:i:1} ;;
		\" | \') quote=$sign ;;
		[[:space:]]) [ -n "$token" ] && tokens+=("$token") && token='' ;;
		*) token+=$sign ;;
		esac
	done
	tokens+=("$token")
}

# The part of the word that readline leaves alone: all up to the last break, but @ belongs to what
# follows it; inside quotes there is no break.
_git_exp_head() {
	local i sign
	head=''
	[ -z "$quote" ] || return
	for ((i = ${#begun} - 1; i >= 0; i--)); do
		sign=${begun:i:1}
		[[ $COMP_WORDBREAKS == *"$sign"* ]] || continue
		[ "$sign" = @ ] && head=${begun:0:i} || head=${begun:0:i+1}
		return
	done
}

_git_exp_reply() {
	local plain='^[][A-Za-z0-9_@%+=:./^-]+$|^@\{[A-Za-z0-9_@%+=:/^-]+\}$|^[A-Za-z0-9_/-]+\}$'
	if [[ $1 =~ $plain ]]; then
		[ -n "$quote" ] && COMPREPLY+=("$1") || COMPREPLY+=("$1 ")
	elif [ -z "$quote" ]; then
		COMPREPLY+=("$(printf '%q ' "$1")")
	elif [[ $1 != *[\"\'\\\$\`]* ]]; then
		# Inside quotes all else would be read as something else.
		COMPREPLY+=("$1")
	fi
}

# For git-exp by itself, with or without git's completion.
_git_exp_alone() {
	local __git_cmd_idx=0 __git_dir='' __git_C_args
	_git_exp
}
complete -o bashdefault -o default -o nospace -F _git_exp_alone git-exp
