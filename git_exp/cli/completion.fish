# fish completion for git exp, below git and by itself.
#
#   git exp completion fish | source      in ~/.config/fish/config.fish

# The words of git exp on the line, from exp on, after git and its options; fails when there are none.
function __git_exp_words
    set -l words (commandline -opc)
    set -l asking git-exp
    if not string match -qr '(^|/)git-exp$' -- $words[1]
        set asking git
        set -e words[1]
        while string match -q -- '-*' "$words[1]"
            set -a asking $words[1]
            if contains -- $words[1] -C -c --git-dir --work-tree --namespace
                set -e words[1]
                set -a asking $words[1]
            end
            set -e words[1]
        end
        test "$words[1]" = exp; or return 1
        set -a asking exp
    end
    set -e words[1]
    printf '%s\n' $asking --offer $words
end

function __git_exp_offers
    set -l begun (commandline -ct | string unescape)
    set -l asking (__git_exp_words); or return
    for line in (command $asking "$begun" 2>/dev/null)
        set -l parts (string split \t -- $line)
        switch $parts[1]
            case plain
                printf '%s\t%s\n' $parts[2] "$parts[3]"
            case command
                __fish_complete_command
            case file
                __fish_complete_path "$begun"
            case dir
                __fish_complete_directories "$begun"
        end
    end
end

complete -c git-exp -f -k -a '(__git_exp_offers)'
complete -c git -f -k -n '__git_exp_words >/dev/null' -a '(__git_exp_offers)'
