# SPDX-License-Identifier: Apache-2.0
# A node: a network and a mount namespace in which a container runtime, a kubelet, kube-proxy and our agent
# find what they find on a machine, at the usual paths. What they write to /etc, /opt, /var and /run stays
# in the node. Sourced; what is called inside_* runs on the node, started by itself again.

node_ip4() {
	echo "172.31.0.1${1#node}"
}

node_ip6() {
	echo "fd00:31::1${1#node}"
}

pod_range4() {
	echo "10.244.${1#node}.0/24"
}

pod_range6() {
	echo "fd00:244:0:${1#node}::/64"
}

start_node() {	# NODE: up to the point from which on its kubelet will say that it is ready
	local node=$1

	mkdir -p "$state/$node"/{containerd,kubelet,log}
	boot_node "$node"
	write_conflist "$node" | on "$node" sh -c 'cat >/etc/cni/net.d/10-podnet.conflist'
	start_containerd "$node"
	import_images "$node"
	node_object "$node" | kubectl apply -f - >>"$logs/$node.log" 2>&1 || gave_up "$node" "no Node object"
	[ "$main_cni" != flannel ] || start_flannel "$node"
	[ -z "$bulkhead" ] || start_agent "$node"
	start_kubelet "$node"
	start_proxy "$node"
}

# A machine with its disk and its cable.
boot_node() {	# NODE
	namespaces "$1" net mount
	cgroup_make "$1-pods"
	on "$1" "$self" inside "$1" inside_mounts >>"$logs/$1.log" 2>&1 || gave_up "$1" "$1 has no mounts"
	connect "$1"
}

# The power goes and comes back: every process, interface and pin of the node is gone, and so is its /run.
reboot_node() {	# NODE
	local node=$1 dir

	for dir in $disk; do
		rm -rf "${state:?}/$node/$dir"
		cp -a "/proc/$(pid_of "$node")/root/run/node/$dir/upper" "$state/$node/$dir"
	done
	kill_all "$node" "$node-*"
	on fabric ip link del "$node" 2>/dev/null || true	# where its namespace is not yet gone
	boot_node "$node"
	start_containerd "$node"
	[ "$main_cni" != flannel ] || start_flannel "$node"
	[ -z "$bulkhead" ] || start_agent "$node"
	start_kubelet "$node"
	start_proxy "$node"
}

# ---- mounts ----------------------------------------------------------------------------------

disk="etc opt var"	# what a node has written there survives a reboot

inside_mounts() {	# NODE
	local node=$1 dir

	mount -t tmpfs -o mode=0755 "$node" /run
	mkdir -p /run/netns /run/lock /run/node/cgroup
	for dir in $disk; do
		mkdir -p "/run/node/$dir/upper" "/run/node/$dir/work"
		[ ! -d "$state/$node/$dir" ] || cp -a "$state/$node/$dir/." "/run/node/$dir/upper"
		mount -t overlay -o "lowerdir=/$dir,upperdir=/run/node/$dir/upper,workdir=/run/node/$dir/work" \
			"$node" "/$dir"
	done
	[ -d "$state/$node/etc" ] || rm -rf /etc/cni /opt/cni /var/lib/cni	# in the node's view alone
	mkdir -p /etc/cni/net.d /etc/kubernetes/manifests /opt/cni/bin /var/lib/containerd /var/lib/kubelet /var/log
	mount --bind "$state/$node/containerd" /var/lib/containerd
	mount --bind "$state/$node/kubelet" /var/lib/kubelet
	mount --bind "$state/$node/log" /var/log
	inside_sysfs
	inside_sysctl
	[ -d "$state/$node/etc" ] || inside_plugins
	mount --make-rshared /	# as on a machine; what a pod mounts for others stays in the node
}

# Its own view of interfaces, its own pins; the machine's cgroups, once.
inside_sysfs() {
	mount --rbind /sys/fs/cgroup /run/node/cgroup
	umount --recursive --lazy /sys
	mount -t sysfs sysfs /sys
	mount --move /run/node/cgroup /sys/fs/cgroup
	mount -t bpf bpf /sys/fs/bpf
}

# A kubelet sets what is the whole kernel's. Here it finds that it has done so already.
inside_sysctl() {
	local name

	mkdir -p /run/node/sysctl
	while read -r name value; do
		[ -e "/proc/sys/$name" ] || continue
		echo "$value" >"/run/node/sysctl/${name##*/}"
		mount --bind "/run/node/sysctl/${name##*/}" "/proc/sys/$name"
	done <<-END
	vm/overcommit_memory 1
	vm/panic_on_oom 0
	kernel/panic 10
	kernel/panic_on_oops 1
	kernel/keys/root_maxkeys 1000000
	kernel/keys/root_maxbytes 25000000
	END
}

