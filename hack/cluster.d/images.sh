# SPDX-License-Identifier: Apache-2.0
# Images without a builder: a folder with a static program or two, packed. Sourced.

images="pause busybox agnhost coredns"

busybox_root() {	# DIR
	local applet

	mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/root"
	cp /bin/busybox "$1/bin"
	for applet in $(/bin/busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
	chmod 1777 "$1/tmp"
}

# image_root NAME DIR: fills the folder, prints the command that the image runs.
image_root() {
	case $1 in
	pause)
		gcc -static -Os -Wall -Wextra -Werror -o "$2/pause" "$parts/pause.c"
		echo /pause
		;;
	busybox)
		busybox_root "$2"
		echo /bin/sh
		;;
	agnhost)	# upstream's has a shell, too
		busybox_root "$2"
		ln "$kubernetes/agnhost" "$2/agnhost" 2>/dev/null || cp "$kubernetes/agnhost" "$2"
		echo /agnhost
		;;
	coredns)
		ln "$coredns/coredns" "$2/coredns" 2>/dev/null || cp "$coredns/coredns" "$2"
		echo /coredns
		;;
	esac
}

pack_images() {
	local name root command

	for name in $images; do
		root=$state/images/$name
		mkdir -p "$root"
		command=$(image_root "$name" "$root")
		python3 "$parts/../image.py" "bulkhead.test/$name:1" "$root.tar" "$root" "$command"
		rm -rf "$root"
	done >"$logs/images.log" 2>&1 || gave_up images "an image was not packed"
}

# Through stdin, because a node may have something else at the file's path.
import_image() {	# NODE FILE
	on "$1" ctr --namespace k8s.io images import - <"$2"
}
