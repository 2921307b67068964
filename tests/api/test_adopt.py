# SPDX-License-Identifier: Apache-2.0
"""Pods that were there before the agent, as a real API tells of them: with UIDs, and with the node's name, so
that a pod without an interface can be told."""
import time

from case import below
from case_api import ApiCase
from node import eventually

LATE_S = 10  # a sandbox that ends leaves its Pod without a veth for so long, at most


class Adopt(ApiCase):
    cost = 4

    def unprotected(self):
        return {i["name"]: i["reason"] for i in self.node.ctl("endpoints", "--unprotected")}

    def test_adopted_under_its_uid(self):
        """The main plugin alone makes a pod; its status brings it to us, and the policy that selects it."""
        node = self.node
        node.write_policy("lab", "old", subject={"app": "old"}, policyTypes=["Ingress"])
        node.write_pod("lab", "old", {"app": "old"})
        old = node.new_pod("lab", "old")
        old.labels = {"app": "old"}
        old.result = node.add_main(old)
        old.network, old.container = "(adopted)", old.uid
        node.pods.append(old)
        old.look()
        old.hostif = node.link_name(old.ifindex)
        old.serve()
        self.assertTrue(self.job.reaches(old), "not open to begin with")
        began = time.monotonic()
        node.write_pod("lab", "old", old.labels, ips=[old.ips[f] for f in sorted(old.ips)])
        self.assertTrue(eventually(lambda: not self.job.reaches(old), 10))
        self.assertLess(time.monotonic() - began, below(5))
        self.assert_invariants()
        old.stop_serving()
        node.pods.remove(old)
        node.del_main(old)
        node.del_netns(old.netns)
        node.remove_pod("lab", "old")
        self.assertTrue(eventually(lambda: len(node.ask("endpoints")["items"]) == len(node.pods)))

    def test_without_a_veth(self):
        """What has an address and no interface here runs without us, or not at all: said, but not at once."""
        self.node.write_pod("lab", "ghost", {"app": "ghost"}, ips=["10.99.0.1"])
        self.node.write_pod("lab", "far", {"app": "far"}, ips=["10.99.0.2"], nodeName="elsewhere")
        self.node.write_pod("lab", "host", {"app": "host"}, ips=["192.0.2.1"], hostNetwork=True)
        time.sleep(4)
        self.assertEqual(self.unprotected(), {})
        self.assertTrue(eventually(lambda: self.unprotected() == {"ghost": "no-veth"}, LATE_S + 5))
        status = self.node.ask("status")
        self.assertEqual((status["unprotected"], status["unprotected_reasons"]), (1, {"no-veth": 1}))
        for name in ("ghost", "far", "host"):
            self.node.remove_pod("lab", name)
        self.assertTrue(eventually(lambda: self.unprotected() == {}, 5))
