# SPDX-License-Identifier: Apache-2.0
"""It goes as it came: helm uninstall, what a plain delete leaves, and pods that were there before."""
from installed import NAMESPACE, RELEASE, InstalledCase
from node import eventually
from test_policed import Rules

LEFT = ["/opt/cni/bin/bulkhead"]


class Before(InstalledCase):
    """Pods, policies and flows first; Bulkhead comes and goes beside them, twice."""

    configs = ["dual/bridge/containerd-2/nftables"]
    cost = 4
    timeout_s = 600

    @classmethod
    def start(cls):
        cls.node.helm_major = cls.helm_major
        cls.node.load("1")
        cls.start_pods()

    def policy(self):
        blue = {"namespaceSelector": {"matchLabels": {"team": "blue"}}}
        self.node.write_policy("shop", "p", ingress=[{"from": [blue]}])

    def may(self, s, d, *_):
        return d not in self.shop or s in (self.job, self.job2)

    def test_come_and_go(self):
        self.policy()
        self.assert_policed()
        lists = [self.node.conflist(n) for n in self.node.nodes()]
        sent = [(f, proto, port) for f in self.node.families for proto, port in (("tcp", 80), ("udp", 53))]
        losses = self.losses_of(self.a, self.job, self.job2)
        live = [who.start("flow", 20, proto, self.a.ips[f], port)
                for who in (self.job, self.job2) for f, proto, port in sent]
        for m in live:
            self.addCleanup(m.kill)
            self.assertTrue(eventually(lambda m=m: m.report()["received"] > 10), f"{m}")
        self.node.install("1")
        self.assert_policed(ingress=self.may)
        self.assert_protected()
        losses.assert_none(self, live)
        self.assert_uninstalls(lists)
        self.assert_policed()
        self.assert_deleted(lists)

    def assert_uninstalls(self, lists):
        """The chain is as it was, and so is the traffic; what is left is a binary whose DEL succeeds."""
        traffic = self.node.helm("uninstall", RELEASE, "-n", NAMESPACE, "--wait")
        self.assertIn("uninstalled", traffic)
        for node, was in zip(self.node.nodes(), lists):
            self.assertEqual(self.node.conflist(node), was)
            self.assertEqual(self.node.traces_on(node), LEFT)
        self.assert_pods_come_and_go()

    def assert_pods_come_and_go(self):
        node = self.node
        node.kubectl("rollout", "restart", "-n", "lab", "deployment/job")
        node.await_pods()
        self.find_pods()
        self.assert_policed()

    def assert_deleted(self, lists):
        """By kubectl alone: what was in force stays, new pods do not start, and the way out is one command."""
        node = self.node
        node.install("1")
        self.assert_policed(ingress=self.may)
        node.kubectl("delete", "daemonset", "-n", NAMESPACE, "bulkhead-agent", "--wait")
        pods = lambda: node.get("pods", "-n", NAMESPACE)["items"]  # noqa: E731
        self.assertTrue(eventually(lambda: not pods(), 30), "agents do not end")
        self.assert_policed(ingress=self.may)
        for name in node.nodes():
            self.assertNotEqual(node.traces_on(name), LEFT)
            node.tool("node", name, "bulkhead-agent", "chain", "remove")
        for name, was in zip(node.nodes(), lists):
            self.assertEqual(node.conflist(name), was)
            self.assertEqual(node.traces_on(name), LEFT)
        self.assert_pods_come_and_go()


class Elsewhere(Rules, InstalledCase):
    """Everything else that a cluster can be, and the other Helm."""

    configs = ["ipv6/ptp/containerd-1/iptables", "ipv4/flannel/containerd-2/nftables"]
    cost = 2
    helm_major = "3"

    def test_protected(self):
        self.assert_protected()

    def test_zz_uninstall(self):
        """The last: it ends the class."""
        self.node.helm("uninstall", RELEASE, "-n", NAMESPACE, "--wait")
        for name in self.node.nodes():
            types = [p["type"] for p in self.node.conflist(name)["plugins"]]
            self.assertNotIn("bulkhead", types)
            self.assertEqual(self.node.traces_on(name), LEFT)
