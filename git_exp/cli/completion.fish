# fish completion for git exp: fish's own completion of git asks that of git-exp.
#
#   git exp completion fish > ~/.config/fish/completions/git-exp.fish

function __git_exp_offers
    set -l words (commandline -opc)
    set -l begun (commandline -ct)
    set -l asking git-exp
    # Below git, the words are those of git: its own options come first.
    if string match -qr '(^|/)git$' -- $words[1]
        set asking git
        set -e words[1]
        while set -q words[1]; and test "$words[1]" != exp
            set -a asking $words[1]
            set -e words[1]
        end
        set -a asking exp
    end
    set -e words[1]
    for line in (command $asking --offer $words $begun 2>/dev/null)
        set -l parts (string split \t -- $line)
        switch $parts[1]
            case plain
                printf '%s\t%s\n' $parts[2] $parts[3]
            case command
                __fish_complete_command
            case file
                __fish_complete_path $begun
            case dir
                __fish_complete_directories $begun
        end
    end
end

complete -c git-exp -f -k -a '(__git_exp_offers)'
