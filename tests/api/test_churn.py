# SPDX-License-Identifier: Apache-2.0
"""Many changes, as fast as the server takes them: they cost the agent no more than time, and what is done to
the pods here meanwhile is in force soon. Ten thousand changes; a hundred thousand with --long."""
import os
import threading
import time

from case_api import BACK_S, ApiCase, Traffic
from node import eventually
from objects import ELSEWHERE, pod, pod_status

EVENTS = int(os.environ.get("BH_CHURN", "10000"))
WRITERS = 4
PODS = 250  # of each writer
MORE_MB = 32  # than before, at most


class Writer(threading.Thread):
    """Its own pods of other nodes: made, relabelled, moved, taken away, over and over."""

    def __init__(self, api, number, events):
        super().__init__(daemon=True)
        self.api, self.number, self.left = api, number, events
        self.alive, self.failed = {}, None

    def run(self):
        try:
            while self.left > 0:
                self.turn()
        except Exception as e:  # told by the test
            self.failed = e

    def turn(self):
        i = self.left % PODS
        name, known = f"churn-{self.number}-{i}", i in self.alive
        if not known:
            self.api.apply(pod("churn", name, {"app": f"a{i % 7}"}, nodeName=ELSEWHERE))
            self.api.set_status(
                "churn", name, pod_status([f"10.{88 + self.number}.{i // 250}.{i % 250 + 1}"])
            )
            self.alive[i] = 0
            self.left -= 2
        elif self.alive[i] > 8:
            self.api.delete("Pod", "churn", name)
            del self.alive[i]
            self.left -= 1
        else:
            self.alive[i] += 1
            label = {
                "metadata": {"labels": {"turn": str(self.alive[i]), "app": f"a{(i + self.alive[i]) % 7}"}}
            }
            self.api.admin.patch("Pod", "churn", name, label)
            self.left -= 1


class Churn(ApiCase):
    cost = 8

    def test_storm(self):
        """Policies are enforced and pods added in time, memory stays, and the end is what the API says."""
        self.node.write_namespace("churn")
        self.deny_db("web")
        self.only_to_db(self.web)
        before = self.node.memory_mb()
        traffic = Traffic(self, self.web, self.job)
        writers = [Writer(self.node.api, n, EVENTS // WRITERS) for n in range(WRITERS)]
        began = time.monotonic()
        for w in writers:
            w.start()
        adds, denies = [], []
        while any(w.is_alive() for w in writers):
            adds.append(self.timed(self.add_and_del))
            denies.append(self.timed(self.lab_shut_and_open))
        took = time.monotonic() - began
        self.assertFalse([w.failed for w in writers if w.failed])
        traffic.stop()
        self.still_to_db(self.web)
        want = 5 + sum(len(w.alive) for w in writers) - 1
        self.assertTrue(
            eventually(lambda: self.node.ask("status")["pods"] == want, BACK_S),
            f"{self.node.ask('status')['pods']} pods, should be {want}",
        )
        self.assertLess(self.node.memory_mb("VmHWM"), before + MORE_MB)
        self.assertLess(max(adds), 8, "an ADD waited for the storm to end")
        self.assertLess(max(denies), 8, "a policy waited for the storm to end")
        with open(self.node.log_path, "a") as log:
            log.write(
                f"churn: {EVENTS} events in {took:.0f} s; {len(adds)} times an ADD and a DEL, the slowest "
                f"{max(adds):.2f} s; {len(denies)} times denied and allowed, the slowest {max(denies):.2f} s\n"
            )

    def timed(self, what):
        began = time.monotonic()
        what()
        return time.monotonic() - began

    def lab_shut_and_open(self):
        self.node.write_policy("lab", "job", subject={"app": "job"}, policyTypes=["Ingress"])
        self.assertTrue(eventually(lambda: not self.labweb.reaches(self.job), 20), "not denied")
        self.node.remove_policy("lab", "job")
        self.assertTrue(eventually(lambda: self.labweb.reaches(self.job), 20), "not allowed again")
