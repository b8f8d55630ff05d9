# bash completion for port26. It knows nothing by itself: commands and options are asked from `port26 --help`.
_port26()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]}
    local commands first=${COMP_WORDS[1]} second=${COMP_WORDS[2]} words
    commands=$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z]\{1,\}\( [a-z]\{1,\}\)\{0,1\}\)  .*/\1/p')
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(cut -d' ' -f1 <<<"$commands" | sort -u) --help --version" -- "$cur")
        return
    fi
    words=$(sed -n "s/^$first \(.*\)/\1/p" <<<"$commands")
    if [ "$COMP_CWORD" -eq 2 ] && [ -n "$words" ] && [[ $cur != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
        return
    fi
    case $prev in
    -c | --config | --password-file | --cafile | --report) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    esac
    if [[ $cur == -* ]]; then
        grep -qx "$first $second" <<<"$commands" || second=
        words=$("$program" $first $second --help 2>/dev/null | sed -n 's/^  .*\(--[a-z-]\{1,\}\).*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    else
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}
complete -F _port26 port26
