# SPDX-License-Identifier: Apache-2.0
# complete.zsh PROGRAM LINE: what zsh, with a terminal of its own, offers at the end of "bulkheadctl LINE".
zmodload zsh/zpty
export PATH=${1:h}:$PATH
zpty z zsh -f -i
{
	zpty -w z 'PS1= PS2= RPS1=; stty columns 200; autoload -U compinit; compinit -D; eval "$(bulkheadctl completion zsh)"'
	# Instead of showing the list, say what is in it, and end.
	zpty -w z 'said() { print -rl -- "<<" "$@" ">>"; exit }; compadd() { local -a o d m; builtin compadd -O o "$@"; (( $#o )) && said $o; builtin compadd "$@" }; zstyle ":completion:*" verbose no; bindkey "^I" complete-word'
	zpty -w z "print -r -- rea''dy"
	zpty -r z line '*ready*'
	zpty -w -n z "bulkheadctl $2"$'\t'
	zpty -r z line '*>>*'
	print -r -- ${line##*<<} | tr -d '\r' | grep -v '>>' | grep .
} always { zpty -d z }
