# SPDX-License-Identifier: Apache-2.0
"""Through a router whose next link is narrow: what routers and far ends say of live flows reaches the pod that nobody
may open a flow to, and nothing else does; datagrams that were cut on the way, once more or for the first time."""
import errno
import json
import socket

import wire
from bpf import INGRESS
from case import below
from node import WORLD_ADDR, Host, eventually, run
from wirecase import WireCase

FAR = {4: "203.0.113.2", 6: "2001:db8:113::2"}
ROUTER = {4: "203.0.113.1", 6: "2001:db8:113::1"}
NARROW = 1300  # bytes
# Of linux/in.h and in6.h: to find the path's MTU, to ask for it, to be told of errors, to come no further than.
DISCOVER, MTU, RECVERR, HOPS = (
    {4: 10, 6: 23},
    {4: 14, 6: 24},
    {4: 11, 6: 25},
    {4: socket.IP_TTL, 6: socket.IPV6_UNICAST_HOPS},
)
ALWAYS = 2  # IP_PMTUDISC_DO


class Router(WireCase):
    configs = ["bridge/1.9/v4/tcx", "bridge/1.1/v6/clsact", "ptp/1.1/v4/clsact", "ptp/1.9/v6/tcx"]

    @classmethod
    def start(cls):
        """The world forwards to a host behind a narrow link."""
        super().start()
        node, f = cls.node, cls.node.families[0]
        cls.far = Host("far", node.new_netns("bh-far"), dict(FAR))
        bits = {4: 24, 6: 64}[f]
        nodad = ["nodad"] if f == 6 else []
        forward = {4: "net.ipv4.ip_forward=1", 6: "net.ipv6.conf.all.forwarding=1"}[f]
        node.world.run("sysctl", "-qw", forward)
        run("ip", "-n", "bh-world", "link", "add", "far", "type", "veth", "peer", "name", "eth0", "netns", "bh-far")
        for netns, ifname, address in (("bh-world", "far", ROUTER[f]), ("bh-far", "eth0", FAR[f])):
            run("ip", "-n", netns, "link", "set", ifname, "mtu", NARROW, "up")
            run("ip", "-n", netns, "addr", "add", f"{address}/{bits}", "dev", ifname, *nodad)
        # It does not let on how narrow its link is: the other end must hear of it on the way.
        run("ip", "-n", "bh-far", f"-{f}", "route", "add", "default", "via", ROUTER[f], "advmss", 1400)
        cls.far.serve()

    @classmethod
    def shut(cls):
        cls.far.stop_serving()
        super().shut()

    def setUp(self):
        super().setUp()
        self.af = socket.AF_INET if self.f == 4 else socket.AF_INET6
        self.level = socket.IPPROTO_IP if self.f == 4 else socket.IPPROTO_IPV6
        self.isolate(self.web, ingress=[])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.web)
        self.web.run("ip", f"-{self.f}", "route", "flush", "cache")

    def datagrams(self, port, *options):
        """A UDP socket of web to a port of the far host; @options: (which, value)."""
        s = self.web.socket(self.af, socket.SOCK_DGRAM)
        self.addCleanup(s.close)
        for which, value in options:
            s.setsockopt(self.level, which[self.f], value)
        s.settimeout(below(1))
        s.connect((FAR[self.f], port))
        return s

    def mtu(self, s):
        return s.getsockopt(self.level, MTU[self.f])

    def exchange(self, s, data):
        """What comes back: bytes, or the number of the error."""
        try:
            s.send(data)
            return s.recv(4096)
        except TimeoutError:
            return None
        except OSError as e:
            return e.errno

    def test_path_mtu(self):
        """Too big, by the router in between: believed of a live flow, and of no other."""
        s = self.datagrams(53, (DISCOVER, ALWAYS))
        src, dst = self.web.ips[self.f], FAR[self.f]
        quoted = wire.udp(src, dst, s.getsockname()[1], 53, b"")
        forged = self.error_about(dst, src, wire.UDP, quoted, source=WORLD_ADDR[self.f])
        uplink = json.loads(run("ip", "-j", "link", "show", "uplink"))[0]["address"]
        mine = json.loads(self.node.world.run("ip", "-j", "link", "show", "eth0"))[0]["address"]
        frame = wire.ether(mine, uplink, wire.ethertype(forged), forged)
        with wire.Wire(self.node.world) as out, self.counted("unrelated", INGRESS):
            out.send(frame)  # the pod has such a socket, but has sent nothing
        self.assertEqual(self.mtu(s), 1500, "a forged error was believed")
        with self.counted("related", INGRESS):
            self.assertEqual(self.exchange(s, b"x" * 1400), errno.EMSGSIZE)
        self.assertEqual(self.mtu(s), NARROW)
        self.assertEqual(self.exchange(s, b"x" * 1200), b"x" * 1200)

    def test_large_transfer(self):
        """TCP finds out by itself how large its segments may be; unheard, it would hang."""
        with self.web.socket(self.af, socket.SOCK_STREAM) as s, self.counted("related", INGRESS):
            s.settimeout(below(3))
            s.connect((FAR[self.f], 80))
            s.sendall(b"x" * 20000)
            got = 0
            while got < 20000:
                got += len(s.recv(65536))
            self.assertEqual(self.mtu(s), NARROW)

    def test_time_exceeded(self):
        """As traceroute asks: by the node itself, by the router, and by the far end, where nobody listens."""
        for hops, said in ((1, errno.EHOSTUNREACH), (2, errno.EHOSTUNREACH), (64, errno.ECONNREFUSED)):
            s = self.datagrams(33434, (HOPS, hops), (RECVERR, 1))
            with self.subTest(hops=hops), self.counted("related", INGRESS):
                self.assertEqual(self.exchange(s, b"where"), said)

    def test_cut_once_more(self):
        """Pieces of unequal length: each follows the first one, there and back."""
        s = self.datagrams(53)
        with self.counted("later", INGRESS):
            self.assertTrue(eventually(lambda: self.exchange(s, b"x" * 2000) == b"x" * 2000, 3))
        self.isolate(self.db, egress=[])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.web, egress=lambda s, *_: s is not self.db)
        self.assertFalse(self.large(self.db, self.far))
