# SPDX-License-Identifier: Apache-2.0
"""A node whose agent follows an API: the node of the integration tests, with API objects where that has
manifests. The test is scheduler and kubelet: a pod is bound when it is made, and has its addresses in its
status once ADD has returned."""
import base64
import os

from control import CONTROL_IP, PORT, PROXY_PORT, Control
from node import Node, eventually
from objects import NODE, head, namespace, pod, pod_status, policy
from proxy import Proxy

NEEDED = {"pods of this node", "pods of other nodes", "namespaces", "networkpolicies", "services"}
IN_CLUSTER = "/run/secrets/kubernetes.io/serviceaccount"  # /var/run is /run

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: test
contexts: [{{name: test, context: {{cluster: test, user: agent}}}}]
clusters: [{{name: test, cluster: {{server: "https://{host}:{port}", certificate-authority: {dir}/ca.crt}}}}]
users: [{{name: agent, user: {{tokenFile: {dir}/token}}}}]
"""
EMBEDDED = """\
apiVersion: v1
kind: Config
current-context: test
contexts: [{{name: test, context: {{cluster: test, user: agent}}}}]
clusters: [{{name: test, cluster: {{server: "https://{host}:{port}", certificate-authority-data: {ca}}}}}]
users: [{{name: agent, user: {{client-certificate-data: {crt}, client-key-data: {key}}}}}]
"""


def replace(path, text):
    """By rename, so that nobody reads half."""
    with open(path + ".tmp", "w") as f:
        f.write(text)
    os.rename(path + ".tmp", path)


class ApiNode(Node):
    """@make(node): what serves the API; a Control, or something that can do the same. @proxied: the agent
    meets it through a Proxy."""

    epolls = 6  # one is for the API server's connections

    def __init__(self, *args, make=Control, in_cluster=False, proxied=False, **kw):
        self.api, self.in_cluster, self.uids, self.proxy = None, in_cluster, {}, None
        super().__init__(*args, **kw)
        try:
            self.api = make(self)
            self.undo.callback(self.api.close)
            self.account = IN_CLUSTER if in_cluster else "/run/bh-account"
            os.makedirs(self.account)
            self.set_ca(self.api.ca)
            self.set_token(self.api.token())
            if proxied:
                self.proxy = Proxy(self.api)
                self.undo.callback(self.proxy.close)
            self.set_server(PROXY_PORT if proxied else PORT)
            self.api.apply(head("Node", None, NODE))
        except BaseException:
            self.close()
            raise

    def set_ca(self, *authorities):
        text = ""
        for a in authorities:
            with open(a.crt) as f:
                text += f.read()
        replace(os.path.join(self.account, "ca.crt"), text)

    def set_token(self, text):
        replace(os.path.join(self.account, "token"), text)

    def set_server(self, port):
        self.port = port
        self.set_kubeconfig(KUBECONFIG.format(host=CONTROL_IP, port=port, dir=self.account))

    def set_kubeconfig(self, text):
        replace(os.path.join(self.account, "kubeconfig"), text)

    def embedded(self, crt, key):
        """A kubeconfig with a client certificate, all of it as data."""
        data = {}
        for name, path in (("ca", os.path.join(self.account, "ca.crt")), ("crt", crt), ("key", key)):
            with open(path, "rb") as f:
                data[name] = base64.b64encode(f.read()).decode()
        return EMBEDDED.format(host=CONTROL_IP, port=self.port, **data)

    # ---- the agent ------------------------------------------------------------------------------

    def source_args(self):
        kubeconfig = ["--kubeconfig", os.path.join(self.account, "kubeconfig")]
        return ["--source", "kubernetes", "--node-name", NODE, *([] if self.in_cluster else kubeconfig)]

    def agent_start(self, wait=True):
        if self.in_cluster:
            os.environ.update(KUBERNETES_SERVICE_HOST=CONTROL_IP, KUBERNETES_SERVICE_PORT=str(self.port))
        super().agent_start(wait)

    def agent_ready(self):
        super().agent_ready()
        if not eventually(lambda: self.synced() and self.ask("status")["in_force"], 30):
            raise RuntimeError(f"the agent does not follow the API: {self.ask('status')}\n{self.agent_log()}")

    def synced(self):
        """Whether all that has to be known has been complete once."""
        watches = (self.ask("status") or {}).get("watches", [])
        return NEEDED == {w["name"] for w in watches if w["synced"]} & NEEDED

    def trouble(self):
        """What the watches are in trouble about, as one text."""
        return " ".join(w["trouble"] or "" for w in (self.ask("status") or {}).get("watches", []))

    def agent_fds(self):
        """Without the connections to the API server, which come and go."""
        return [name for name in super().agent_fds() if name != "socket"]

    def memory_mb(self, field="VmRSS"):
        with open(f"/proc/{self.agent.pid}/status") as f:
            return next(int(line.split()[1]) / 1024 for line in f if line.startswith(field + ":"))

    def cpu_s(self):
        """What the agent has used of it, with its children that have ended."""
        with open(f"/proc/{self.agent.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    # ---- objects --------------------------------------------------------------------------------

    def write_namespace(self, name, labels=None):
        self.api.apply(namespace(name, labels))

    def write_pod(self, ns, name, labels=None, ips=(), annotations=None, mirror=False, **spec):
        """@mirror: as a kubelet makes it for a static pod, owned by its Node."""
        made = pod(ns, name, labels, annotations, **spec)
        if mirror:
            made["metadata"]["ownerReferences"] = [
                {"apiVersion": "v1", "kind": "Node", "name": NODE, "uid": "n", "controller": True}
            ]
        self.uids[ns, name] = self.api.apply(made)["metadata"]["uid"]
        if ips:
            self.api.set_status(ns, name, pod_status(ips))

    def write_policy(self, ns, name, **spec):
        self.api.apply(policy(ns, name, **spec))

    def remove_pod(self, ns, name):
        self.uids.pop((ns, name), None)
        self.api.delete("Pod", ns, name)

    def remove_policy(self, ns, name):
        self.api.delete("NetworkPolicy", ns, name)

    def remove_policies(self):
        self.api.remove_all("NetworkPolicy")

    # ---- pods -----------------------------------------------------------------------------------

    def new_pod(self, ns, name, netns=None):
        made = super().new_pod(ns, name, netns)
        made.uid = self.uids.get((ns, name), "")
        return made

    def up(self, pod, serve=True):
        super().up(pod, serve)
        if pod.uid:
            self.api.set_status(pod.ns, pod.pod, pod_status(pod.ips[f] for f in sorted(pod.ips)))
