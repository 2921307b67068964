# SPDX-License-Identifier: Apache-2.0
"""What the test classes share: a node that follows an API, shop/web, shop/db, lab/web and lab/job on it,
and one question: who reaches shop/db?"""
import time

from case import PolicedCase, below
from node import differences, eventually
from node_api import ApiNode
from objects import from_pods

IN = ["Ingress"]
BACK_S = 45  # the longest pause between two attempts is 30 s


class ApiCase(PolicedCase):
    node_class = ApiNode

    @classmethod
    def start(cls):
        super().start()
        cls.usual = list(cls.node.pods)

    def tearDown(self):
        """As it was before the test; which says besides that the agent follows."""
        self.node.api.mend()
        for pod in [p for p in self.node.pods if p not in self.usual]:  # of a test that failed
            self.node.del_pod(pod)
        self.node.remove_policies()
        self.node.write_namespace("shop", {"team": "red"})
        self.node.write_namespace("lab", {"team": "blue"})
        for pod in self.node.pods:
            self.node.write_pod(pod.ns, pod.pod, pod.labels)
        self.assert_matrix(self.policed(), self.everybody, timeout=BACK_S)

    def context(self):
        return super().context() + f"\n--- status ---\n{self.node.ask('status')}"

    def deny_db(self, *apps, name="db"):
        """A policy: only pods of shop with such an app label reach shop/db."""
        self.node.write_policy(
            "shop", name, subject={"app": "db"}, policyTypes=IN, ingress=[from_pods(app=a) for a in apps]
        )

    def want_db(self, *allowed):
        return self.policed(ingress=lambda s, d, *_: d is not self.db or s in allowed)

    def only_to_db(self, *allowed, within=10.0):
        """Of the pods and the world none but @allowed reaches shop/db, soon."""
        self.assert_matrix(self.want_db(*allowed), self.everybody, timeout=within)

    def still_to_db(self, *allowed):
        """The same, now."""
        want = self.want_db(*allowed)
        bad = differences(self.node.matrix(self.everybody, want=want), want)
        self.assertFalse(bad, "\n".join(bad[:20]))

    def assert_add_fails(self, ns="shop", name="new", manifest=True, within=4.0):
        """With the code by which the kubelet tries again."""
        if manifest:
            self.node.write_pod(ns, name, {"app": name})
        pod = self.node.new_pod(ns, name)
        began = time.monotonic()
        try:
            code, out = self.node.ours("ADD", pod, self.node.add_main(pod))
            took = time.monotonic() - began
            self.assertEqual(code, 11, out)
            self.assertLess(took, below(within))
            return out["msg"] + " " + out.get("details", "")
        finally:
            self.node.ours("DEL", pod)
            self.node.del_main(pod)
            self.node.del_netns(pod.netns)
            if manifest:
                self.node.remove_pod(ns, name)

    def add_and_del(self, name="new", **labels):
        """A pod comes and goes, which takes what an ADD takes."""
        pod = self.node.add_pod("shop", name, labels)
        self.node.del_pod(pod)

    def log_says(self, *words, timeout=5.0):
        """A line of the agent's log has all of @words."""

        def said():
            with open(self.node.log_path, errors="replace") as f:
                return any(all(w in line for w in words) for line in f)

        self.assertTrue(eventually(said, timeout), f"the log does not say {words}")


class Traffic:
    """New connections every few ms to shop/db, from one that may and one that may not."""

    def __init__(self, case, allowed, denied, port=80):
        self.case = case
        self.meters = [
            [m.start("hammer", 10, "tcp", case.db.ips[f], port) for f in case.node.families]
            for m in (allowed, denied)
        ]

    def stop(self):
        """Asserts that nothing was lost and nothing let through."""
        for m in self.meters[0]:
            last = m.stop()
            self.case.assertEqual((last["lost"], last["refused"]), (0, 0), f"allowed traffic was cut: {last}")
            self.case.assertGreater(last["answered"], 10)
        for m in self.meters[1]:
            last = m.stop()
            self.case.assertEqual(last["answered"], 0, f"denied traffic passed: {last}")
            self.case.assertGreater(last["tried"], 10)
