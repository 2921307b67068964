# SPDX-License-Identifier: Apache-2.0
"""SegmentationPolicy and ClusterSegmentationPolicy in the data plane: tiers, ICMP by type, audit, log, expiry, and
what the reports and the CLI say of them."""
import contextlib
import datetime
import random
import socket
import struct
import time

import wire

from case import FEW_CONFIGS, PolicedCase
from node import eventually

PODS = [{"namespaces": {}}]
GENERATION = 5  # of what segment() writes
PORT_80 = [{"tcp": {"destinationPort": {"number": 80}}}]


class Segmentation(PolicedCase):
    configs = FEW_CONFIGS
    cost = 3
    waits = True

    def setUp(self):
        super().setUp()
        self.assertTrue(eventually(lambda: not self.node.ctl("policy", "rules"), 5))  # of the test before
        self.becomes(True, self.db)

    def tearDown(self):
        self.node.remove_policies()

    def segment(self, name="s", ns="shop", subject=None, **spec):
        spec["podSelector"] = {"matchLabels": subject} if subject else {}
        self.put("SegmentationPolicy", {"namespace": ns, "name": name, "generation": GENERATION}, spec)

    def cluster(self, name="c", tier="Admin", **spec):
        spec = {"tier": tier, "priority": 1, "subject": {"namespaces": {}}, **spec}
        self.put("ClusterSegmentationPolicy", {"name": name}, spec)

    def put(self, kind, metadata, spec):
        self.node.write(
            f"policy-{kind}-{metadata['name']}.json",
            {"apiVersion": "policy.bulkhead.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec},
        )

    def becomes(self, wanted, *args, **kw):
        self.assertTrue(eventually(lambda: self.web.reaches(*args, **kw) is wanted, 5), (wanted, args, kw))

    def told(self, verdict, **fields):
        """The reports of that verdict since the last look."""
        return [
            f
            for f in self.node.ctl("flows")
            if f.get("verdict") == verdict and all(f.get(k) == v for k, v in fields.items())
        ]

    def pings(self, to, family):
        """Whether an echo comes back. (Its sum is the kernel's affair for ICMPv6 alone.)"""
        v4 = family == 4
        kind = (socket.AF_INET, socket.IPPROTO_ICMP) if v4 else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
        ident = random.randrange(1, 65536)
        with self.web.socket(kind[0], socket.SOCK_RAW, kind[1]) as s:
            s.settimeout(1)
            s.sendto(wire.echo(self.web.ips[family], to.ips[family], ident), (to.ips[family], 0))
            with contextlib.suppress(TimeoutError):
                while True:
                    data = s.recv(2048)[20 if v4 else 0 :]
                    if data[0] == (0 if v4 else 129) and struct.unpack("!H", data[4:6])[0] == ident:
                        return True
        return False

    def test_deny_before_network_policy(self):
        """Of one namespace; what it does not deny is the NetworkPolicy's."""
        self.node.write_policy("shop", "p", ingress=[{}])
        self.segment(
            subject={"app": "db"},
            ingress=[
                {"action": "Accept", "from": [{"pods": {"podSelector": {"matchLabels": {"app": "web"}}}}]},
                {"action": "Deny", "from": PODS, "protocols": PORT_80},
            ],
            policyTypes=[],
        )
        self.assert_policed(
            ingress=lambda s, d, proto, port: d is not self.db
            or s is self.web
            or s not in self.node.pods
            or (proto, port) != ("tcp", 80)
        )

    def test_isolates_where_it_accepts(self):
        self.segment(subject={"app": "db"}, ingress=[{"action": "Accept", "from": PODS, "protocols": PORT_80}])
        self.assert_policed(
            ingress=lambda s, d, proto, port: d is not self.db
            or (s in self.node.pods and (proto, port) == ("tcp", 80))
        )

    def test_world(self):
        """Which is not another pod, and not the node."""
        self.segment(egress=[{"action": "Accept", "to": [{"entities": ["World"]}]}])
        self.assert_policed(
            egress=lambda s, d, *_: s not in (self.web, self.db) or d is self.node.world
        )

    def pod_ranges(self):
        """What status and doctor say of them."""
        checks = {i["check"]: i for i in self.node.ctl("doctor", codes=(0, 1, 5))}
        return self.node.ask("status")["pod_cidrs"], checks["pod ranges"]["health"]

    def test_ranges_of_pods(self):
        """An address there of which nobody has heard is a pod's, by the option, and not the world's."""
        family = self.node.families[0]
        net = {4: "192.0.2.0/24", 6: "2001:db8:2::/64"}[family]
        self.segment(egress=[{"action": "Accept", "to": [{"entities": ["World"]}]}])
        self.becomes(False, self.db)
        self.assertTrue(self.web.reaches(self.node.world, family=family))
        self.assertEqual(self.pod_ranges(), ({"nodes": 0, "option": [], "missed": True}, "warning"))
        self.assertIn("World has pods not heard of yet", self.node.ctl_text("status")[1])
        self.addCleanup(self.with_options)
        self.with_options("--pod-cidr", net)
        self.assertFalse(self.web.reaches(self.node.world, family=family))
        self.assertEqual(self.pod_ranges(), ({"nodes": 0, "option": [net], "missed": False}, "ok"))
        self.assertIn(f"spec.podCIDRs of 0 Nodes; --pod-cidr {net}\n", self.node.ctl_text("status")[1])
        self.assertIn(net, self.node.ctl_text("config")[1])

    def with_options(self, *args):
        self.node.agent_stop()
        self.node.agent_args = list(args)
        self.node.agent_start()

    def test_cluster(self):
        self.cluster(egress=[{"action": "Deny", "to": [{"entities": ["World"]}]}])
        self.cluster("d", ingress=[{"action": "Deny", "from": [{"entities": ["World"]}]}])
        world = self.node.world
        self.assert_policed(
            ingress=lambda s, d, *_: s is not world, egress=lambda s, d, *_: d is not world
        )

    def test_icmp(self):
        """An echo by its type; TCP by another rule."""
        self.segment(
            subject={"app": "db"},
            ingress=[
                {"action": "Deny", "from": PODS, "protocols": [{"icmp": {"type": 8}}, {"icmpv6": {"type": 128}}]},
            ],
        )
        for f in self.node.families:
            self.assertTrue(eventually(lambda f=f: not self.pings(self.db, f), 8), f)
            self.assertTrue(self.web.reaches(self.db, family=f))
            self.assertTrue(self.pings(self.job, f))
            kind = (8, "ICMP") if f == 4 else (128, "ICMPv6")
            told = lambda k=kind: self.told("denied", icmp_type=k[0], icmp_code=0, proto=k[1])  # noqa: E731
            self.assertTrue(eventually(told, 2), self.node.ctl("flows"))
            self.assertEqual(told()[0]["rule_generation"], GENERATION)
            self.assertIn(f" {kind[1]} {kind[0]}/0 ", self.node.ctl_text("flows")[1])
        code, text = self.node.ctl_text("explain", "shop/web", "shop/db", "icmp")
        self.assertEqual(code, 1, text)
        self.assertIn("segpol shop/s ingress[0]", text)
        lines = [e for e in self.node.ctl("policy", "entries") if e["action"] == "deny"]
        self.assertEqual({(e["proto"], e["ports"]) for e in lines}, {("ICMP", "8"), ("ICMPv6", "128")})

    def test_audit(self):
        """It passes, is counted and reported, once a flow; then the policy is in earnest, and the flow is cut."""
        self.segment(subject={"app": "db"}, mode="Audit", policyTypes=["Ingress"])
        rows = lambda: self.node.ctl("policy", "list")  # noqa: E731
        self.assertTrue(eventually(lambda: [p for p in rows() if p["mode"] == "Audit" and p["pods"] == 1], 5))
        meter = self.web.start("flow", 5, "tcp", self.db.ips[4], 80)
        self.addCleanup(meter.kill)
        mine = {"src": self.web.ips[4], "dst": self.db.ips[4], "proto": "TCP"}
        self.assertTrue(eventually(lambda: meter.report()["received"] > 20, 5))
        told = self.told("audited", **mine)
        self.assertEqual(len(told), 1, told)
        self.assertEqual((told[0]["reason"], told[0]["policies"]), ("audited", ["segpol shop/s"]))
        self.assertEqual((told[0]["generations"], "rule_generation" in told[0]), ([GENERATION], False))
        self.assertEqual(self.node.ctl("policy", "show", "shop/s")[0]["subjects"], ["shop/db"])
        self.assertRegex(self.node.ctl_text("policy", "list")[1], r"(?m)^SegmentationPolicy shop/s .* Audit +never +yes +1 ")
        self.assertIn("AUDIT", self.node.ctl_text("flows")[1])
        code, text = self.node.ctl_text("explain", "shop/web", "shop/db", "80")
        self.assertEqual(code, 0, text)
        self.assertIn("audited: it is isolated for ingress by segpol shop/s", text)
        self.segment(subject={"app": "db"}, policyTypes=["Ingress"])
        self.becomes(False, self.db)
        before = meter.report()["received"]
        self.assertFalse(eventually(lambda: meter.report()["received"] > before + 5, 1))

    def test_audit_finds_what_runs(self):
        """A flow that is there already is reported when a policy begins to audit it."""
        meter = self.web.start("flow", 5, "udp", self.db.ips[4], 53)
        self.addCleanup(meter.kill)
        self.assertTrue(eventually(lambda: meter.report()["received"] > 5, 5))
        self.cluster(mode="Audit", ingress=[{"action": "Deny", "from": PODS}])
        mine = {"dst": self.db.ips[4], "proto": "UDP", "rule": "csegpol c ingress[0]"}
        self.assertTrue(eventually(lambda: self.told("audited", **mine), 5), self.node.ctl("flows"))
        report = meter.report()
        self.assertTrue(eventually(lambda: meter.report()["received"] > report["received"] + 20, 5))

    def test_audited_namespace(self):
        """Of its pods nothing is denied, whoever wrote the policy; others are as they were."""
        self.cluster(ingress=[{"action": "Deny", "from": PODS}])
        self.becomes(False, self.db)
        self.node.write_namespace("shop", {"team": "red", "policy.bulkhead.dev/mode": "Audit"})
        self.addCleanup(self.node.write_namespace, "shop", {"team": "red"})
        self.becomes(True, self.db)
        self.assertFalse(self.web.reaches(self.job))
        self.segment(subject={"app": "db"}, policyTypes=["Ingress"])
        modes = lambda: {p["name"]: p["mode"] for p in self.node.ctl("policy", "list")}  # noqa: E731
        self.assertTrue(eventually(lambda: modes() == {"c": "Enforce", "s": "Audit"}, 5), modes())

    def test_log(self):
        self.segment(
            subject={"app": "db"},
            ingress=[{"name": "clients", "action": "Accept", "log": True, "from": PODS, "protocols": PORT_80}],
            policyTypes=[],
        )
        self.assertTrue(eventually(lambda: self.node.ctl("policy", "rules"), 5))  # it is in force
        mine = {"dst": self.db.ips[4], "rule": "segpol shop/s ingress[0] (clients)", "src_port": 40001}
        self.assertTrue(self.web.reaches(self.db, port=443, sport=40001))
        self.assertTrue(self.web.reaches(self.db, sport=40001))
        self.assertTrue(eventually(lambda: self.told("allowed", **mine), 2))
        self.assertFalse([f for f in self.told("allowed") if f["dst_port"] != 80])
        self.assertIn("ALLOWED", self.node.ctl_text("flows")[1])

    def test_expires(self):
        """It is in force until that time, and the list says how long that is."""
        now = datetime.datetime.now(datetime.timezone.utc)
        at = (now + datetime.timedelta(seconds=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.segment(subject={"app": "db"}, expires=at, ingress=[{"action": "Deny", "from": PODS}])
        self.becomes(False, self.db)
        row = self.node.ctl("policy", "list")[0]
        self.assertIn(row["expires_in"], range(1, 10))  # of a clock that is looked at every 2 s
        self.assertTrue(eventually(lambda: self.web.reaches(self.db), 12))
        self.assertTrue(self.node.ctl("policy", "list")[0]["expired"])
        self.assertIn("expired", self.node.ctl_text("policy", "list")[1])

    def test_expires_while_the_agent_is_away(self):
        """Nobody takes it out then: an exception stays in force until the agent is back."""
        self.node.write_policy("shop", "p", subject={"app": "db"}, ingress=[])
        self.becomes(False, self.db)
        at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=8)
        accept = {"action": "Accept", "from": PODS}
        self.segment(subject={"app": "db"}, expires=at.strftime("%Y-%m-%dT%H:%M:%SZ"), ingress=[accept])
        self.becomes(True, self.db)
        self.node.agent_pause()
        try:
            time.sleep(max(0, at.timestamp() + 3 - time.time()))  # longer than from one look to the next
            self.assertTrue(self.web.reaches(self.db))
        finally:
            self.node.agent_resume()
        self.assertTrue(eventually(lambda: not self.web.reaches(self.db), 12))

    def test_what_is_not_understood(self):
        """Denied or refused, and said where one looks."""
        self.segment(subject={"app": "db"}, ingress=[{"action": "Deny", "form": PODS}])
        self.becomes(False, self.db)
        row = self.node.ctl("policy", "list")[0]
        self.assertIn("spec.ingress[0].form is not a known field", row["problems"])
