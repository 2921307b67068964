# SPDX-License-Identifier: Apache-2.0
"""What the tests share that send frames by hand."""
import contextlib
import itertools
import json
import os
import socket
import struct

import bpf
import wire
from bpf import EGRESS
from case import PolicedCase
from node import DENY_MS, RETRY_MS, Host, eventually, run

IN, OUT = ["Ingress"], ["Egress"]
OTHER_MAC = "02:00:00:00:00:99"


class WireCase(PolicedCase):
    configs = [
        "bridge/1.9/v4/tcx",
        "bridge/1.9/v6/tcx",
        "ptp/1.9/v4/clsact",
        "ptp/1.9/v6/tcx",
        "bridge/1.1/v6/clsact",
    ]
    cost = 2
    waits = True
    numbers = itertools.count(1)

    def setUp(self):
        super().setUp()
        self.f = self.node.families[0]

    def tearDown(self):
        self.node.remove_policies()
        self.assert_policed()

    def token(self):
        return f"token-{next(self.numbers):05d}-of-{os.getpid()}".encode()

    def gateway_mac(self, pod):
        """Where a pod's packets go that are not for its own link."""
        name = "cni0" if self.node.main == "bridge" else pod.hostif
        return json.loads(run("ip", "-j", "link", "show", name))[0]["address"]

    def frame(self, pod, packet, src_mac=None, dst_mac=None, kind=None):
        """@packet as a frame of @pod to its gateway."""
        return wire.ether(
            src_mac or pod.mac, dst_mac or self.gateway_mac(pod), kind or wire.ethertype(packet), packet
        )

    def datagram(self, src, dst, token, sport=4321, dport=53):
        return wire.ip(src, dst, wire.UDP, wire.udp(src, dst, sport, dport, token))

    @contextlib.contextmanager
    def counted(self, reason, direction, at_least=1):
        """The reason's counter moves by that much or more."""
        before = bpf.stats()
        yield

        def moved():
            return bpf.stats()[(reason, direction)] - before[(reason, direction)] >= at_least

        self.assertTrue(
            eventually(moved, 2),
            f"{reason} did not move: "
            + ", ".join(f"{k[0]}/{k[1]} +{v - before[k]}" for k, v in bpf.stats().items() if v != before[k]),
        )

    def dropped(self, reason, sender, frames, token, receiver, direction=EGRESS):
        """@frames of @sender do not reach @receiver, for @reason."""
        with wire.Wire(sender) as out, wire.Wire(receiver) as into, self.counted(
            reason, direction, len(frames)
        ):
            out.send(*frames)
            self.assertFalse(into.saw(token), f"{reason}: it arrived")

    def passes(self, sender, frames, token, receiver):
        with wire.Wire(sender) as out, wire.Wire(receiver) as into:
            out.send(*frames)
            self.assertTrue(into.saw(token, RETRY_MS), "it did not arrive")

    def isolate(self, subject, ingress=None, egress=None):
        """A policy for one app; None: that direction is not isolated."""
        spec = {"policyTypes": (IN if ingress is not None else []) + (OUT if egress is not None else [])}
        if ingress:
            spec["ingress"] = ingress
        if egress:
            spec["egress"] = egress
        self.node.write_policy(
            subject.ns, "p-" + subject.labels["app"], subject={"app": subject.labels["app"]}, **spec
        )

    @contextlib.contextmanager
    def bridge_port(self):
        """Somebody on the pods' bridge who is no pod. The bridge hears of the carrier a moment later."""

        def forwards():
            (port,) = json.loads(run("ip", "-j", "-d", "link", "show", "bh-in"))
            return port["linkinfo"]["info_slave_data"]["state"] == "forwarding"

        outside = Host("outside", self.node.new_netns("bh-outside"), {})
        run("ip", "link", "add", "bh-in", "type", "veth", "peer", "name", "eth0", "netns", "bh-outside")
        self.node.extra_links = ["bh-in"]
        try:
            run("ip", "link", "set", "bh-in", "up", "master", "cni0")
            outside.run("ip", "link", "set", "eth0", "up")
            self.assertTrue(eventually(forwards), "the bridge does not take the port in")
            yield outside
        finally:
            run("ip", "link", "del", "bh-in")
            self.node.del_netns(outside.netns)

    def error_about(self, src, dst, proto, transport, token=b"", source=None):
        """`Too big`, told by @src, or by a router @source, to @dst about its packet to @src."""
        quoted = wire.ip(dst, src, proto, transport + token)
        kind, code = (3, 4) if self.f == 4 else (2, 0)
        source = source or src
        proto = wire.ICMP if self.f == 4 else wire.ICMP6
        return wire.ip(source, dst, proto, wire.icmp(source, dst, kind, code, struct.pack("!HH", 0, 1280) + quoted))

    def large(self, sender, to):
        with sender.socket(socket.AF_INET if self.f == 4 else socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.settimeout(DENY_MS / 1000)
            s.connect((to.ips[self.f], 53))
            s.send(b"x" * 2000)
            try:
                return len(s.recv(4000)) == 2000
            except (TimeoutError, ConnectionError):
                return False

    def link_local(self, pod):
        info = json.loads(pod.run("ip", "-j", "-6", "addr", "show", "dev", "eth0", "scope", "link"))
        return next(a["local"] for a in info[0]["addr_info"] if "local" in a)
