# bash completion for banterctl. Held to "banterctl --list-commands" by tests/system/73_ctl_words.test.mjs.
# shellcheck shell=bash disable=SC2207 # words hold no blanks

_banterctl_commands='migrate new-epoch keys user session room tail verify status top check-config export import import-original help'

_banterctl_options() {
  case $1 in
    'user create' | 'user reset-password') echo '--password-stdin --generate' ;;
    'user list' | 'room list') echo '--search= --after= --limit=' ;;
    'session revoke') echo '--all' ;;
    tail) echo '--since= --count=' ;;
    top) echo '--admin= --once' ;;
    import-original) echo '--from= --from-file= --dry-run --utc-offset= --source=' ;;
  esac
}

_banterctl_subcommands() {
  case $1 in
    user) echo 'create list show disable enable reset-password' ;;
    session) echo 'list revoke' ;;
    room) echo 'list show delete' ;;
    help) echo "$_banterctl_commands" ;;
  esac
}

_banterctl() {
  local current=${COMP_WORDS[COMP_CWORD]} first=${COMP_WORDS[1]-} command

  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "$_banterctl_commands --help --version --settings" -- "$current"))
    return
  fi
  if [ "$COMP_CWORD" -eq 2 ] && [ -n "$(_banterctl_subcommands "$first")" ]; then
    COMPREPLY=($(compgen -W "$(_banterctl_subcommands "$first") --help" -- "$current"))
    return
  fi
  if [ "$first" = check-config ] && [ "$COMP_CWORD" -eq 2 ] && [[ $current != -* ]]; then
    COMPREPLY=($(compgen -W 'gateway broker' -- "$current"))
    return
  fi
  if [[ $first = import || $first = export && $COMP_CWORD -eq 3 ]] && [[ $current != -* ]]; then
    COMPREPLY=($(compgen -f -- "$current"))
    return
  fi
  if [ "$first" = keys ] && [[ $current != -* ]]; then
    COMPREPLY=($(compgen -d -- "$current"))
    return
  fi
  if [[ $current == -* ]]; then
    command=$first
    [ -n "$(_banterctl_subcommands "$first")" ] && command="$first ${COMP_WORDS[2]-}"
    COMPREPLY=($(compgen -W "$(_banterctl_options "$command") --json --yes --quiet --help --config=" \
      -- "$current"))
    # After "--limit=" comes its value, in the same word.
    [ "${#COMPREPLY[@]}" -eq 1 ] && [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  fi
}

complete -F _banterctl banterctl
