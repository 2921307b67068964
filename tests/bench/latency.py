# SPDX-License-Identifier: Apache-2.0
"""From a policy saved to a policy enforced: the manifest is renamed into place, and one pod tries a new
TCP connection to another every millisecond. The time is that from the rename to the beginning of the
first connection that the new policy decides. Then the agent's own account of the same change: the last
grace period over, live flows cut. Once with a small cluster, once with a thousand pods."""
import json
import os
import random
import threading
import time

from figures import IN, Node, percentiles, write_crowd
from node import BUILD, eventually

RUNS = 30
EVERY_US = 1000
CONNECT = os.path.join(BUILD, "tests/bench/connect")
QUIET_S = 0.2		# longer than `connect` waits for an answer
TIMEOUT_S = 20


class Prober:
    """The connections of one pod to another, as they turn out: (begun at, answered)."""

    def __init__(self, pod, to, every_us=EVERY_US):
        self.process = pod.popen(CONNECT, every_us, to.ips[4], 80)
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            begun, answered = line.split()
            self.seen.append((int(begun), answered == "1"))

    def first(self, since_ns, answered):
        """When the first such connection was begun that turned out so, and whether all after it did."""
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            begun = sorted(b for b, a in self.seen if b >= since_ns and a == answered)
            if begun:
                time.sleep(QUIET_S)
                if any(b > begun[0] and a != answered for b, a in self.seen):
                    raise RuntimeError("neither the old policy nor the new one")
                return begun[0]
            if self.process.poll() is not None:
                raise RuntimeError("the prober ended")
            time.sleep(0.02)
        raise RuntimeError(f"not {'allowed' if answered else 'denied'} within {TIMEOUT_S} s")

    def lasting(self, since_ns, answered):
        """When the first such connection was begun after which all turned out so: on a busy machine one alone may be
        late or lost."""
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            seen = sorted((b, a) for b, a in self.seen if b >= since_ns)
            other = max((b for b, a in seen if a != answered), default=0)
            begun = [b for b, _ in seen if b > other]
            if begun and begun[0] < time.monotonic_ns() - QUIET_S * 1e9:
                return begun[0]
            if self.process.poll() is not None:
                raise RuntimeError("the prober ended")
            time.sleep(0.02)
        raise RuntimeError(f"not {'allowed' if answered else 'denied'} within {TIMEOUT_S} s")

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


def save(node, allow):
    """The policy, renamed into place: when that was. Written before, at no fixed distance from the prober."""
    rule = [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 80}]}]
    path = os.path.join(node.manifests, "policy-shop-db.json")
    with open(path + ".tmp", "w") as f:
        json.dump({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                   "metadata": {"namespace": "shop", "name": "db"},
                   "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": IN,
                            "ingress": rule if allow else []}}, f)
    time.sleep(0.05 + random.random() / 50)
    now = time.monotonic_ns()
    os.rename(path + ".tmp", path)
    return now


def measure(node, prober, name):
    took, all_ms = {True: [], False: []}, []
    for i in range(2 * RUNS):
        allow = i % 2 == 1
        at = save(node, allow)
        took[allow].append((prober.first(at, allow) - at) / 1e6)
        prober.seen.clear()
        status = eventually(lambda: node.ask("status"))
        if not status["in_force"]:
            raise RuntimeError("the agent is still at it")
        all_ms.append(status["last_change_ms"])
    return percentiles(f"{name}: saved to first connection refused", took[False]) + \
        percentiles(f"{name}: saved to first connection answered", took[True]) + \
        percentiles(f"{name}: the agent's own account, to the end of it", all_ms)


def main():
    with Node() as node:
        node.write_namespace("shop")
        node.agent_start()
        web = node.add_pod("shop", "web", {"app": "web"})
        db = node.add_pod("shop", "db", {"app": "db"})
        prober = Prober(web, db)
        rows = measure(node, prober, "2 pods")
        write_crowd(node)
        if not eventually(lambda: node.ask("status")["pods"] > 1000 and node.ask("status")["in_force"], timeout=20):
            raise RuntimeError("the agent has not read its manifests")
        rows += measure(node, prober, "1,000 pods, 100 policies")
        prober.stop()
        return rows
