# SPDX-License-Identifier: Apache-2.0
# Processes that outlive hack/cluster. Each has a cgroup below the cluster's own, a log, and a file with
# its pid and the time of its start, because pids come again. What is in the cluster's cgroup belongs to
# the cluster, whoever started it: so its end does not depend on any file. Sourced.

cgroup_roots() {
	awk '$3 ~ /^cgroup2?$/ && $2 ~ "^/sys/fs/cgroup" { print $2 }' /proc/self/mounts
}

# In every hierarchy. Version 1 wants a cpuset filled in by hand, version 2 controllers handed down.
cgroup_make() {	# NAME
	local root dir file

	for root in $(cgroup_roots); do
		mkdir -p "$root/$id/$1"
		for dir in "$root/$id" "$root/$id/$1"; do
			if [ -e "$dir/cgroup.controllers" ]; then
				for file in $(cat "$dir/../cgroup.controllers"); do
					echo "+$file" >"$dir/../cgroup.subtree_control" || warn "no cgroup controller $file"
				done
			elif [ -e "$dir/cpuset.cpus" ]; then
				for file in cpuset.cpus cpuset.mems; do
					[ -n "$(cat "$dir/$file")" ] || cat "$dir/../$file" >"$dir/$file"
				done
			fi
		done
	done
}

cgroup_dirs() {	# [NAME...]: of all, or of these (patterns)
	local root dir

	[ $# -gt 0 ] || set -- ''
	for root in $(cgroup_roots); do
		for dir in "${@/#/$root/$id/}"; do
			# shellcheck disable=SC2086 # a pattern
			find ${dir%/} -depth -type d 2>/dev/null || true
		done
	done
}

# Who is in another pid namespace, not below ours, reads as 0: nobody that we could end.
cgroup_pids() {	# [NAME...]
	cgroup_dirs "$@" | sed 's|$|/cgroup.procs|' | { xargs -r cat 2>/dev/null || true; } | awk '$1 > 0' | sort -un
}

# In ticks since boot; nothing of the dead, buried or not. The name in the line may hold anything.
start_time() {	# PID
	{ sed 's/.*) //' "/proc/$1/stat" 2>/dev/null || true; } | awk '$1 != "Z" { print $20 }'
}

pid_of() {	# NAME: of a process that runs
	local pid began

	read -r pid began 2>/dev/null <"$state/run/$1" || return 1
	[ -n "$began" ] && [ "$(start_time "$pid")" = "$began" ] || return 1
	echo "$pid"
}

components() {
	ls "$state/run" 2>/dev/null | grep -v '\.ns$' || true
}

daemon() {	# NAME CMD...
	local name=$1 pid root

	shift
	cgroup_make "$name"
	(
		for root in $(cgroup_roots); do
			echo "$BASHPID" >"$root/$id/$name/cgroup.procs"
		done
		exec setsid -- "$@"
	) </dev/null >>"$logs/$name.log" 2>&1 9>&- &
	pid=$!
	disown
	echo "$pid $(start_time "$pid")" >"$state/run/$name"
}

# gave_up COMPONENT MESSAGE: what a person reads next.
gave_up() {
	printf '%sthe last lines of %s:%s\n' "$bold" "$logs/$1.log" "$plain" >&2
	tail -n 15 "$logs/$1.log" | cut -c 1-400 | sed 's/^/    /' >&2
	die "$2; its log is $logs/$1.log (all is left as it is: 'hack/cluster down' removes it)"
}

await() {	# COMPONENT SECONDS WHAT CMD...: until the command succeeds; four times as long where others have the CPUs
	local component=$1 until=$((SECONDS + 4 * $2)) what=$3

	shift 3
	until "$@" >/dev/null 2>&1; do
		pid_of "$component" >/dev/null || gave_up "$component" "$component has ended before $what"
		[ $SECONDS -lt $until ] || gave_up "$component" "not in time: $what"
		sleep 0.25
	done
}

# A network namespace and, for nodes, a mount namespace, without names: they live as long as somebody is
# in them, and this process waits there. Their numbers are kept for the search at the end.
namespaces() {	# NAME KIND...
	local name=$1 kinds=() kind pid

	shift
	for kind in "$@"; do
		kinds+=("--$kind")
	done
	[ $# = 1 ] || kinds+=(--propagation private)
	daemon "$name" unshare "${kinds[@]}" -- sleep infinity
	await "$name" 10 "its namespaces are there" settled "$name"
	pid=$(pid_of "$name")
	for kind in "$@"; do
		readlink "/proc/$pid/ns/${kind/mount/mnt}"
	done >"$state/run/$name.ns"
}

settled() {
	[ "$(cat "/proc/$(pid_of "$1")/comm")" = sleep ]
}

# What to put before a command that is to run on a node, or where the control plane is (`fabric`).
enter() {	# NAME
	local pid mount=--mount

	pid=$(pid_of "$1") || die "no '$1' in this cluster, or it has ended; there are: $(places | xargs)"
	[ "$1" != fabric ] || mount=
	echo "nsenter --target $pid --net $mount"
}

on() {	# NAME CMD...
	local where

	where=$(enter "$1") || exit
	shift
	# shellcheck disable=SC2086 # words
	$where -- "$@"
}

places() {
	components | grep -xE 'fabric|node[0-9]+'
}

# ---- the end ---------------------------------------------------------------------------------

kill_all() {	# [NAME...]
	local i pids

	for ((i = 0; i < 100; i++)); do
		pids=$(cgroup_pids "$@")
		[ -n "$pids" ] || return 0
		# shellcheck disable=SC2086 # a list
		kill -KILL $pids 2>/dev/null || true
		sleep 0.1
	done
}

# A cgroup stays busy for a moment after its last process.
remove_cgroups() {
	local i

	for ((i = 0; i < 100; i++)); do
		cgroup_dirs | xargs -r rmdir 2>/dev/null || true
		[ -n "$(cgroup_dirs)" ] || return 0
		sleep 0.05
	done
}

# Whoever is still in a namespace of ours keeps it and its interfaces, BPF programs and mounts.
in_our_namespaces() {
	local known=$state/run/known

	cat "$state"/run/*.ns >"$known" 2>/dev/null || return 0
	{ find /proc/[0-9]*/ns \( -name net -o -name mnt \) -printf '%l %p\n' 2>/dev/null || true; } |
		{ grep -F -f "$known" || true; } | sed 's|.*/proc/\([0-9]*\)/.*|\1|' | sort -un
}

leftovers() {
	local pid

	for pid in $(cgroup_pids) $(in_our_namespaces); do
		echo "process $pid ($(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline"))"
	done
	awk -v dir="$state/" 'index($5, dir) == 1 { print "mount", $5 }' /proc/self/mountinfo
	cgroup_dirs | sed 's/^/cgroup /'
}
