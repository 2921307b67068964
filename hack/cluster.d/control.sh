# SPDX-License-Identifier: Apache-2.0
# The fabric that joins the nodes, and the control plane, which lives in it. Sourced.

# A bridge between the nodes, and behind it two addresses that are nobody's node or pod: the world. Its
# routes to pods name them as their source.
make_fabric() {
	namespaces fabric net
	on fabric sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
		if cd /proc/sys/net/ipv6/conf 2>/dev/null; then
			echo 1 >all/forwarding
			echo 0 | tee all/accept_dad >default/accept_dad
		fi'
	on fabric ip link set lo up
	on fabric ip link add fabric address 02:00:ac:1f:00:01 type bridge	# else it changes with the ports
	on fabric ip link set fabric up
	if has_ipv4; then
		on fabric ip addr add 172.31.0.1/24 dev fabric
		on fabric ip addr add 203.0.113.10/32 dev lo
	fi
	if has_ipv6; then
		on fabric ip addr add fd00:31::1/64 dev fabric nodad
		on fabric ip addr add 2001:db8:113::10/128 dev lo nodad
	fi
}

on_fabric() {	# COMPONENT ARGS...: starts it
	local name=$1 where

	shift
	where=$(enter fabric)
	# shellcheck disable=SC2086 # words
	daemon "$name" $where -- "$kubernetes/$name" "$@"
}

start_etcd() {
	local where

	where=$(enter fabric)
	# Nothing here is worth a disk's patience: --unsafe-no-fsync.
	# shellcheck disable=SC2086 # words
	daemon etcd $where -- "$etcd/etcd" --data-dir "$state/etcd" --unsafe-no-fsync --log-level warn \
		--listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
		--listen-peer-urls http://127.0.0.1:2380
}

start_apiserver() {
	on_fabric kube-apiserver --etcd-servers=http://127.0.0.1:2379 \
		--advertise-address="$(first "$(by_family 172.31.0.1 fd00:31::1)")" --secure-port=6443 \
		--bind-address="$(if has_ipv6; then echo ::; else echo 0.0.0.0; fi)" \
		--service-cluster-ip-range="$(by_family 10.96.0.0/16 fd00:96::/112)" \
		--tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
		--client-ca-file="$pki/ca.crt" --cert-dir="$state/apiserver" \
		--service-account-issuer=https://kubernetes.default.svc.cluster.local \
		--service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
		--authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
		--kubelet-client-certificate="$pki/kubelet-client.crt" \
		--kubelet-client-key="$pki/kubelet-client.key" --kubelet-certificate-authority="$pki/ca.crt" \
		--kubelet-preferred-address-types=InternalIP
}

# Nodes' pod ranges are written by us when a node is made, so that addresses are the same in every run.
start_controllers() {
	on_fabric kube-controller-manager --kubeconfig="$state/kube-controller-manager.kubeconfig" \
		--service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" \
		--cluster-signing-cert-file="$pki/ca.crt" --cluster-signing-key-file="$pki/ca.key" \
		--use-service-account-credentials --allocate-node-cidrs=false --leader-elect=false
	[ "$nodes" = 0 ] ||
		on_fabric kube-scheduler --kubeconfig="$state/kube-scheduler.kubeconfig" --leader-elect=false
}

api_is_ready() {
	kubectl get --raw /readyz
}

account_is_there() {	# NAMESPACE NAME
	kubectl -n "$1" get serviceaccount "$2"
}

start_control_plane() {
	make_fabric
	start_etcd
	start_apiserver
	await kube-apiserver 60 "it answers /readyz" api_is_ready
	start_controllers
	await kube-controller-manager 60 "it makes service accounts" account_is_there default default
}

# kubectl ARGS...: as the administrator, where the control plane is.
kubectl() {
	(become_kubectl "$@")
}

become_kubectl() {
	local where

	where=$(enter fabric) || exit
	export KUBECONFIG=$state/admin.kubeconfig KUBECACHEDIR=$state/kubectl
	# shellcheck disable=SC2086 # words
	exec $where -- "$kubernetes/kubectl" "$@"
}

# ---- DNS -------------------------------------------------------------------------------------

start_dns() {
	local replicas=2

	[ "$nodes" -gt 1 ] || replicas=1
	sed -e "s/@REPLICAS@/$replicas/; s/@ADDRESS@/$(first "$dns_ips")/; s/@ADDRESSES@/$dns_ips/" \
		-e "s/@FAMILIES@/$(by_family IPv4 IPv6)/" "$parts/coredns.yaml" |
		kubectl apply -f - >"$logs/coredns.log" 2>&1 || gave_up coredns "no CoreDNS"
}

await_dns() {
	kubectl -n kube-system rollout status deployment/coredns --timeout=360s >"$logs/coredns.log" 2>&1 && return
	{
		kubectl -n kube-system get pods -o wide
		kubectl -n kube-system get events --sort-by=.lastTimestamp | tail -n 10
		kubectl -n kube-system logs deployment/coredns --tail=5
	} >>"$logs/coredns.log" 2>&1 || true
	gave_up coredns "CoreDNS is not ready"
}
