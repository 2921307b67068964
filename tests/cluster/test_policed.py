# SPDX-License-Identifier: Apache-2.0
"""Policies that kubectl applies decide traffic between pods that kubelets made."""
import os
import signal
import time

from case import LiveTraffic
from clustercase import ClusterCase
from node import PATIENCE, ROOT, cidr, differences, eventually

EXAMPLE = os.path.join(ROOT, "examples/cluster/isolated.yaml")
BOTH = ["Ingress", "Egress"]


class Rules:
    """What holds in each kind of cluster."""

    def tearDown(self):
        self.node.remove_policies()

    def policy(self, name="p", ns="shop", **spec):
        self.node.write_policy(ns, name, **spec)

    def world_blocks(self):
        return [{"ipBlock": {"cidr": cidr(self.node.world, f)}} for f in self.node.families]

    def test_open(self):
        self.assert_policed()

    def test_deny_all(self):
        """Nobody reaches the pods and they reach nobody, but their kubelets and kubectl do."""
        self.policy(policyTypes=BOTH)
        self.assert_policed(
            ingress=lambda s, d, *_: d not in self.shop, egress=lambda s, *_: s not in self.shop
        )
        self.assert_probed()
        for pod in self.shop:
            self.assert_commands(pod)

    def test_by_pod(self):
        """Of their own namespace; on the other node."""
        self.policy(
            subject={"track": "a"}, ingress=[{"from": [{"podSelector": {"matchLabels": {"track": "b"}}}]}]
        )
        self.assert_policed(ingress=lambda s, d, *_: d is not self.a or s is self.b)

    def test_by_namespace(self):
        """Both of its pods, one on each node, at one port."""
        blue = {"namespaceSelector": {"matchLabels": {"team": "blue"}}}
        self.policy(ingress=[{"from": [blue], "ports": [{"port": 8080}]}])
        self.assert_policed(
            ingress=lambda s, d, proto, port: d not in self.shop
            or (s in (self.job, self.job2) and (proto, port) == ("tcp", 8080))
        )

    def test_by_block(self):
        world = self.node.world
        self.policy("in", subject={"track": "a"}, ingress=[{"from": self.world_blocks()}])
        self.policy(
            "out", subject={"track": "b"}, policyTypes=["Egress"], egress=[{"to": self.world_blocks()}]
        )
        self.assert_policed(
            ingress=lambda s, d, *_: d is not self.a or s is world,
            egress=lambda s, d, *_: s is not self.b or d is world,
        )

    # ---- Services ----------------------------------------------------------------------------

    def out_of_lab(self, *ports, **labels):
        """To pods of the shop with these labels, at these ports."""
        peer = {
            "namespaceSelector": {"matchLabels": {"team": "red"}},
            "podSelector": {"matchLabels": labels},
        }
        ports = [{"protocol": proto, "port": port} for proto, port in ports]
        self.policy(ns="lab", policyTypes=["Egress"], egress=[{"to": [peer], "ports": ports}])

    def test_service(self):
        """Open if all backends are, at the port they listen on; one that is not closes it. A backend's own
        address is judged by itself."""
        jobs, behind = (self.job, self.job2), {("tcp", 8080), ("udp", 5353)}

        def only_to(*targets):
            self.assert_policed(
                egress=lambda s, d, proto, port: s not in jobs or (d in targets and (proto, port) in behind)
            )

        for pod in jobs:
            self.assert_service(pod, answers=True)
        self.out_of_lab(("TCP", 8080), ("UDP", 5353), app="web", track="a")
        only_to(self.a)
        for pod in jobs:
            self.assert_service(pod, answers=False)
        self.out_of_lab(("TCP", 8080), ("UDP", 5353), app="web")
        only_to(self.a, self.b)
        for pod in jobs:
            self.assert_service(pod, answers=True)
        self.out_of_lab(("TCP", 7000), ("UDP", 5000), app="web")  # the Service's ports
        self.assert_policed(egress=lambda s, *_: s not in jobs)
        for pod in jobs:
            self.assert_service(pod, answers=False)

    def test_example(self):
        """examples/cluster: an isolated pod resolves a Service's name and reaches it, and no other."""
        node = self.node
        node.kubectl("apply", "-f", EXAMPLE)
        self.addCleanup(node.kubectl, "delete", "-f", EXAMPLE, f"--timeout={int(60 * PATIENCE)}s", "--ignore-not-found")
        for name in ("backend", "other", "client"):
            node.kubectl("rollout", "status", "-n", "demo", "deployment/" + name, f"--timeout={int(60 * PATIENCE)}s")
        ask = lambda *argv: node.ask_from("demo", "deployment/client", *argv)  # noqa: E731
        connect = lambda name: ask("/agnhost", "connect", name + ":80", "--timeout=2s")  # noqa: E731
        resolve = lambda: ask("nslookup", "backend.demo.svc.cluster.local")  # noqa: E731
        for name in ("backend", "backend.demo.svc.cluster.local"):
            self.assertTrue(eventually(lambda n=name: not connect(n), 15), f"no answer: {connect(name)}")
        self.assertEqual(connect("other"), "TIMEOUT")
        self.assertEqual(resolve(), "")
        node.kubectl("delete", "networkpolicy", "-n", "demo", "dns")
        self.assertTrue(eventually(resolve, 15), "still resolves")
        self.assertTrue(connect("backend"), "still answers by name")


