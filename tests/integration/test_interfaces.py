# SPDX-License-Identifier: Apache-2.0
"""One pod, two interfaces on two networks: two endpoints, each under the pod's policies, each with a life of
its own."""
import json
import socket

import invariants
from case import FEW_CONFIGS, PolicedCase
from node import NODE_ADDR, Pod, eventually

IN = ["Ingress"]
NET = {4: "10.78.0.0/24", 6: "fd00:78::/64"}
GATEWAY = {4: "10.78.0.1", 6: "fd00:78::1"}
FROM_WEB = [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]
FROM_TWO = [{"from": [{"podSelector": {"matchLabels": {"app": "two"}}}]}]


class TwoInterfaces(PolicedCase):
    configs = FEW_CONFIGS
    fresh = True

    def setUp(self):
        super().setUp()
        self.two = self.node.add_pod("shop", "two", {"app": "two"})
        self.net1 = self.add_second()

    def main_conf(self):
        ranges = [[{"subnet": NET[f]}] for f in self.node.families]
        ipam = {"type": "host-local", "ranges": ranges}
        return {"cniVersion": self.node.version, "name": "secondnet", "type": "ptp", "ipam": ipam}

    def add_second(self):
        """net1 in the same namespace and container, by ptp and us on a network of another name."""
        pod = Pod("shop", "two", self.two.netns, ifname="net1")
        pod.network = "secondnet"
        code, out = self.node.plugin("ADD", self.main_conf(), plugin="ptp", **self.node.pod_env(pod))
        self.assertEqual(code, 0, out)
        pod.result = json.loads(out)
        code, out = self.node.ours("ADD", pod, pod.result, name="secondnet")
        self.assertEqual(code, 0, out)
        pod.look()
        pod.hostif = self.node.link_name(pod.ifindex)
        for f in self.node.families:  # what comes to the second address goes back by the second interface
            rule = ["ip", f"-{f}", "rule", "add", "from", pod.ips[f], "lookup", "100"]
            pod.run(*rule)
            pod.run("ip", f"-{f}", "route", "add", "default", "via", GATEWAY[f], "dev", "net1", "table", "100")
            self.node.world.run("ip", f"-{f}", "route", "replace", NET[f], "via", NODE_ADDR[f])
        self.node.pods.append(pod)
        return pod

    def del_second(self):
        self.assertEqual(self.node.ours("DEL", self.net1, name="secondnet"), (0, ""))
        self.node.plugin("DEL", self.main_conf(), plugin="ptp", **self.node.pod_env(self.net1))
        self.node.pods.remove(self.net1)

    def tearDown(self):
        if self.net1 in self.node.pods:
            self.del_second()

    def reached(self, source, to, ms=None):
        """The families in which @source reaches @to, by its address."""
        return [f for f in self.node.families if source.reaches(to, family=f, ms=ms)]

    def all_reach(self, *pairs):
        for source, to in pairs:
            self.assertEqual(self.reached(source, to, 3000), list(self.node.families), (source, to.ips))

    def nobody_reaches(self, *pairs):
        for source, to in pairs:
            self.assertTrue(eventually(lambda s=source, t=to: not self.reached(s, t), 5), (source, to.ips))

    def speaks_as(self, pod, to, ms=500):
        """Whether @to answers the pod when it speaks with the address of @pod's interface."""
        answers = []
        for f in self.node.families:
            s = pod.socket(socket.AF_INET if f == 4 else socket.AF_INET6, socket.SOCK_STREAM)
            s.settimeout(ms / 1000)
            try:
                s.bind((pod.ips[f], 0))
                s.connect((to.ips[f], 80))
                answers.append(True)
            except OSError:
                answers.append(False)
            finally:
                s.close()
        self.assertEqual(len(set(answers)), 1, answers)
        return answers[0]

    def test_ingress(self):
        both = (self.two, self.net1)
        self.all_reach(*[(s, to) for s in (self.web, self.job, self.node.world) for to in both])
        self.node.write_policy("shop", "two", subject={"app": "two"}, policyTypes=IN, ingress=FROM_WEB)
        self.nobody_reaches(*[(s, to) for s in (self.job, self.labweb, self.node.world) for to in both])
        self.all_reach(*[(self.web, to) for to in both])
        self.all_reach(*[(self.node.host, to) for to in both])

    def test_egress(self):
        for pod in (self.two, self.net1):
            self.assertTrue(self.speaks_as(pod, self.db, 3000))
        to_web = [{"to": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]
        self.node.write_policy("shop", "two", subject={"app": "two"}, policyTypes=["Egress"], egress=to_web)
        for pod in (self.two, self.net1):
            self.assertTrue(eventually(lambda p=pod: not self.speaks_as(p, self.db), 5))
            self.assertTrue(self.speaks_as(pod, self.web, 3000))

    def test_as_a_peer(self):
        """On its own node the pod is known by both addresses; nobody can use the one by the other interface."""
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=FROM_TWO)
        self.nobody_reaches((self.web, self.db))
        for pod in (self.two, self.net1):
            self.assertTrue(self.speaks_as(pod, self.db, 3000))
        for f in self.node.families:
            self.two.run("ip", f"-{f}", "rule", "del", "from", self.net1.ips[f])
        self.assertFalse(self.speaks_as(self.net1, self.db))  # leaves by eth0 now: spoofed there

    def test_del_of_the_second(self):
        self.node.write_policy("shop", "two", subject={"app": "two"}, policyTypes=IN, ingress=FROM_WEB)
        self.nobody_reaches((self.job, self.two))
        self.del_second()
        self.assert_invariants()
        self.nobody_reaches((self.job, self.two))
        self.all_reach((self.web, self.two))

    def test_del_of_the_first(self):
        self.node.write_policy("shop", "two", subject={"app": "two"}, policyTypes=IN, ingress=FROM_WEB)
        self.nobody_reaches((self.job, self.net1))
        self.assertEqual(self.node.ours("DEL", self.two, self.two.result), (0, ""))
        self.node.pods.remove(self.two)
        self.assertEqual(self.node.ours("CHECK", self.net1, self.net1.result, name="secondnet"), (0, ""))
        self.nobody_reaches((self.job, self.net1))
        self.assertIn(self.net1.key() + ".json", invariants.names(invariants.RECORDS))
        self.del_second()
        self.two.stop_serving()
        self.node.cnitool("del", self.two)
        self.node.del_netns(self.two.netns)
        self.assert_invariants()