inside_plugins() {
	ln -s "$cni"/* /opt/cni/bin
	[ "$main_cni" != flannel ] || ln -s "$flannel_cni"/* /opt/cni/bin
	[ -z "$bulkhead" ] || ln -s "$root/build/bulkhead" /opt/cni/bin
}

# ---- network ---------------------------------------------------------------------------------

connect() {	# NODE
	local node=$1 other

	on fabric ip link add "$node" type veth peer name eth0 address "02:00:ac:1f:00:1${node#node}" \
		netns "$(pid_of "$node")"
	on fabric ip link set "$node" master fabric up
	on "$node" sh -c 'cd /proc/sys/net
		echo 1 >ipv4/ip_forward
		if cd ipv6/conf 2>/dev/null; then
			echo 1 >all/forwarding
			echo 0 | tee all/accept_dad >default/accept_dad
		fi'
	on "$node" ip link set lo up
	on "$node" ip link set eth0 up
	if has_ipv4; then
		on "$node" ip addr add "$(node_ip4 "$node")/24" dev eth0
		on "$node" ip route add default via 172.31.0.1
		on fabric ip route replace "$(pod_range4 "$node")" via "$(node_ip4 "$node")" src 203.0.113.10
	fi
	if has_ipv6; then
		on "$node" ip addr add "$(node_ip6 "$node")/64" dev eth0 nodad
		on "$node" ip route add default via fd00:31::1
		on fabric ip route replace "$(pod_range6 "$node")" via "$(node_ip6 "$node")" src 2001:db8:113::10
	fi
	[ "$main_cni" != flannel ] || return 0	# it has its own ways from node to node
	for other in $(nodes); do
		[ "$other" != "$node" ] || continue
		! has_ipv4 || on "$node" ip route add "$(pod_range4 "$other")" via "$(node_ip4 "$other")"
		! has_ipv6 || on "$node" ip route add "$(pod_range6 "$other")" via "$(node_ip6 "$other")"
	done
}

write_conflist() {	# NODE
	local version=1.1.0 ours=''

	[ "$runtime" != containerd-1 ] || version=1.0.0
	[ "$main_cni" != flannel ] || version=0.3.1
	[ -z "$bulkhead" ] || ours=', {"type": "bulkhead"}'
	cat <<-END
	{
	  "cniVersion": "$version",
	  "name": "podnet",
	  "plugins": [
	    {$(main_plugin "$1")},
	    {"type": "portmap", "capabilities": {"portMappings": true}}$ours
	  ]
	}
	END
}

main_plugin() {	# NODE
	local ranges

	ranges=$(by_family "[{\"subnet\": \"$(pod_range4 "$1")\"}]" "[{\"subnet\": \"$(pod_range6 "$1")\"}]")
	case $main_cni in
	bridge) echo '"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,' ;;
	ptp) echo '"type": "ptp",' ;;
	flannel)
		echo '"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}'
		return
		;;
	esac
	echo "\"ipam\": {\"type\": \"host-local\", \"ranges\": [$ranges]," \
		"\"routes\": [$(by_family '{"dst": "0.0.0.0/0"}' '{"dst": "::/0"}')]}"
}

# ---- what runs there -------------------------------------------------------------------------

on_node() {	# NODE COMPONENT CMD...: starts it
	local node=$1 name=$1-$2 where

	shift 2
	where=$(enter "$node")
	# shellcheck disable=SC2086 # words
	daemon "$name" $where -- "$@"
}

# AppArmor profiles are the whole kernel's, and would be loaded. An overlay cannot lie on an overlay.
containerd_config() {
	local snapshotter=overlayfs

	[ "$(stat -f -c %T "$state")" != overlayfs ] || snapshotter=native
	if [ "$runtime" = containerd-1 ]; then
		cat <<-END
		version = 2
		[plugins."io.containerd.grpc.v1.cri"]
		sandbox_image = "bulkhead.test/pause:1"
		restrict_oom_score_adj = true
		disable_apparmor = true
		[plugins."io.containerd.grpc.v1.cri".containerd]
		snapshotter = "$snapshotter"
		END
	else
		cat <<-END
		version = 3
		[plugins."io.containerd.cri.v1.images"]
		snapshotter = "$snapshotter"
		[plugins."io.containerd.cri.v1.images".pinned_images]
		sandbox = "bulkhead.test/pause:1"
		[plugins."io.containerd.cri.v1.runtime"]
		restrict_oom_score_adj = true
		disable_apparmor = true
		END
	fi
}

start_containerd() {	# NODE
	containerd_config >"$state/$1/containerd.toml"
	on_node "$1" containerd containerd --config "$state/$1/containerd.toml"
	await "$1-containerd" 30 "it answers" on "$1" ctr version
}

import_images() {	# NODE
	local node=$1 name

	for name in $images; do
		import_image "$node" "$state/images/$name.tar" >>"$logs/images.log" 2>&1 ||
			gave_up images "image $name is not on $node"
	done
}

# Its pod ranges are given, not drawn, so that addresses are the same in every run.
node_object() {	# NODE
	local ranges

	ranges=$(by_family "\"$(pod_range4 "$1")\"" "\"$(pod_range6 "$1")\"")
	cat <<-END
	apiVersion: v1
	kind: Node
	metadata: {name: $1, labels: {kubernetes.io/hostname: $1}}
	spec: {podCIDR: $(first "$ranges"), podCIDRs: [$ranges]}
	END
}

# No image here can be pulled again, so none is thrown away. Each kubelet has a cgroup of its own, or two
# of them would clear away each other's pods.
kubelet_config() {	# NODE
	cat <<-END
	apiVersion: kubelet.config.k8s.io/v1beta1
	kind: KubeletConfiguration
	authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
	authorization: {mode: Webhook}
	tlsCertFile: $pki/$1.crt
	tlsPrivateKeyFile: $pki/$1.key
	containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
	staticPodPath: /etc/kubernetes/manifests
	cgroupDriver: cgroupfs
	cgroupRoot: /$id/$1-pods
	enforceNodeAllocatable: []
	failSwapOn: false
	failCgroupV1: false
	evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: "50Mi"}
	imageGCHighThresholdPercent: 100
	clusterDNS: [$(sed 's/[^,]*/"&"/g' <<<"$dns_ips")]
	clusterDomain: cluster.local
	resolvConf: ""
	maxPods: 250
	registryPullQPS: 0
	END
}

