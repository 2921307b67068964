# SPDX-License-Identifier: Apache-2.0
"""Services, as a real kube-proxy makes them: what a pod sends to their addresses is judged by who is behind."""
import json
import os
import subprocess
import time

from case_api import ApiCase
from control import KUBERNETES
from node import NODE_ADDR, POD_NET, WORLD_MORE, cidr, eventually
from objects import ELSEWHERE, NODE, head
from node_api import replace

PORT, TARGET, NODE_PORT = 7000, 8080, 30700  # the world and the node serve none of the Service's ports
OUT = ["Egress"]
FAMILY = {4: "IPv4", 6: "IPv6"}


class KubeProxy:
    """On the node, as the administrator."""

    def __init__(self, node, mode):
        kubeconfig, config = "/run/bh-proxy.kubeconfig", "/run/bh-proxy.json"
        replace(kubeconfig, node.embedded(*node.api.ca.client("proxy", "system:masters")))
        spec = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": kubeconfig},
            "hostnameOverride": NODE,
            "mode": mode,
            "clusterCIDR": ",".join(POD_NET.values()),
            "conntrack": {"maxPerCore": 0, "min": 0},
            mode: {"minSyncPeriod": "0.1s"},
        }
        replace(config, json.dumps(spec))
        self.log = os.path.splitext(node.log_path)[0] + ".kube-proxy.log"
        with open(self.log, "w") as log:
            argv = [os.path.join(KUBERNETES, "kube-proxy"), f"--config={config}"]
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end(self):
        self.process.kill()
        self.process.wait(10)


