#compdef git-exp
# zsh completion for git exp: zsh's own _git calls _git-exp, git's git-completion.zsh _git_exp.
#
#   source <(git exp completion zsh)      in ~/.zshrc, after compinit
#
# or as a file called _git-exp in a folder of $fpath.

_git-exp() {
  local -a asking=(git)
  if [[ ${words[1]:t} == git-exp ]]; then
    asking=(git-exp)
  else
    (( ${+opt_args[-C]} )) && asking+=(-C ${(Q)${~opt_args[-C]}})
    asking+=(exp)
  fi
  __git_exp_offered "${(@Q)words[2,CURRENT-1]}"
}

__git_exp_offered() {
  local kind value told line begun="${(Q)${:-$IPREFIX$PREFIX}}"
  local -a lines offers
  local ret=1
  lines=("${(@f)$(command "${asking[@]}" --offer "$@" "$begun" 2>/dev/null)}")
  for line in $lines; do
    IFS=$'\t' read -r kind value told <<<$line
    case $kind in
      (plain) offers+=("${${value#$IPREFIX}//:/\\:}${told:+:$told}") ;;
      (command) _command_names -e && ret=0 ;&
      (file) _files && ret=0 ;;
      (dir) _files -/ && ret=0 ;;
    esac
  done
  (( $#offers )) && _describe -t git-exp 'git exp' offers -V git-exp && ret=0
  return ret
}

# git-completion.zsh speaks bash: words from "git" on, and cword counted from 0.
_git_exp() {
  emulate -L zsh
  setopt ${_comp_options[@]}
  local -a asking=(git ${__git_C_args} ${__git_dir:+--git-dir=$__git_dir} exp)
  local -i at=${words[(i)exp]} last=$((cword + 1))
  [[ ${words[last]} == $IPREFIX$PREFIX* ]] || last=$((CURRENT + 1))
  __git_exp_offered "${(@Q)words[at+1,last-1]}" && _ret=0
}

if [[ ${funcstack[1]} == _git-exp ]]; then
  _git-exp "$@"
else
  compdef _git-exp git-exp
fi
zstyle -g _git_exp_known ':completion:*:*:git:*' user-commands
if [[ ${_git_exp_known[(I)exp:*]} -eq 0 ]]; then
  zstyle ':completion:*:*:git:*' user-commands $_git_exp_known 'exp:record, list and restore runs'
fi
unset _git_exp_known
