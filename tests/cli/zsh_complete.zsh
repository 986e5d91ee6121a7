# zsh_complete.zsh COMPLETIONS LINE: what an interactive zsh makes of LINE and a tab, all matches inserted.
# The folder COMPLETIONS has _megaseal; the command is the first megaseal in PATH.
zmodload zsh/zpty || exit 77
zpty shell zsh -f -i
zpty -w shell "PS1= PS2= RPS1=; fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -u -D"
zpty -w shell 'all() { _main_complete; compstate[insert]=all; compstate[list]= }
  zle -C all complete-word all; bindkey "^I" all'
zpty -w shell 'show() { print -r -- "<<$BUFFER>>" }; zle -N show; bindkey "^X" show; print rea""dy'
zpty -r shell output '*ready*'
zpty -n -w shell "$2"$'\t\x18'
zpty -r shell output '*<<*>>*'
zpty -d shell
print -r -- "${${output##*<<}%%>>*}"