class Services:
    """shop/web and shop/db are behind shop/s; lab/job asks."""

    mode = None

    @classmethod
    def start(cls):
        super().start()
        node = cls.node
        addresses = [{"type": "InternalIP", "address": NODE_ADDR[f]} for f in node.families]
        node.api.admin.patch("Node", None, NODE, {"status": {"addresses": addresses}}, "/status")
        cls.proxy = KubeProxy(node, cls.mode)
        node.undo.callback(cls.proxy.end)

    def tearDown(self):
        for kind in ("Service", "EndpointSlice"):
            for obj in self.node.api.admin.list(kind, "shop")["items"]:
                self.node.api.delete(kind, "shop", obj["metadata"]["name"])
        super().tearDown()

    def context(self):
        with open(self.proxy.log) as f:
            return super().context() + "\n--- kube-proxy ---\n" + "".join(f.readlines()[-20:])

    # ---- objects -----------------------------------------------------------------------------

    def service(self, *pods, port=None, balancer=None, **spec):
        """shop/s before @pods: {family: ClusterIP}. @balancer: {family: address}."""
        ports = [{"name": "x", "port": PORT, "targetPort": TARGET, **(port or {})}]
        families = {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"]}
        made = self.node.api.apply(
            {**head("Service", "shop", "s"), "spec": {"ports": ports, **families, **spec}}
        )
        if balancer:
            ingress = [{"ip": balancer[f], "ipMode": "VIP"} for f in self.node.families]
            self.node.api.admin.patch("Service", "shop", "s", {"status": {"loadBalancer": {"ingress": ingress}}}, "/status")
        self.endpoints(*pods)
        return dict(zip((4, 6), made["spec"]["clusterIPs"]))

    def endpoints(self, *pods, unready=(), elsewhere=()):
        for f in self.node.families:
            endpoints = [
                {
                    "addresses": [p.ips[f]],
                    "nodeName": ELSEWHERE if p in elsewhere else NODE,
                    "conditions": {"ready": p not in unready, "serving": p not in unready, "terminating": False},
                }
                for p in pods
            ]
            labels = {"kubernetes.io/service-name": "s"}
            self.node.api.apply(
                {
                    **head("EndpointSlice", "shop", f"s-{f}", labels),
                    "addressType": FAMILY[f],
                    "endpoints": endpoints,
                    "ports": [{"name": "x", "port": TARGET, "protocol": "TCP"}],
                }
            )

    def only_to(self, *peers, of=None):
        """An egress policy for lab/job, or for another pod: to these peers and to the ports given with them."""
        pod = of or self.job
        egress = [{"to": [peer], **({"ports": [{"port": port}]} if port else {})} for peer, port in peers]
        self.node.write_policy(pod.ns, "out", subject={"app": pod.labels["app"]}, policyTypes=OUT, egress=egress)

    @staticmethod
    def shop(**labels):
        return {
            "namespaceSelector": {"matchLabels": {"team": "red"}},
            "podSelector": {"matchLabels": labels},
        }, TARGET

    def blocks(self, addrs):
        return [({"ipBlock": {"cidr": cidr(addrs[f])}}, None) for f in self.node.families]

    # ---- questions ---------------------------------------------------------------------------

    def settle(self, yes, pod, addrs, port=PORT, times=8):
        """So many new connections to each address are answered, or none is: soon, for kube-proxy and we are
        told at different times."""
        targets = [("tcp", addrs[f], port) for f in self.node.families for _ in range(times)]

        def same():
            got = [a["ok"] for a in pod.try_all(targets, 3000 if yes else 300)]
            self.assertEqual(got, [yes] * len(targets), f"{pod} to {addrs} at {port}")
            return True

        eventually(same, 15)

    def reached(self, addrs, port=PORT, by=None):
        self.settle(True, by or self.job, addrs, port)

    def unreached(self, addrs, port=PORT, by=None):
        self.settle(False, by or self.job, addrs, port)

    # ---- tests -------------------------------------------------------------------------------

    def test_two_backends(self):
        """All of them, at the port where they listen; each by itself whatever the other is."""
        ips = self.service(self.web, self.db)
        self.reached(ips)
        self.only_to(self.shop(app="web"))
        self.unreached(ips)
        self.reached(self.web.ips, TARGET)
        self.only_to((self.shop()[0], PORT))
        self.unreached(ips)
        self.only_to(self.shop())
        self.reached(ips)

    def test_mixed_answers_are_told(self):
        """With the Service and with the backend that is in the way."""
        ips = self.service(self.web, self.db)
        self.reached(ips)
        self.only_to(self.shop(app="web"))
        self.unreached(ips)
        for f in self.node.families:
            end = f"{self.db.ips[f]}:{TARGET}" if f == 4 else f"[{self.db.ips[f]}]:{TARGET}"
            want = ("shop/s", [f"shop/db ({end})"])

            def told(f=f, want=want):
                """By the tables in force; the programs have them a moment before that."""
                self.assertFalse(self.job.reaches(ips[f], "tcp", PORT))
                flows = [x for x in self.node.ctl("flows") if x.get("dst") == ips[f] and x["pod"] == str(self.job)]
                self.assertEqual((flows[-1]["service"], flows[-1]["behind"]), want)
                return True

            eventually(told)
            answer = self.node.ask("explain", pod=str(self.job), peer=ips[f], port=PORT, proto="TCP")
            self.assertEqual([(c["service"], c["behind"]) for c in answer["checks"] if c["verdict"] == "deny"], [want])

    def denials(self):
        """How many packets of pods policy has denied."""
        return sum(r["egress"]["packets"] for r in self.node.ask("status")["reasons"] if r["reason"] == "policy-denied")

    def test_readiness_flaps(self):
        """Whom kube-proxy sends nothing to for a moment is a backend all the same."""
        ips = self.service(self.web, self.db)
        self.only_to(self.shop())
        self.reached(ips)
        meters = [self.job.start("hammer", 10, "tcp", ips[f], PORT) for f in self.node.families]
        before = self.denials()
        for i in range(8):
            self.endpoints(self.web, self.db, unready=[(self.web,), (), (self.db,), ()][i % 4])
            time.sleep(0.2)  # kube-proxy follows
            self.reached(ips)
        for m in meters:
            self.assertGreater(m.stop()["answered"], 10)
        self.assertEqual(self.denials(), before)
        self.only_to(self.shop(app="web"))
        self.endpoints(self.web, self.db, unready=(self.db,))
        self.unreached(ips)
        self.endpoints(self.web)
        self.reached(ips)

    def test_local(self):
        """Whom kube-proxy sends nothing to from this node, because the Service says so, does not count."""
        ips = self.service(self.web, self.db, internalTrafficPolicy="Local")
        self.reached(ips)
        self.only_to(self.shop(app="web"))
        self.unreached(ips)
        self.endpoints(self.web, self.db, elsewhere=(self.db,))
        self.reached(ips)
        self.only_to(self.shop(app="db"))
        self.unreached(ips)

    def test_hairpin(self):
        """A pod that is its own backend: by its egress policy, and no ingress policy is between it and itself."""
        ips = self.service(self.db)
        self.node.write_policy("shop", "in", subject={"app": "db"}, policyTypes=["Ingress"])
        self.reached(ips, by=self.db)
        self.unreached(ips)
        self.only_to(self.shop(app="web"), of=self.db)
        self.unreached(ips, by=self.db)
        self.only_to(self.shop(app="db"), of=self.db)
        self.reached(ips, by=self.db)

    def test_external_ip(self):
        """Claimed from the world: it and all backends must be allowed."""
        addrs = {f: WORLD_MORE[f][0] for f in self.node.families}
        self.service(self.web, self.db, externalIPs=list(addrs.values()))
        self.reached(addrs)
        self.only_to(self.shop())
        self.unreached(addrs)
        self.only_to(*self.blocks(addrs))
        self.unreached(addrs)
        self.reached(addrs, 80)  # the world's own
        self.only_to(self.shop(), *self.blocks(addrs))
        self.reached(addrs)

    def test_balancer(self):
        addrs = {f: WORLD_MORE[f][1] for f in self.node.families}
        self.service(self.web, self.db, type="LoadBalancer", balancer=addrs, allocateLoadBalancerNodePorts=False)
        self.reached(addrs)
        self.only_to(*self.blocks(addrs))
        self.unreached(addrs)
        self.reached(addrs, 80)
        self.only_to(self.shop())
        self.reached(addrs)
        self.unreached(addrs, 80)

    def test_node_port(self):
        """What ends at the node is allowed, what it sends on is judged."""
        self.service(self.web, self.db, type="NodePort", port={"nodePort": NODE_PORT})
        self.reached(NODE_ADDR, NODE_PORT)
        self.only_to(self.shop(app="web"))
        self.unreached(NODE_ADDR, NODE_PORT)
        self.reached(NODE_ADDR, 80)
        self.only_to(self.shop())
        self.reached(NODE_ADDR, NODE_PORT)
        self.only_to()
        self.unreached(NODE_ADDR, NODE_PORT)
        self.reached(NODE_ADDR, 80)

    def test_claimed_from_the_node(self):
        """An address of the node as an external IP: the port leads elsewhere, so the node is not meant."""
        self.service(self.web, self.db, externalIPs=[NODE_ADDR[f] for f in self.node.families])
        self.reached(NODE_ADDR)
        self.only_to(self.shop(app="web"))
        self.unreached(NODE_ADDR)
        self.reached(NODE_ADDR, 80)
        self.only_to(self.shop())
        self.reached(NODE_ADDR)


class Nftables(Services, ApiCase):
    configs = ["ptp/1.9/dual/tcx"]
    mode = "nftables"
    cost = 3


class Iptables(Services, ApiCase):
    configs = ["bridge/1.9/dual/clsact"]
    mode = "iptables"
    cost = 3
