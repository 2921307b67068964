# SPDX-License-Identifier: Apache-2.0
"""A little of everything, for other kernels: the objects load, hang as this kernel can, and decide."""
import os
import socket

import bpf
import wire
from case import PolicedCase, below
from node import DENY_MS, CniError, eventually


class Smoke(PolicedCase):
    configs = ["bridge/1.9/dual/auto", "ptp/1.9/dual/clsact"]

    def tearDown(self):
        self.node.remove_policies()

    def test_how_it_hangs(self):
        """tcx from Linux 6.6 on, clsact before; where there is no tcx it cannot be forced."""
        release = tuple(int(n) for n in os.uname().release.split("-")[0].split("+")[0].split(".")[:2])
        has_tcx = bpf.tcx_programs(1, bpf.TCX_INGRESS) is not None
        self.assertEqual(has_tcx, release >= (6, 6))
        self.assert_invariants()
        if not has_tcx:
            self.node.set_conf({"attach": "tcx"})
            with self.assertRaises(CniError) as failed:
                self.node.add_pod("shop", "new")
            self.assertIn("tcx", str(failed.exception))
            self.node.set_conf({})

    def test_open(self):
        self.assert_policed()

    def test_denied(self):
        self.node.write_policy("shop", "p", policyTypes=["Ingress", "Egress"])
        self.assert_policed(
            ingress=lambda s, d, *_: d not in (self.web, self.db),
            egress=lambda s, *_: s not in (self.web, self.db),
        )

    def test_allowed(self):
        self.node.write_policy(
            "shop",
            "p",
            subject={"app": "db"},
            ingress=[
                {
                    "from": [{"podSelector": {"matchLabels": {"app": "web"}}}],
                    "ports": [{"port": 80, "endPort": 443}, {"port": 53, "protocol": "UDP"}],
                },
                {"ports": [{"port": p} for p in range(8070, 8090, 2)]},
            ],
        )
        self.assert_policed(
            ingress=lambda s, d, proto, port: d is not self.db
            or (proto, port) == ("tcp", 8080)
            or (s is self.web and (proto, port) in (("tcp", 80), ("tcp", 443), ("udp", 53)))
        )

    def test_killed(self):
        self.node.write_policy("shop", "p", subject={"app": "db"}, policyTypes=["Ingress"])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db)
        self.node.agent_kill()
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db)
        self.node.remove_policies()
        self.node.agent_start()
        self.assert_policed()

    def sctp(self, host, wait_s):
        s = host.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
        self.addCleanup(s.close)
        s.settimeout(wait_s)
        s.bind((host.ips[4], 0))  # no other address of the host's becomes part of it
        return s

    def sctp_server(self, port):
        server = self.db.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
        self.addCleanup(server.close)
        server.bind((self.db.ips[4], port))
        server.listen()
        server.settimeout(below(2))
        return server

    def associations(self):
        sessions = self.node.ask("sessions", pod="shop/db")["items"]
        return [(s["local_port"], s["state"]) for s in sessions if s["proto"] == "SCTP"]

    def test_sctp(self):
        """Associations of real sockets, where the kernel has these."""
        try:
            allowed, shut = self.sctp_server(3868), self.sctp_server(3869)
        except OSError as e:
            self.skipTest(f"this kernel has no SCTP: {e}")
        ports = [{"port": 3868, "protocol": "SCTP"}]
        peers = [{"podSelector": {"matchLabels": {"app": "web"}}}]
        self.node.write_policy("shop", "p", subject={"app": "db"}, ingress=[{"from": peers, "ports": ports}])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db)
        client = self.sctp(self.web, below(2))
        client.connect((self.db.ips[4], 3868))
        server, _ = allowed.accept()
        self.addCleanup(server.close)
        for a, b in ((client, server), (server, client)) * 2:
            a.sendall(b"hello")
            b.settimeout(below(2))
            self.assertEqual(b.recv(16), b"hello")
        self.assertEqual(self.associations(), [(3868, "established")])
        before = bpf.stats()[("denied", bpf.INGRESS)]
        for host, port in ((self.web, 3869), (self.job, 3868)):
            with self.assertRaises(TimeoutError):
                self.sctp(host, DENY_MS / 1000).connect((self.db.ips[4], port))
        self.assertGreaterEqual(bpf.stats()[("denied", bpf.INGRESS)] - before, 2)
        client.close()
        server.close()
        over = lambda: all(state != "established" for _, state in self.associations())  # noqa: E731
        self.assertTrue(eventually(over, below(3)), "the association is over, its session is not")

    def test_spoofed(self):
        before = bpf.stats()[("spoofed_addr", bpf.EGRESS)]
        for f in self.node.families:
            packet = wire.ip(
                self.job.ips[f],
                self.db.ips[f],
                wire.UDP,
                wire.udp(self.job.ips[f], self.db.ips[f], 1, 53, b"x"),
            )
            with wire.Wire(self.web) as out:
                out.send(wire.ether(self.web.mac, self.db.mac, wire.ethertype(packet), packet))
        self.assertGreaterEqual(bpf.stats()[("spoofed_addr", bpf.EGRESS)] - before, 2)
