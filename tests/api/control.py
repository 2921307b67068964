# SPDX-License-Identifier: Apache-2.0
"""A real etcd and kube-apiserver, alone, in a network namespace of their own beside the node.

Nobody controls or schedules anything: the tests create pods that are bound already, and write their
status as the kubelet would. Namespaces have no controller: they are not deleted.
"""
import contextlib
import os
import signal
import subprocess

from client import ApiError, Client
from node import eventually, run
from objects import head, namespace, path, pod
from pki import Authority, sign_token, signing_key

ETCD = os.environ.get("BH_ETCD", "")
KUBERNETES = os.environ.get("BH_KUBERNETES", "")
NETNS = "bh-control"
LINK = "control"  # the node's end of the path
NODE_IP, CONTROL_IP = "198.18.0.1", "198.18.0.2"
PORT, PROXY_PORT, ETCD_PORT = 6443, 7443, 2379
ISSUER = "https://kubernetes.default.svc"
SYSTEM, ACCOUNT = "bulkhead-system", "bulkhead-agent"
RULES = [  # what the agent needs, and nothing else
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["namespaces", "nodes", "services"], "verbs": ["list", "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["list", "watch"]},
    {
        "apiGroups": ["policy.networking.k8s.io"],
        "resources": ["clusternetworkpolicies"],
        "verbs": ["list", "watch"],
    },
    {
        "apiGroups": ["policy.bulkhead.dev"],
        "resources": ["segmentationpolicies", "clustersegmentationpolicies"],
        "verbs": ["list", "watch"],
    },
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
]


class Path:
    """A network namespace beside the node's, and the path between the two."""

    def __init__(self, node):
        self.netns = node.new_netns(NETNS)
        node.extra_links = (*getattr(node, "extra_links", ()), LINK)
        run("ip", "link", "add", LINK, "type", "veth", "peer", "name", "eth0", "netns", NETNS)
        node.undo.callback(run, "ip", "link", "del", LINK, check=False)
        run("ip", "link", "set", LINK, "up")
        run("ip", "addr", "add", f"{NODE_IP}/30", "dev", LINK)
        run("ip", "-n", NETNS, "link", "set", "eth0", "up")
        run("ip", "-n", NETNS, "addr", "add", f"{CONTROL_IP}/30", "dev", "eth0")

    def argv(self, *argv):
        return ["nsenter", f"--net={self.netns}", "--", *map(str, argv)]

    def _drop(self, match):
        rules = "".join(
            f'chain {hook} {{ type filter hook {hook} priority 0; {way} "eth0" {match(hook)} counter drop; }}\n'
            for hook, way in (("input", "iifname"), ("output", "oifname"))
        )
        run(*self.argv("nft", "-f", "-"), input=f"table inet cut {{\n{rules}}}\n")

    def cut(self):
        """Both ways, in silence."""
        self._drop(lambda hook: "")

    def cut_connections(self, port=PORT):
        """Those that there are now, in silence: a new one goes through. How many that were."""
        ends = self.connections(port)
        ports = ", ".join(map(str, ends))
        if ends:
            self._drop(lambda hook: f"tcp {'sport' if hook == 'input' else 'dport'} {{ {ports} }}")
        return len(ends)

    def connections(self, port=PORT):
        """The node's port numbers of the connections to a server here."""
        out = run(*self.argv("ss", "-Htn", "state", "established", f"( sport = :{port} and dst {NODE_IP} )"))
        return sorted(int(line.split()[3].rsplit(":", 1)[1]) for line in out.splitlines())

    def heal(self):
        run(*self.argv("nft", "delete", "table", "inet", "cut"), check=False)


class Program:
    """A server that is started, ended and started again; its output is kept beside the other logs."""

    def __init__(self, path, name, log, argv):
        self.path, self.name, self.log, self.argv = path, name, f"{log}.{name}.log", argv
        self.process = None

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                self.path.argv(*self.argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def end(self):
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.process = None

    def check(self):
        if self.process.poll() is not None:
            with open(self.log) as f:
                tail = "".join(f.readlines()[-10:])
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{tail}")


class Control:
    """See the module."""

    watch_list = True

    def __init__(self, node, args=()):
        self.node, self.path = node, Path(node)
        self.dir = "/run/bh-control"
        os.makedirs(self.dir)
        self.ca = Authority(os.path.join(self.dir, "pki"), "ca")
        self.tokens = signing_key(self.ca.dir)
        self.serve_by(self.ca)
        base = os.path.splitext(node.log_path)[0]
        with contextlib.suppress(FileNotFoundError):
            for name in ("etcd", "apiserver"):
                os.unlink(f"{base}.{name}.log")
        self.etcd = Program(self.path, "etcd", base, self._etcd_argv())
        self.apiserver = Program(self.path, "apiserver", base, [*self._apiserver_argv(), *args])
        self.undo = contextlib.ExitStack()
        self.undo.callback(self.end)
        self.etcd.start()
        self.apiserver.start()
        self.admin = Client(
            self.path.netns, ("127.0.0.1", PORT), self.ca.crt, self.ca.client("admin", "system:masters")
        )
        self.ready()
        self._account()

    def _etcd_argv(self):
        url, peer = f"http://127.0.0.1:{ETCD_PORT}", "http://127.0.0.1:2380"
        return [
            os.path.join(ETCD, "etcd"),
            "--data-dir",
            os.path.join(self.dir, "etcd"),
            "--unsafe-no-fsync",
            "--listen-client-urls",
            url,
            "--advertise-client-urls",
            url,
            "--listen-peer-urls",
            peer,
            "--initial-advertise-peer-urls",
            peer,
            "--initial-cluster",
            f"default={peer}",
            "--log-level",
            "warn",
        ]

    def _apiserver_argv(self):
        pki = self.ca.dir
        options = {
            "etcd-servers": f"http://127.0.0.1:{ETCD_PORT}",
            "secure-port": PORT,
            "bind-address": "0.0.0.0",
            "advertise-address": CONTROL_IP,
            "endpoint-reconciler-type": "none",
            "service-cluster-ip-range": "10.96.0.0/16,fd00:96::/112",
            "cert-dir": pki,
            "tls-cert-file": f"{pki}/apiserver.crt",
            "tls-private-key-file": f"{pki}/apiserver.key",
            "client-ca-file": self.ca.crt,
            "service-account-key-file": self.tokens[1],
            "service-account-signing-key-file": self.tokens[0],
            "service-account-issuer": ISSUER,
            "authorization-mode": "RBAC",
            "anonymous-auth": "false",
            "disable-admission-plugins": "ServiceAccount",
            "event-ttl": "10m",
            "profiling": "false",
        }
        return [os.path.join(KUBERNETES, "kube-apiserver"), *(f"--{k}={v}" for k, v in options.items())]

    def serve_by(self, authority):
        """The server's certificate is from @authority, from its next start on."""
        crt, key = authority.server(
            "apiserver", "IP:127.0.0.1", f"IP:{CONTROL_IP}", "DNS:kubernetes.default.svc"
        )
        for source, name in ((crt, "apiserver.crt"), (key, "apiserver.key")):
            if os.path.dirname(source) != self.ca.dir:
                run("cp", source, os.path.join(self.ca.dir, name))

    # ---- its life -------------------------------------------------------------------------------

    def ready(self):
        def answers():
            self.etcd.check()
            self.apiserver.check()
            with contextlib.suppress(OSError, ApiError):
                return self.admin.request("GET", "/readyz") == "ok"

        if not eventually(answers, 60):
            raise RuntimeError("the API server does not become ready")

    def stop(self):
        """SIGTERM: it says goodbye to its clients, and waits for them longer than a test would."""
        os.kill(self.apiserver.process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.apiserver.process.wait(3)
        self.apiserver.end()

    def kill(self):
        self.apiserver.end()

    def start(self):
        self.apiserver.start()
        self.ready()

    def mend(self):
        """Whatever a test that failed has left."""
        self.path.heal()
        for program in (self.etcd, self.apiserver):
            if not program.process:
                program.start()
        self.ready()

    def end(self):
        self.apiserver.end()
        self.etcd.end()

    def compact(self):
        """Nothing of the past is left in etcd."""
        etcdctl = self.path.argv(os.path.join(ETCD, "etcdctl"), "--endpoints", f"127.0.0.1:{ETCD_PORT}")
        now = run(*etcdctl, "get", "/none", "-w", "fields")
        revision = [line.split(":")[1].strip() for line in now.splitlines() if line.startswith('"Revision"')][
            0
        ]
        run(*etcdctl, "compact", "--physical", revision)

    def close(self):
        self.undo.close()

    # ---- who the agent is -----------------------------------------------------------------------

    def _account(self):
        self.admin.apply(namespace(SYSTEM))
        self.uid = self.admin.apply(head("ServiceAccount", SYSTEM, ACCOUNT))["metadata"]["uid"]
        self.grant(RULES)
        subject = {"kind": "ServiceAccount", "namespace": SYSTEM, "name": ACCOUNT}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT}
        self.admin.apply(
            {**head("ClusterRoleBinding", None, ACCOUNT), "roleRef": role, "subjects": [subject]}
        )
        token = self.token()
        client = Client(self.path.netns, self.admin.address, self.ca.crt, token=token)
        eventually(lambda: client.list("NetworkPolicy"), 10)

    def grant(self, rules):
        self.admin.apply({**head("ClusterRole", None, ACCOUNT), "rules": rules})

    def token(self, seconds=3600, account=ACCOUNT, node=None):
        """By the API, which signs for ten minutes at least. @node: as the kubelet gets it for a pod there."""
        where = path("ServiceAccount", SYSTEM, account) + "/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [ISSUER], "expirationSeconds": seconds},
        }
        if node:
            made = self.apply(pod(SYSTEM, f"{account}-{node}", nodeName=node, serviceAccountName=account))["metadata"]
            body["spec"]["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": made["name"], "uid": made["uid"]}
        return self.admin.request("POST", where, body)["status"]["token"]

    def short_token(self, seconds):
        """Signed by hand, with the same key."""
        account = {"namespace": SYSTEM, "serviceaccount": {"name": ACCOUNT, "uid": self.uid}}
        claims = {
            "iss": ISSUER,
            "aud": [ISSUER],
            "sub": f"system:serviceaccount:{SYSTEM}:{ACCOUNT}",
            "kubernetes.io": account,
        }
        return sign_token(self.tokens[0], claims, seconds)

    # ---- objects, as a node's tests write them --------------------------------------------------

    def apply(self, obj):
        return self.admin.apply(obj)

    def delete(self, kind, ns, name):
        self.admin.delete(kind, ns, name)

    def set_status(self, ns, name, status):
        self.admin.patch("Pod", ns, name, {"status": status}, "/status")

    def remove_all(self, kind):
        for obj in self.admin.list(kind)["items"]:
            self.admin.delete(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
