# SPDX-License-Identifier: Apache-2.0
# complete.fish PROGRAM LINE: what fish offers at the end of "bulkheadctl LINE", one a line with what it is.
set -x PATH (dirname $argv[1]) $PATH
bulkheadctl completion fish | source
complete -C "bulkheadctl $argv[2]"