class Changes:
    """What happens to pods, labels and agents."""

    def test_labels(self):
        """A pod that is given a label, and a namespace that loses one."""
        green = {"podSelector": {"matchLabels": {"colour": "green"}}}
        blue = {"namespaceSelector": {"matchLabels": {"team": "blue"}}}
        self.policy(subject={"track": "a"}, ingress=[{"from": [green]}, {"from": [blue]}])
        jobs = (self.job, self.job2)
        self.assert_policed(ingress=lambda s, d, *_: d is not self.a or s in jobs)
        self.node.kubectl("label", "pod", "-n", "shop", self.b.pod, "colour=green")
        self.assert_policed(ingress=lambda s, d, *_: d is not self.a or s in (*jobs, self.b))
        self.node.kubectl("label", "pod", "-n", "shop", self.b.pod, "colour-")
        self.node.kubectl("label", "namespace", "lab", "team-")
        self.addCleanup(self.node.kubectl, "label", "namespace", "lab", "team=blue")
        self.assert_policed(ingress=lambda s, d, *_: d is not self.a)

    def test_scaled(self):
        """A policy is in force on a pod that comes after it, and lets a peer in that comes after it."""
        self.policy(
            subject={"app": "web"},
            ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "late"}}}], "ports": [{"port": 80}]}],
        )
        node = self.node
        node.deploy("shop", "late", {"app": "late"}, replicas=2)
        node.kubectl("scale", "-n", "shop", "deployment/a", "--replicas=2")
        self.addCleanup(self.scale_back)
        node.await_pods()
        late = [p for p in node.pods if p.labels["app"] == "late"]
        web = [p for p in node.pods if p.labels["app"] == "web"]
        self.assertEqual((len(late), len(web)), (2, 3))
        self.assert_policed(
            ingress=lambda s, d, proto, port: d not in web or (s in late and (proto, port) == ("tcp", 80))
        )

    def scale_back(self):
        node = self.node
        node.kubectl("delete", "-n", "shop", "deployment/late", "--wait")
        node.kubectl("scale", "-n", "shop", "deployment/a", "--replicas=1")
        eventually(lambda: len(node.get("pods", "-n", "shop")["items"]) == 2, 30)
        self.find_pods()

    def test_agent_killed(self):
        """Under traffic, on the node of the pod that is asked: who may does not notice, who may not stays out."""
        blue = {"namespaceSelector": {"matchLabels": {"team": "blue"}}}
        self.policy(ingress=[{"from": [blue]}])
        may = lambda s, d, *_: d not in self.shop or s in (self.job, self.job2)  # noqa: E731
        self.assert_policed(ingress=may)
        traffic = LiveTraffic(self, self.a, (self.job, self.job2), self.b, fresh=(80, 53), ms=20)
        for _ in range(2):
            os.kill(self.node.tool.pid("node1-agent"), signal.SIGKILL)
            time.sleep(0.5)
            self.assert_at_once(may)
            self.node.tool("restart-agent", "node1")
            time.sleep(0.2)
        traffic.stop()

    def assert_at_once(self, ingress):
        """As assert_policed, without any time to get there."""
        want = self.policed(ingress)
        bad = differences(self.node.matrix(self.everybody, want=want), want)
        self.assertFalse(bad, "\n".join(bad[:20]))

    def test_agent_away(self):
        """No pod starts without its policy; when the agent is back, it does, and its policy is in force."""
        self.policy(policyTypes=["Ingress"])
        os.kill(self.node.tool.pid("node1-agent"), signal.SIGKILL)
        self.node.kubectl("delete", "pod", "-n", "shop", self.a.pod, "--wait")
        warnings = ("get", "events", "-n", "shop", "--field-selector=type=Warning")
        self.assertTrue(eventually(lambda: "bulkhead" in self.node.kubectl(*warnings), 20), "no word of it")
        for pod in self.node.get("pods", "-n", "shop", "-l", "track=a")["items"]:
            self.assertEqual(pod["status"]["phase"], "Pending")
        self.node.tool("restart-agent", "node1")
        self.find_pods()
        self.assert_at_once(lambda s, d, *_: d not in self.shop)


class Policed(Rules, Changes, ClusterCase):
    configs = ["dual/bridge/containerd-2/nftables"]
    cost = 3
