# SPDX-License-Identifier: Apache-2.0
"""From the API server's answer to a policy enforced: a NetworkPolicy is applied, and one pod tries a new TCP
connection to another every five milliseconds. The time is that from the server's answer to the beginning of
the first connection that is refused; then the policy is deleted, and it is that to the first one that is
answered. A real kube-apiserver, with nothing else going on, and with a hundred changes a second of pods that
no policy here names."""
import random
import threading
import time

from figures import IN, percentiles
from latency import Prober
from node import eventually
from node_api import ApiNode
from objects import ELSEWHERE

CHANGES = 200
EVERY_US = 5000
UNRELATED, PODS = 100, 500  # a second, of so many pods
GOALS = {"quiet": {50: 15, 99: 50}, "busy": {99: 200}}


class Unrelated(threading.Thread):
    """Labels of pods of other nodes change, at a pace."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.over, self.made = node, False, 0
        node.write_namespace("crowd")
        for i in range(PODS):
            node.write_pod(
                "crowd",
                f"pod-{i}",
                {"app": f"app-{i % 7}"},
                ips=[f"10.88.{i // 250}.{i % 250 + 1}"],
                nodeName=ELSEWHERE,
            )

    def run(self):
        began = time.monotonic()
        while not self.over:
            change = {"metadata": {"labels": {"turn": str(self.made)}}}
            self.node.api.admin.patch("Pod", "crowd", f"pod-{self.made % PODS}", change)
            self.made += 1
            time.sleep(max(0, began + self.made / UNRELATED - time.monotonic()))


def measure(node, prober, name):
    took = {"applied": [], "deleted": []}
    for _ in range(CHANGES):
        for what, change, answered in (
            (
                "applied",
                lambda: node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN),
                False,
            ),
            ("deleted", lambda: node.remove_policy("shop", "db"), True),
        ):
            time.sleep(random.random() / 100)  # at no fixed distance from the prober
            prober.seen.clear()
            change()
            at = time.monotonic_ns()
            took[what].append((prober.lasting(at, answered) - at) / 1e6)
    return [
        r
        for what, result in (("applied", "refused"), ("deleted", "answered"))
        for r in percentiles(f"{name}: {what} to first connection {result}", took[what], most=GOALS[name])
    ]


def main():
    with ApiNode() as node:
        node.write_namespace("shop")
        node.agent_start()
        web = node.add_pod("shop", "web", {"app": "web"})
        db = node.add_pod("shop", "db", {"app": "db"})
        prober = Prober(web, db, EVERY_US)
        rows = measure(node, prober, "quiet")
        crowd = Unrelated(node)
        if not eventually(lambda: node.ask("status")["pods"] >= PODS, 20):
            raise RuntimeError("the agent does not follow")
        crowd.start()
        rows += measure(node, prober, "busy")
        crowd.over = True
        crowd.join()
        prober.stop()
        return rows
