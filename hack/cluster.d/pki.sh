# SPDX-License-Identifier: Apache-2.0
# Certificates and kubeconfigs: one authority, one certificate for each who speaks. Sourced.

# What openssl would add by its own configuration is left out: every extension is one that is named here.
certificate() {	# NAME SUBJECT EXTENSION...
	local name=$1 subject=$2 extension args=()

	shift 2
	for extension in "$@"; do
		args+=(-addext "$extension")
	done
	[ "$name" = ca ] || args+=(-CA "$pki/ca.crt" -CAkey "$pki/ca.key")
	openssl req -x509 -config <(printf '[req]\ndistinguished_name = dn\n[dn]\n') -days 365 \
		-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$pki/$name.key" \
		-out "$pki/$name.crt" -subj "$subject" "${args[@]}" 2>"$logs/openssl.log" ||
		gave_up openssl "no certificate for $name"
}

client() {	# NAME SUBJECT EXTENSION...
	certificate "$@" basicConstraints=critical,CA:FALSE extendedKeyUsage=clientAuth,serverAuth
	kubeconfig "$1" "client-certificate: $pki/$1.crt, client-key: $pki/$1.key"
}

kubeconfig() {	# NAME CREDENTIALS
	cat >"$state/$1.kubeconfig" <<-END
	apiVersion: v1
	kind: Config
	clusters: [{name: bulkhead, cluster: {server: "$server", certificate-authority: $pki/ca.crt}}]
	users: [{name: $1, user: {$2}}]
	contexts: [{name: bulkhead, context: {cluster: bulkhead, user: $1}}]
	current-context: bulkhead
	END
	chmod 0600 "$state/$1.kubeconfig"
}

# subjectAltName of addresses and names, as openssl wants it.
alt_names() {	# NAME-OR-ADDRESS...
	local name

	printf 'subjectAltName='
	for name in "$@"; do
		case $name in
		*:* | *.*.*.*[0-9]) printf 'IP:%s,' "$name" ;;
		*) printf 'DNS:%s,' "$name" ;;
		esac
	done | sed 's/,$//'
}

make_pki() {
	local node

	mkdir -p -m 0700 "$pki"
	certificate ca /CN=bulkhead-dev basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign
	openssl genrsa -out "$pki/sa.key" 2048 2>/dev/null
	openssl rsa -in "$pki/sa.key" -pubout -out "$pki/sa.pub" 2>/dev/null
	certificate apiserver /CN=kube-apiserver basicConstraints=critical,CA:FALSE extendedKeyUsage=serverAuth \
		"$(alt_names 127.0.0.1 ::1 10.96.0.1 fd00:96::1 172.31.0.1 fd00:31::1 localhost \
			kubernetes kubernetes.default kubernetes.default.svc kubernetes.default.svc.cluster.local)"
	client admin /O=system:masters/CN=admin
	client kubelet-client /O=system:masters/CN=kube-apiserver
	client kube-controller-manager /CN=system:kube-controller-manager
	client kube-scheduler /CN=system:kube-scheduler
	client kube-proxy /CN=system:kube-proxy
	for node in $(nodes); do
		client "$node" "/O=system:nodes/CN=system:node:$node" \
			"$(alt_names "$node" "$(node_ip4 "$node")" "$(node_ip6 "$node")")"
	done
}