start_kubelet() {	# NODE
	kubelet_config "$1" >"$state/$1/kubelet.yaml"
	on_node "$1" kubelet "$kubernetes/kubelet" --config="$state/$1/kubelet.yaml" \
		--kubeconfig="$state/$1.kubeconfig" --hostname-override="$1" \
		--node-ip="$(by_family "$(node_ip4 "$1")" "$(node_ip6 "$1")")"
}

# Limits of the connection table are the whole kernel's: 0 leaves them alone.
start_proxy() {	# NODE
	cat >"$state/$1/kube-proxy.yaml" <<-END
	apiVersion: kubeproxy.config.k8s.io/v1alpha1
	kind: KubeProxyConfiguration
	clientConnection: {kubeconfig: $state/kube-proxy.kubeconfig}
	hostnameOverride: $1
	mode: $proxy
	clusterCIDR: "$(by_family 10.244.0.0/16 fd00:244::/48)"
	conntrack: {maxPerCore: 0, min: 0}
	END
	on_node "$1" kube-proxy "$kubernetes/kube-proxy" --config="$state/$1/kube-proxy.yaml"
}

# Over VXLAN, as it does where nobody tells it otherwise. Without --ip-masq its plugin would masquerade what
# goes to other nodes' pods, and a policy could not know who sent it.
start_flannel() {	# NODE
	echo '{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}' >"$state/$1/flannel.json"
	on_node "$1" flanneld env NODE_NAME="$1" "$flannel/flanneld" --kube-subnet-mgr --ip-masq --iface eth0 \
		--kubeconfig-file "$state/flannel.kubeconfig" --net-config-path "$state/$1/flannel.json"
	await "$1-flanneld" 30 "it has a subnet for $1" on "$1" test -e /run/flannel/subnet.env
}

flannel_account() {
	client flannel /CN=flannel
	kubectl apply -f "$parts/flannel.yaml" >"$logs/rbac.log" 2>&1 || gave_up rbac "no rights for flannel"
}

node_is_ready() {	# NODE [TIME]: and has said so since
	local status heartbeat ready='{.status.conditions[?(@.type=="Ready")]'

	read -r status heartbeat < <(kubectl get node "$1" -o "jsonpath=$ready.status} $ready.lastHeartbeatTime}")
	[ "$status" = True ] && [[ ! $heartbeat < ${2:-} ]]
}

# ---- Bulkhead --------------------------------------------------------------------------------

agent_account() {
	kubectl apply -f "$root/manifests/rbac.yaml" -f "$root/manifests/crds.yaml" >"$logs/rbac.log" 2>&1 ||
		gave_up rbac "no account for the agents"
	kubectl -n bulkhead create token bulkhead-agent --duration=24h >"$state/agent.token"
	chmod 0600 "$state/agent.token"
	kubeconfig agent "tokenFile: $state/agent.token"
}

start_agent() {	# NODE
	on_node "$1" agent "$root/build/bulkhead-agent" --source kubernetes --kubeconfig "$state/agent.kubeconfig" \
		--node-name "$1"
	await "$1-agent" 30 "bulkheadctl status has its answer" on "$1" "$root/build/bulkheadctl" --run-dir /run/bulkhead status
}

stop() {	# COMPONENT
	local pid i

	pid=$(pid_of "$1") || return 0
	kill "$pid"
	for ((i = 0; i < 100; i++)); do
		pid_of "$1" >/dev/null || return 0
		sleep 0.05
	done
	warn "$1 does not end: killing it"
	kill -KILL "$pid"
}
