# SPDX-License-Identifier: Apache-2.0
# complete.bash PROGRAM LINE: what bash offers at the end of "bulkheadctl LINE", one a line.
set -u
eval "$("$1" completion bash)"
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
read -ra COMP_WORDS <<<"${2//=/ = }"
COMP_WORDS=("$1" "${COMP_WORDS[@]}")
[[ $2 =~ [^\ ]$ ]] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_bulkheadctl 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
