# SPDX-License-Identifier: Apache-2.0
"""The harness itself, on a chain without us: everything is open, and silence is seen as silence."""
from case import ALL_CONFIGS, NodeCase
from node import differences, eventually, run


class Unpoliced(NodeCase):
    configs = sorted({c.rsplit("/", 1)[0] + "/auto" for c in ALL_CONFIGS}) + ["bridge/1.9/dual/auto"]
    chained = False
    waits = True

    @classmethod
    def start(cls):
        for ns, name in (("shop", "web"), ("shop", "db"), ("lab", "web")):
            cls.node.add_pod(ns, name)

    def test_all_open(self):
        """Pods, the node and the world outside reach each other, both protocols."""
        hosts = [*self.node.pods, self.node.host, self.node.world]
        self.assert_matrix(lambda *_: True, hosts)

    def test_silence_is_seen(self):
        """A route into nowhere is a time-out, not a success and not an error."""
        a, b = self.node.pods[:2]
        for f in self.node.families:
            a.run("ip", f"-{f}", "route", "add", "blackhole", b.ips[f])
            b.run("ip", f"-{f}", "route", "add", "blackhole", self.node.pods[2].ips[f])
        try:
            got = self.node.matrix(want=lambda *_: False, ms=100)
            bad = [
                k
                for k, reached in got.items()
                if reached is True and (k[0], k[1]) in ((a, b), (b, self.node.pods[2]))
            ]
            self.assertFalse(bad)
            self.assertTrue(differences(got, lambda *_: True))
        finally:
            for f in self.node.families:
                a.run("ip", f"-{f}", "route", "del", "blackhole", b.ips[f])
                b.run("ip", f"-{f}", "route", "del", "blackhole", self.node.pods[2].ips[f])

    def test_refusal_is_an_error(self):
        """A closed port is told apart from silence."""
        a, b = self.node.pods[:2]
        f = self.node.families[0]
        self.assertEqual(a.try_all([("tcp", b.ips[f], 81)])[0]["error"], "refused")


class GapMeter(NodeCase):
    chained = False

    @classmethod
    def start(cls):
        cls.node.add_pod("shop", "web")
        cls.node.add_pod("shop", "db")

    def test_gap_meter(self):
        """A flow that is cut for a while has a gap of that length, and goes on after it."""
        a, b = self.node.pods[:2]
        f = self.node.families[0]
        for proto, port in (("tcp", 80), ("udp", 53)):
            meter = a.start("flow", 10, proto, b.ips[f], port)
            self.assertTrue(eventually(lambda m=meter: m.report()["received"] >= 10))
            self.assertLess(meter.report()["gap_ms"], 200)
            run("ip", "link", "set", b.hostif, "down")
            a.run("sleep", "0.4")
            run("ip", "link", "set", b.hostif, "up")
            seen = meter.report()
            for _ in range(100):
                a.run("sleep", "0.05")
                now = meter.report()
                seen["gap_ms"] = max(seen["gap_ms"], now["gap_ms"])
                if now["received"] > seen["received"] + 10:
                    break
            self.assertGreater(seen["gap_ms"], 300)
            self.assertEqual(meter.stop()["error"], "")
