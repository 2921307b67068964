# SPDX-License-Identifier: Apache-2.0
"""Packets that no honest socket makes, and those that a test run of the programs cannot make: spoofed,
flooded, cut in pieces, out of the middle of nothing, or as if this node had made them. Each is looked for
behind the hook, and its reason's counter must move."""
import contextlib
import itertools
import json
import os
import socket
import struct

import bpf
import wire
from bpf import EGRESS, INGRESS
from case import below
from node import NODE_ADDR, RETRY_MS, WORLD_ADDR, WORLD_MORE, eventually, run
from wirecase import OTHER_MAC, WireCase


class Spoofed(WireCase):
    """From a pod: its own addresses and nothing else."""

    def test_honest_frames_pass(self):
        token = self.token()
        self.passes(
            self.web,
            [self.frame(self.web, self.datagram(self.web.ips[self.f], self.db.ips[self.f], token))],
            token,
            self.db,
        )

    def test_source_mac(self):
        token = self.token()
        packet = self.datagram(self.web.ips[self.f], self.db.ips[self.f], token)
        self.dropped(
            "spoofed_mac", self.web, [self.frame(self.web, packet, src_mac=OTHER_MAC)], token, self.db
        )

    def test_source_address(self):
        """Another pod's, the node's, the world's, an unused one, odd ones."""
        odd = {
            4: ["127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"],
            6: ["::1", "::", "ff02::1", "::ffff:10.77.0.3"],
        }
        unused = {4: "10.77.0.200", 6: "fd00:77::c8"}
        for source in [self.labweb.ips[self.f], NODE_ADDR[self.f], WORLD_ADDR[self.f], unused[self.f]]:
            token = self.token()
            self.dropped(
                "spoofed_addr",
                self.web,
                [self.frame(self.web, self.datagram(source, self.db.ips[self.f], token))],
                token,
                self.db,
            )
        for source in odd[self.f]:
            token = self.token()
            with wire.Wire(self.web) as out, wire.Wire(self.db) as into:
                before = bpf.stats()
                out.send(self.frame(self.web, self.datagram(source, self.db.ips[self.f], token)))
                self.assertFalse(into.saw(token, 100), source)
                after = bpf.stats()
            denials = sum(after[k] - before[k] for k in (("spoofed_addr", EGRESS), ("malformed", EGRESS)))
            self.assertEqual(denials, 1, f"{source}: not dropped for its address")

    def test_spoofing_leaves_no_session(self):
        before = bpf.session_ifindexes().get(self.web.ifindex, 0)
        with wire.Wire(self.web) as out:
            for port in range(50):
                out.send(
                    self.frame(
                        self.web,
                        self.datagram(self.labweb.ips[self.f], self.db.ips[self.f], b"x", 1000 + port),
                    )
                )
        self.assertEqual(bpf.session_ifindexes().get(self.web.ifindex, 0), before)

    def test_spoofing_opens_nothing_for_the_victim(self):
        """web may reach db. A forged packet of job must not make a session that lets job in."""
        self.isolate(self.db, ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s is self.web)
        token = self.token()
        self.dropped(
            "spoofed_addr",
            self.job,
            [self.frame(self.job, self.datagram(self.web.ips[self.f], self.db.ips[self.f], token))],
            token,
            self.db,
        )
        self.assertFalse(self.job.reaches(self.db, "udp", 53, self.f))

    def test_claims_to_be_a_neighbour(self):
        """ARP and neighbour discovery for addresses of others."""
        victim, web, group = self.db, self.web, "33:33:00:00:00:01"
        if self.f == 4:
            lies = [
                wire.arp(2, web.mac, victim.ips[4], victim.mac, self.labweb.ips[4]),
                wire.arp(1, web.mac, victim.ips[4], "00:00:00:00:00:00", self.labweb.ips[4]),
                wire.arp(2, OTHER_MAC, web.ips[4], victim.mac, victim.ips[4]),
            ]
            frames = [wire.ether(web.mac, "ff:ff:ff:ff:ff:ff", wire.ARP, lie) for lie in lies]
        else:
            router = wire.ip6(
                self.link_local(web),
                "ff02::1",
                wire.ICMP6,
                wire.icmp(self.link_local(web), "ff02::1", 134, 0, struct.pack("!BBHII", 64, 0, 1800, 0, 0)),
                hops=255,
            )
            lies = [
                wire.advertisement(web.ips[6], "ff02::1", victim.ips[6], web.mac),
                wire.advertisement(self.link_local(web), "ff02::1", victim.ips[6], web.mac),
                wire.advertisement(web.ips[6], "ff02::1", web.ips[6], OTHER_MAC),
                router,
            ]
            frames = [wire.ether(web.mac, group, wire.IP6, lie) for lie in lies]
        with wire.Wire(web) as out, self.counted("spoofed_nd", EGRESS, len(frames)):
            out.send(*frames)

    def test_claims_to_be_a_router(self):
        """An advertisement as it is, behind headers, and in pieces: from a pod that nobody isolates, none arrives."""
        if self.f == 4:
            return
        src, dst, group = self.link_local(self.web), "ff02::1", "33:33:00:00:00:01"
        token = self.token()
        told = struct.pack("!BBHII", 64, 0, 1800, 0, 0) + struct.pack("!BB6s", 1, 1, wire.mac(self.web.mac))
        advert = wire.icmp(src, dst, 134, 0, told + token.ljust(64))
        options = struct.pack("!BBBB44s", wire.ICMP6, 5, 1, 44, token)

        def fragment(*packet):
            return wire.fragments(src, dst, *packet, first=48)[0]

        atomic = struct.pack("!BBHI", wire.ICMP6, 0, 0, 9) + advert
        packets = {
            "plain": ("spoofed_nd", wire.ip6(src, dst, wire.ICMP6, advert, hops=255)),
            "destination options": ("spoofed_nd", wire.ip6(src, dst, 60, options + advert, hops=255)),
            "hop by hop": ("spoofed_nd", wire.ip6(src, dst, 0, options + advert, hops=255)),
            "atomic": ("spoofed_nd", wire.ip6(src, dst, 44, atomic, hops=255)),
            "first piece": ("spoofed_nd", fragment(wire.ICMP6, advert)),
            "before the piece": ("fragment_tiny", fragment(60, options + advert)),
        }
        for name, (reason, packet) in packets.items():
            with self.subTest(name):
                self.dropped(reason, self.web, [wire.ether(self.web.mac, group, wire.IP6, packet)], token, self.db)

    def test_neighbours_are_still_found(self):
        """With every cache emptied, the honest way works."""
        for pod in self.node.pods:
            pod.run("ip", "neigh", "flush", "all")
        run("ip", "neigh", "flush", "all")
        self.assert_policed()


class NotOurs(WireCase):
    """To a pod: what a flooding bridge or a wrong route may bring."""

    def sent_to_veth(self, reason, frame, token):
        with wire.Wire(self.node.host, self.db.hostif) as out, wire.Wire(self.db) as into, self.counted(
            reason, INGRESS
        ):
            out.send(frame)
            self.assertFalse(into.saw(token), f"{reason}: it arrived")

    def test_mac_of_another(self):
        token = self.token()
        packet = self.datagram(NODE_ADDR[self.f], self.db.ips[self.f], token)
        self.sent_to_veth(
            "not_ours_mac", wire.ether(OTHER_MAC, self.web.mac, wire.ethertype(packet), packet), token
        )

    def test_address_of_another(self):
        token = self.token()
        packet = self.datagram(NODE_ADDR[self.f], self.web.ips[self.f], token)
        self.sent_to_veth(
            "not_ours_addr", wire.ether(OTHER_MAC, self.db.mac, wire.ethertype(packet), packet), token
        )


class Odd(WireCase):
    """What is neither TCP, UDP nor echo: nothing that a free pod would notice, dropped by its reason where
    a policy isolates the pod and does not allow everything."""

    def odd_packets(self, src, dst, token):
        """[(reason, frame payload, ethertype)]"""
        datagram = wire.udp(src, dst, 4321, 53, token)
        packets = [
            ("protocol", wire.ip(src, dst, wire.GRE, token), None),
            ("protocol", wire.ip(src, dst, wire.UDPLITE, struct.pack("!HHHH", 1, 53, 0, 0) + token), None),
            # The second piece alone: nobody has seen the first.
            ("fragment", wire.fragments(src, dst, wire.UDP, wire.udp(src, dst, 4321, 53, token * 100))[1], None),
            ("unrelated", self.error_about(src, dst, wire.UDP, struct.pack("!HHHH", 53, 999, 8, 0), token), None),
        ]
        if self.f == 4:
            packets += [
                ("ip_options", wire.ip4(src, dst, wire.UDP, datagram, options=b"\7\7\4\0\0\0\0\0"), None),
                (
                    "icmp_type",
                    wire.ip4(
                        src, dst, wire.ICMP, wire.icmp(src, dst, 13, 0, struct.pack("!HH", 1, 1) + token)
                    ),
                    None,
                ),
            ]
        else:
            routed = struct.pack("!BBBBI", wire.UDP, 0, 4, 1, 0)
            packets.append(("ext_header", wire.ip6(src, dst, 43, routed + datagram), None))
        packets.append(
            (
                "vlan",
                struct.pack("!HH", 5, wire.ethertype(packets[0][1])) + self.datagram(src, dst, token),
                wire.VLAN,
            )
        )
        packets.append(("ethertype", token, 0x88CC))
        return packets

    def test_from_a_pod_with_isolated_egress(self):
        self.isolate(self.web, egress=[{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 80}]}])
        self.assert_policed(
            egress=lambda s, d, proto, port: s is not self.web or (proto, port) in (("udp", 53), ("tcp", 80))
        )
        token = self.token()
        for reason, packet, kind in self.odd_packets(self.web.ips[self.f], self.db.ips[self.f], token):
            with self.subTest(reason=reason):
                self.dropped(reason, self.web, [self.frame(self.web, packet, kind=kind)], token, self.db)

    def test_to_a_pod_with_isolated_ingress(self):
        self.isolate(self.db, ingress=[{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 80}]}])
        self.assert_policed(
            ingress=lambda s, d, proto, port: d is not self.db or (proto, port) in (("udp", 53), ("tcp", 80))
        )
        token = self.token()
        for reason, packet, kind in self.odd_packets(self.web.ips[self.f], self.db.ips[self.f], token):
            if kind is None:  # the others do not cross a router
                with self.subTest(reason=reason):
                    self.dropped(reason, self.web, [self.frame(self.web, packet)], token, self.db, INGRESS)

    def test_between_free_pods(self):
        token = self.token()
        for reason, packet, kind in self.odd_packets(self.web.ips[self.f], self.db.ips[self.f], token):
            if kind is None and reason != "ip_options":
                with self.subTest(reason=reason):
                    self.passes(self.web, [self.frame(self.web, packet)], token, self.db)

    def test_where_everything_is_allowed(self):
        """A rule for one peer without ports: all of its packets, also those that have none."""
        self.isolate(self.db, ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s is self.web)
        token = self.token()
        for reason, packet, kind in self.odd_packets(self.web.ips[self.f], self.db.ips[self.f], token):
            if kind is None and reason != "ip_options":
                with self.subTest(reason=reason):
                    self.passes(self.web, [self.frame(self.web, packet)], token, self.db)

    def test_malformed(self):
        """Dropped from every pod, isolated or not."""
        src, dst, token = self.web.ips[self.f], self.db.ips[self.f], self.token()
        data = wire.udp(src, dst, 4321, 53, token)
        nonsense = (0, 0x29, 0x03, 0x06)  # null, Xmas, SYN FIN, SYN RST
        if self.f == 4:
            bad = [
                wire.ip4(src, dst, wire.UDP, data, ihl=4),
                wire.ip4(src, dst, wire.UDP, data, ihl=15, length=40),
                wire.ip4(src, dst, wire.UDP, data, length=1000),
                wire.ip4(src, dst, wire.UDP, data, version=6),
                wire.ip4(src, dst, wire.TCP, data[:8]),
                *[wire.ip4(src, dst, wire.TCP, wire.tcp(src, dst, 1, 80, flags, token)) for flags in nonsense],
            ]
            kind = wire.IP4
        else:
            bad = [
                wire.ip6(src, dst, wire.UDP, data, version=4),
                wire.ip6(src, dst, wire.UDP, data, length=1000),
                wire.ip6(src, dst, wire.TCP, data[:8]),
                *[wire.ip6(src, dst, wire.TCP, wire.tcp(src, dst, 1, 80, flags, token)) for flags in nonsense],
            ]
            kind = wire.IP6
        for packet in bad:
            self.dropped("malformed", self.web, [self.frame(self.web, packet, kind=kind)], token, self.db)

    def test_multicast(self):
        group, group_mac = {4: ("239.1.2.3", "01:00:5e:01:02:03"), 6: ("ff05::1:3", "33:33:00:01:00:03")}[
            self.f
        ]
        token = self.token()
        frame = self.frame(self.web, self.datagram(self.web.ips[self.f], group, token), dst_mac=group_mac)
        self.isolate(self.web, egress=[])
        self.assert_policed(egress=lambda s, *_: s is not self.web)
        self.dropped("multicast", self.web, [frame], token, self.db)

    def test_multicast_by_rule(self):
        """A group is a peer by its address, on the way out; on the way in its sender is the one."""
        group, group_mac, bits = {
            4: ("239.1.2.3", "01:00:5e:01:02:03", 32),
            6: ("ff05::1:3", "33:33:00:01:00:03", 128),
        }[self.f]

        def frame(port, token):
            return self.frame(
                self.web, self.datagram(self.web.ips[self.f], group, token, 4321, port), dst_mac=group_mac
            )

        by_port = {"ports": [{"port": 53, "protocol": "UDP"}]}
        self.isolate(self.web, egress=[{"to": [{"ipBlock": {"cidr": f"{group}/{bits}"}}], **by_port}])
        self.isolate(self.db, ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], **by_port}])
        self.isolate(self.labweb, ingress=[])
        self.assert_policed(
            egress=lambda s, *_: s is not self.web,
            ingress=lambda s, d, proto, port: d is not self.labweb
            and (d is not self.db or (s is self.web and (proto, port) == ("udp", 53))),
        )
        with self.counted("open", EGRESS), wire.Wire(self.web) as out:
            out.send(frame(53, self.token()))
        token = self.token()
        self.dropped("multicast", self.web, [frame(54, token)], token, self.db)
        if self.node.main == "bridge":  # that floods
            token = self.token()
            self.passes(self.web, [frame(53, token)], token, self.db)
            with wire.Wire(self.web) as out, wire.Wire(self.labweb) as into, self.counted("multicast", INGRESS):
                token = self.token()
                out.send(frame(53, token))
                self.assertFalse(into.saw(token), "it has reached a pod that nobody may reach")

    def test_dhcp(self):
        """Who has no address may ask for one where the rules let it, and say nothing else."""
        if self.f == 6:
            return
        everybody = "ff:ff:ff:ff:ff:ff"

        def frame(sport, dport, token=b""):
            return self.frame(
                self.web, self.datagram("0.0.0.0", "255.255.255.255", token, sport, dport), dst_mac=everybody
            )

        with wire.Wire(self.web) as out:
            with self.counted("open", EGRESS):
                out.send(frame(68, 67))
            token = self.token()
            self.dropped("spoofed_addr", self.web, [frame(68, 53, token)], token, self.db)
            self.isolate(self.web, egress=[])
            self.assert_policed(egress=lambda s, *_: s is not self.web)
            with self.counted("multicast", EGRESS):
                out.send(frame(68, 67))
            rule = {
                "to": [{"ipBlock": {"cidr": "255.255.255.255/32"}}],
                "ports": [{"port": 67, "protocol": "UDP"}],
            }
            self.isolate(self.web, egress=[rule])

            def passes():
                before = bpf.stats()[("open", EGRESS)]
                out.send(frame(68, 67))
                return bpf.stats()[("open", EGRESS)] > before

            self.assertTrue(eventually(passes))

    def test_tags(self):
        """With a VLAN's id never from a pod, whatever holds; to it, where everything is allowed. Without an id the
        tag says nothing of an address."""
        src, dst, token = self.web.ips[self.f], self.db.ips[self.f], self.token()

        def tagged(vlan, source, token):
            packet = self.datagram(source, dst, token)
            return struct.pack("!HH", vlan, wire.ethertype(packet)) + packet

        frame = self.frame(self.web, tagged(5, src, token), kind=wire.VLAN, dst_mac=self.db.mac)
        self.dropped("vlan", self.web, [frame], token, self.db)
        token = self.token()
        frame = self.frame(self.web, tagged(0, self.job.ips[self.f], token), kind=wire.VLAN, dst_mac=self.db.mac)
        self.dropped("spoofed_addr", self.web, [frame], token, self.db)
        if self.node.main != "bridge":
            return
        with self.bridge_port() as outside:
            token = self.token()
            frame = wire.ether(OTHER_MAC, self.db.mac, wire.VLAN, tagged(5, WORLD_ADDR[self.f], token))
            self.passes(outside, [frame], token, self.db)
            self.isolate(self.db, ingress=[{"ports": [{"port": 53, "protocol": "UDP"}]}])
            self.assert_policed(
                ingress=lambda s, d, proto, port: d is not self.db or (proto, port) == ("udp", 53)
            )
            self.dropped("vlan", outside, [frame], token, self.db, INGRESS)

    def walked_packets(self, src, dst, token, port):
        """A datagram behind what may stand before its header."""
        datagram = wire.udp(src, dst, 4321, port, token)
        if self.f == 4:
            return [
                wire.ip4(src, dst, wire.UDP, datagram, options=b"\1\1\1\0"),
                wire.ip4(src, dst, wire.UDP, datagram, options=b"\x94\4\0\0" * 10),
            ]
        header = struct.pack("!BBIH", wire.UDP, 0, 0x01040000, 0)
        more = struct.pack("!BBIH", 60, 0, 0x01040000, 0)
        return [
            wire.ip6(src, dst, 60, header + datagram),
            wire.ip6(src, dst, 0, header + datagram),
            wire.ip6(src, dst, 60, more * 7 + header + datagram),
            wire.ip6(src, dst, 44, struct.pack("!BBHI", wire.UDP, 0, 0, 9) + datagram),
        ]

    def test_ports_behind_headers(self):
        """Options and extension headers are walked: an isolated pod gets what its policy allows and no more."""
        self.isolate(self.db, ingress=[{"ports": [{"port": 53, "protocol": "UDP"}]}])
        self.assert_policed(
            ingress=lambda s, d, proto, port: d is not self.db or (proto, port) == ("udp", 53)
        )
        src, dst = self.web.ips[self.f], self.db.ips[self.f]
        for i in range(len(self.walked_packets(src, dst, b"", 53))):
            with self.subTest(i=i):
                token = self.token()
                packet = self.walked_packets(src, dst, token, 53)[i]
                self.passes(self.web, [self.frame(self.web, packet)], token, self.db)
                token = self.token()
                packet = self.walked_packets(src, dst, token, 54)[i]
                self.dropped("denied", self.web, [self.frame(self.web, packet)], token, self.db, INGRESS)

    def test_source_routes(self):
        """They never pass, whatever is allowed."""
        src, dst, token = self.web.ips[self.f], self.db.ips[self.f], self.token()
        datagram = wire.udp(src, dst, 4321, 53, token)
        if self.f == 4:
            packet = wire.ip4(src, dst, wire.UDP, datagram, options=b"\x83\7\4" + wire.packed(dst) + b"\0")
        else:
            packet = wire.ip6(src, dst, 43, struct.pack("!BBBBI", wire.UDP, 0, 0, 0, 0) + datagram)
        self.dropped("source_route", self.web, [self.frame(self.web, packet)], token, self.db)

    def test_large_datagrams(self):
        """A real socket's 2,000 bytes over a 1,500 byte link, there and back: each piece goes the way of the
        first, whose port decides; between free pods, and the node itself with an isolated pod."""
        self.assertTrue(self.large(self.web, self.db))
        self.assertTrue(self.large(self.node.host, self.db))
        self.isolate(self.db, ingress=[{"ports": [{"port": 53, "protocol": "UDP"}]}])
        self.assert_policed(
            ingress=lambda s, d, proto, port: d is not self.db or (proto, port) == ("udp", 53)
        )
        with self.counted("later", INGRESS):
            self.assertTrue(self.large(self.web, self.db))
        self.assertTrue(self.large(self.node.host, self.db), "the node is not exempt")
        self.isolate(self.db, ingress=[])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db)
        with self.counted("denied", INGRESS):
            self.assertFalse(self.large(self.web, self.db))
        self.assertTrue(self.large(self.node.host, self.db), "the node is not exempt")

    def test_pieces(self):
        """Overlaps and too small first pieces do not pass where ports decide."""
        self.isolate(self.db, ingress=[{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 80}]}])
        self.assert_policed(
            ingress=lambda s, d, proto, port: d is not self.db or (proto, port) in (("udp", 53), ("tcp", 80))
        )
        src, dst, token = self.web.ips[self.f], self.db.ips[self.f], self.token()
        whole = wire.udp(src, dst, 4321, 53, b"x" * 1100)
        first, _ = wire.fragments(src, dst, wire.UDP, whole)
        over = wire.fragments(src, dst, wire.UDP, whole[:512] + token * 10, 512)[1]
        with wire.Wire(self.web) as out, wire.Wire(self.db) as into, self.counted("fragment_overlap", INGRESS):
            out.send(self.frame(self.web, first), self.frame(self.web, over))
            self.assertFalse(into.saw(token), "an overlapping piece has passed")
        segment = wire.tcp(src, dst, 4321, 80, wire.SYN, self.token())
        tiny = wire.fragments(src, dst, wire.TCP, segment, 16)
        with wire.Wire(self.web) as out, self.counted("fragment_tiny", INGRESS):
            out.send(self.frame(self.web, tiny[0]))

    def test_errors_of_live_flows(self):
        """Too big, told by a router on the way or by the other end, reaches whom it concerns; one about no flow
        does not."""
        self.isolate(self.web, ingress=[])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.web)
        meter = self.web.start("flow", 10, "udp", self.db.ips[self.f], 53, 5003)
        self.assertTrue(eventually(lambda: meter.report()["received"] > 5))
        src, dst = self.db.ips[self.f], self.web.ips[self.f]
        for port, sees in ((53, True), (54, False)):
            token = self.token()
            quoted = wire.udp(dst, src, 5003, port, b"")
            packet = self.error_about(src, dst, wire.UDP, quoted, token)
            with wire.Wire(self.db) as out, wire.Wire(self.web) as into, self.counted(
                "related" if sees else "unrelated", INGRESS
            ):
                out.send(self.frame(self.db, packet))
                self.assertEqual(into.saw(token, RETRY_MS if sees else 300), sees)
        meter.stop()


class Sessions(WireCase):
    """Who opened a flow decides; what nobody opened is not passed."""

    ports = itertools.count(20001)  # each flow that is out of nothing must be another one

    def segment(self, src, dst, sport, dport, flags, token):
        return wire.ip(src, dst, wire.TCP, wire.tcp(src, dst, sport, dport, flags, token, ack=1))

    def test_ack_without_session(self):
        """From a server with free egress to a client whose ingress is isolated: nobody opened this."""
        self.isolate(self.db, ingress=[])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db)
        for flags in (wire.ACK, wire.ACK | wire.SYN, wire.ACK | wire.RST, wire.RST):
            token = self.token()
            frame = self.frame(
                self.web,
                self.segment(self.web.ips[self.f], self.db.ips[self.f], 80, next(self.ports), flags, token),
            )
            self.dropped("no_session", self.web, [frame], token, self.db, INGRESS)

    def test_ack_without_session_between_free_pods(self):
        """They notice nothing: a flow that began before we were there goes on."""
        token = self.token()
        frame = self.frame(
            self.web,
            self.segment(self.web.ips[self.f], self.db.ips[self.f], 80, next(self.ports), wire.ACK, token),
        )
        self.passes(self.web, [frame], token, self.db)

    def stray(self, reason_at, flags=wire.ACK):
        """A segment of web's port 80 to db that belongs to nothing: dropped at @reason_at's hook."""
        token = self.token()
        frame = self.frame(
            self.web,
            self.segment(self.web.ips[self.f], self.db.ips[self.f], 80, next(self.ports), flags, token),
        )
        self.dropped("no_session", self.web, [frame], token, self.db, reason_at)

    def test_server_cannot_reopen(self):
        """web is free in egress, but db may not open anything to it: in the middle of a flow that db had
        opened, as this segment says, web cannot be."""
        self.isolate(
            self.web,
            ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "db"}}}], "ports": [{"port": 443}]}],
        )
        self.assert_policed(
            ingress=lambda s, d, proto, port: d is not self.web
            or (s is self.db and (proto, port) == ("tcp", 443))
        )
        for flags in (wire.ACK, wire.ACK | wire.RST, wire.RST):
            self.stray(EGRESS, flags)

    def test_client_that_could_not_have_asked(self):
        """The same at the other end: db is free in ingress, but could not have opened this itself."""
        self.isolate(
            self.db,
            egress=[{"to": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 443}]}],
        )
        self.assert_policed(
            egress=lambda s, d, proto, port: s is not self.db
            or (d is self.web and (proto, port) == ("tcp", 443))
        )
        self.stray(INGRESS)

    def test_ports_swapped(self):
        """web -> db lives; db may not open anything to web, neither to the port that web came from, nor with
        the ports exchanged."""
        self.isolate(self.web, ingress=[])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.web)
        for proto, port in (("tcp", 80), ("udp", 53)):
            meter = self.web.start("flow", 10, proto, self.db.ips[self.f], port, 5000)
            self.assertTrue(eventually(lambda m=meter: m.report()["received"] > 5))
            self.assertFalse(self.db.reaches(self.web, proto, port, self.f, sport=5000), "ports exchanged")
            self.assertFalse(self.db.reaches(self.web, proto, port, self.f), "another port")
            self.assertFalse(self.db.reaches(self.web, proto, 5000, self.f), "back to the opener's port")
            before = meter.report()["received"]
            self.assertTrue(
                eventually(lambda m=meter, n=before: m.report()["received"] > n + 5),
                "the flow itself has suffered",
            )
            meter.stop()

    def test_syn_against_the_opener(self):
        """On the very tuple of a live flow a SYN of the other end is a new flow."""
        self.isolate(self.web, ingress=[])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.web)
        meter = self.web.start("flow", 10, "tcp", self.db.ips[self.f], 80, 5001)
        self.assertTrue(eventually(lambda: meter.report()["received"] > 5))
        token = self.token()
        frame = self.frame(
            self.db, self.segment(self.db.ips[self.f], self.web.ips[self.f], 80, 5001, wire.SYN, token)
        )
        self.dropped("denied", self.db, [frame], token, self.web, INGRESS)
        before = meter.report()["received"]
        self.assertTrue(
            eventually(lambda: meter.report()["received"] > before + 5), "the flow itself has suffered"
        )
        meter.stop()

    def ping(self, sender, to, reply=False, ident=None):
        """Sends an echo by hand; whether it arrives, and its sender's kernel gets an answer."""
        token = self.token()
        src, dst = sender.ips[self.f], to.ips[self.f]
        proto = wire.ICMP if self.f == 4 else wire.ICMP6
        packet = wire.ip(src, dst, proto, wire.echo(src, dst, ident or 77, reply, token))
        # Straight to it where they share a link: a router's redirect would quote the token.
        frame = self.frame(sender, packet, dst_mac=to.mac if self.node.main == "bridge" else None)
        with wire.Wire(sender) as out:
            out.send(frame)
            return out.saw(token, 400)

    def test_echo(self):
        """Requests follow the policies, replies the requests; a reply that nobody asked for does not pass."""
        self.assertTrue(self.ping(self.web, self.db))
        self.isolate(self.web, ingress=[])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.web)
        self.assertTrue(self.ping(self.web, self.db, ident=100), "the reply to its own request is denied")
        self.assertFalse(self.ping(self.db, self.web, ident=101))
        self.assertFalse(self.ping(self.db, self.web, ident=100), "a request on the other end's identifier")
        token = self.token()
        src, dst = self.db.ips[self.f], self.web.ips[self.f]
        packet = wire.ip(
            src, dst, wire.ICMP if self.f == 4 else wire.ICMP6, wire.echo(src, dst, 102, True, token)
        )
        with wire.Wire(self.db) as out, wire.Wire(self.web) as into:
            out.send(self.frame(self.db, packet))
            self.assertFalse(into.saw(token), "a reply that nobody asked for has passed")


class HostTraffic(WireCase):
    """Made by this node is what this node made, not what says so."""

    def setUp(self):
        super().setUp()
        self.isolate(self.db, ingress=[], egress=[])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db, egress=lambda s, *_: s is not self.db)

    def from_world(self, frames, token, to=None, sender=None, dst_mac=None):
        """Whether @frames, sent by the host outside or by @sender, reach @to (db if not said)."""
        uplink = json.loads(run("ip", "-j", "link", "show", "uplink"))[0]["address"]
        with wire.Wire(sender or self.node.world) as out, wire.Wire(to or self.db) as into:
            out.send(*[wire.ether(OTHER_MAC, dst_mac or uplink, wire.ethertype(p), p) for p in frames])
            return into.saw(token)

    def pieces(self, source, to, token, wrapped=False):
        """A datagram in two. @wrapped: with destination options in the first piece, for which the kernel has no room
        before the second one: a router then makes two new packets, which carry neither interface nor socket."""
        datagram = wire.udp(source, to.ips[self.f], 4321, 53, token * 100)
        if not wrapped:
            return wire.fragments(source, to.ips[self.f], wire.UDP, datagram)
        options = struct.pack("!BBBB36x", wire.UDP, 4, 1, 36)
        return wire.fragments(source, to.ips[self.f], 60, options + datagram)

    def test_source_address_of_the_node_from_outside(self):
        for source in (NODE_ADDR[self.f], self.gateway()):
            token = self.token()
            self.assertFalse(self.from_world([self.datagram(source, self.db.ips[self.f], token)], token))

    def gateway(self):
        return {4: "10.77.0.1", 6: "fd00:77::1"}[self.f]

    @contextlib.contextmanager
    def connection_tracking(self):
        """In this node: fragments are put together where they come in."""
        family = "ip" if self.f == 4 else "ip6"
        chain = "chain c { type filter hook forward priority 0; ct state new counter accept; };"
        try:
            run("nft", f"table {family} bh {{ {chain} }}")
        except (RuntimeError, OSError) as e:
            self.skipTest(f"this kernel has no connection tracking in nftables: {e}")
        try:
            yield
        finally:
            run("nft", "delete", "table", family, "bh")

    @contextlib.contextmanager
    def sniffed(self):
        """Somebody listens to all that passes here: then the kernel hands out copies."""
        with self.node.host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
            yield

    def test_fragments_put_together_by_the_router(self):
        """They go to a free pod, and are not the node's for having been put together there."""
        self.put_together_by_the_router()
        with self.sniffed():
            self.put_together_by_the_router()

    def put_together_by_the_router(self):
        with self.connection_tracking():
            for wrapped in (False, True) if self.f == 6 else (False,):
                token = self.token()
                honest = self.pieces(WORLD_ADDR[self.f], self.web, token, wrapped)
                self.assertTrue(self.from_world(honest, token, self.web), "the test shows nothing")
                for source in (WORLD_ADDR[self.f], NODE_ADDR[self.f]):
                    token = self.token()
                    forged = self.pieces(source, self.db, token, wrapped)
                    self.assertFalse(self.from_world(forged, token), (source, wrapped))

    def test_fragments_put_together_by_the_bridge(self):
        """With br_netfilter a bridge does the same for what it only forwards, and what it floods is then cut
        into new packets: they carry neither interface nor socket. With a forged source they would be the
        node's own.
        """
        if self.node.main != "bridge":
            return
        with self.bridge_filter(), self.bridge_port() as outside:
            for pod in (self.web, self.db):  # so that it floods
                run("ip", "link", "set", pod.hostif, "type", "bridge_slave", "learning", "off")
            run("ip", "link", "set", "cni0", "type", "bridge", "fdb_flush")
            try:
                self.put_together_by_the_bridge(outside)
                with self.sniffed():
                    self.put_together_by_the_bridge(outside)
            finally:
                for pod in (self.web, self.db):
                    run("ip", "link", "set", pod.hostif, "type", "bridge_slave", "learning", "on")

    @contextlib.contextmanager
    def bridge_filter(self):
        """br_netfilter: what a bridge forwards goes through the node's rules."""
        switch = "/proc/sys/net/bridge/bridge-nf-call-" + ("iptables" if self.f == 4 else "ip6tables")
        if not os.path.exists(switch):
            self.skipTest("this kernel has no br_netfilter")
        with open(switch, "w") as f:
            f.write("1")
        try:
            yield
        finally:
            with open(switch, "w") as f:
                f.write("0")

    def put_together_by_the_bridge(self, outside):
        with self.connection_tracking():
            for source in (WORLD_ADDR[self.f], self.gateway()):
                token = self.token()
                self.assertTrue(
                    eventually(
                        lambda s=source, t=token: self.from_world(
                            self.pieces(s, self.web, t), t, self.web, outside, self.web.mac
                        )
                    ),
                    "the test shows nothing",
                )
                token = self.token()
                self.assertFalse(
                    self.from_world(self.pieces(source, self.db, token), token, self.db, outside, self.db.mac),
                    source,
                )

    def test_large_datagrams_put_together_on_the_way(self):
        """Real ones, between pods: cut anew behind connection tracking, they go the way of the first piece, too."""
        with contextlib.ExitStack() as stack:
            if self.node.main == "bridge":
                stack.enter_context(self.bridge_filter())
            stack.enter_context(self.connection_tracking())
            self.assertFalse(self.large(self.web, self.db))
            self.isolate(self.db, ingress=[{"ports": [{"port": 53, "protocol": "UDP"}]}], egress=[])
            with self.counted("later", INGRESS):
                self.assertTrue(eventually(lambda: self.large(self.web, self.db)))

    def test_node_reaches_isolated_pod_from_any_of_its_addresses(self):
        with self.node.host.socket(
            socket.AF_INET if self.f == 4 else socket.AF_INET6, socket.SOCK_DGRAM
        ) as s:
            for source in (NODE_ADDR[self.f], self.gateway()):
                with self.node.host.socket(
                    socket.AF_INET if self.f == 4 else socket.AF_INET6, socket.SOCK_DGRAM
                ) as s:
                    s.bind((source, 0))
                    s.settimeout(below(1))
                    s.connect((self.db.ips[self.f], 53))
                    s.send(b"probe")
                    self.assertEqual(s.recv(100), b"probe", source)

    def test_isolated_pod_reaches_the_node_alone(self):
        """Every address of the node, no address of anybody else, and not through the node."""
        for address in (NODE_ADDR[self.f], self.gateway()):
            self.assertTrue(self.db.reaches(address, "tcp", 80, self.f, ms=2000), address)
        for address in (WORLD_ADDR[self.f], WORLD_MORE[self.f][0], self.web.ips[self.f]):
            self.assertFalse(self.db.reaches(address, "tcp", 80, self.f), address)

    def test_host_session_does_not_open_the_pod(self):
        """A flow of the node with the pod lives; the same tuple from outside is not part of it."""
        meter = self.node.host.start("flow", 10, "udp", self.db.ips[self.f], 53, 6000)
        self.assertTrue(eventually(lambda: meter.report()["received"] > 5))
        source = self.gateway()
        token = self.token()
        self.assertFalse(
            self.from_world([self.datagram(source, self.db.ips[self.f], token, 6000, 53)], token)
        )
        last = meter.stop()
        self.assertEqual(last["error"], "")

    def test_node_addresses_change(self):
        """A new address of the node is the node's at once, one that it gave up is nobody's."""
        new = {4: "192.0.2.77", 6: "2001:db8:2::77"}[self.f]
        bits = {4: 32, 6: 128}[self.f]
        self.assertFalse(self.db.reaches(new, "tcp", 80, self.f))
        run("ip", "addr", "add", f"{new}/{bits}", "dev", "uplink", *(["nodad"] if self.f == 6 else []))
        self.assertTrue(eventually(lambda: self.db.reaches(new, "tcp", 80, self.f)))
        run("ip", "addr", "del", f"{new}/{bits}", "dev", "uplink")
        self.node.world.run(
            "ip", "addr", "add", f"{new}/{bits}", "dev", "eth0", *(["nodad"] if self.f == 6 else [])
        )
        try:
            self.assertTrue(
                eventually(lambda: self.web.reaches(new, "tcp", 80, self.f)), "the test shows nothing"
            )
            self.assertTrue(eventually(lambda: not self.db.reaches(new, "tcp", 80, self.f)))
        finally:
            self.node.world.run("ip", "addr", "del", f"{new}/{bits}", "dev", "eth0")

    def test_services_on_the_node(self):
        """kube-proxy in IPVS mode and kube-router give the node every Service's address, NodeLocal DNSCache
        that of one, which the API server tells of: what goes there is not for the node."""
        service = {4: "10.96.0.%d", 6: "fd00:96::%d"}[self.f]
        bits, last = {4: (32, "192.0.2.78"), 6: (128, "2001:db8:2::78")}[self.f]
        dummies = {"kube-ipvs0": 11, "kube-dummy-if": 12, "nodelocaldns": 13}

        def add(address, dev):
            run("ip", "addr", "add", f"{address}/{bits}", "dev", dev, *(["nodad"] if self.f == 6 else []))

        self.node.write(
            "service.json",
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"namespace": "shop", "name": "dns"},
                "spec": {"clusterIPs": [service % 13], "ports": [{"port": 80}]},
            },
        )
        try:
            for name, n in dummies.items():
                run("ip", "link", "add", name, "type", "bridge")  # of whatever type
                add(service % n, name)
            add(last, "uplink")  # whoever knows of it knows of all
            self.assertTrue(eventually(lambda: self.db.reaches(last, "tcp", 80, self.f)))
            for name, n in dummies.items():
                with self.subTest(name):
                    self.assertTrue(self.web.reaches(service % n, "tcp", 80, self.f), "the test shows nothing")
                    self.assertTrue(eventually(lambda n=n: not self.db.reaches(service % n, "tcp", 80, self.f)))
        finally:
            self.node.remove("service.json")
            run("ip", "addr", "del", f"{last}/{bits}", "dev", "uplink", check=False)
            for name in dummies:
                run("ip", "link", "del", name, check=False)


class Told(WireCase):
    """Denials are counted and told: what the CLI says is what happened."""

    configs = ["bridge/1.9/v4/tcx", "bridge/1.9/v6/clsact"]

    def test_flows(self):
        self.isolate(self.db, ingress=[])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db)
        self.job.reaches(self.db, "tcp", 8123, self.f)

        def told():
            lines = self.node.ctl("flows")
            return [x for x in (lines if isinstance(lines, list) else [lines]) if "8123" in json.dumps(x)]

        found = eventually(told)
        self.assertTrue(found, "no such denial")
        text = json.dumps(found[0])
        for word in ("db", self.job.ips[self.f], "policy-denied"):
            self.assertIn(word, text)

    def test_one_event_for_many_packets(self):
        """A flood of one flow is one event a while, and the rest is counted."""
        self.isolate(self.db, ingress=[])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db)
        packet = self.datagram(self.job.ips[self.f], self.db.ips[self.f], b"x", 4444, 8124)
        with wire.Wire(self.job) as out, self.counted("denied", INGRESS, 500):
            out.send(*[self.frame(self.job, packet)] * 500)
        lines = self.node.ctl("flows")
        told = [x for x in (lines if isinstance(lines, list) else [lines]) if "8124" in json.dumps(x)]
        self.assertLess(len(told), 10)

    def test_status_agrees_with_the_maps(self):
        with wire.Wire(self.job) as out:
            out.send(self.frame(self.job, self.datagram(self.web.ips[self.f], self.db.ips[self.f], b"x")))
        mine = bpf.stats()
        told = {r["reason"]: r for r in self.node.ctl("status")["reasons"]}
        self.assertGreater(mine[("spoofed_addr", EGRESS)], 0)
        self.assertEqual(told["spoofed-address"]["egress"]["packets"], mine[("spoofed_addr", EGRESS)])

    def test_explain_agrees_with_the_wire(self):
        self.isolate(
            self.db,
            ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 80}]}],
        )
        self.assert_policed(
            ingress=lambda s, d, proto, port: d is not self.db
            or (s is self.web and (proto, port) == ("tcp", 80))
        )
        for pod, port in ((self.web, 80), (self.web, 443), (self.job, 80)):
            reached = pod.reaches(self.db, "tcp", port, self.f)
            answer = self.node.ask("explain", pod=self.db.name, peer=pod.ips[self.f], port=port, proto="TCP")
            self.assertTrue(answer["ok"], answer)
            self.assertEqual("policy-denied" in json.dumps(answer), not reached, f"{pod} {port}: {answer}")
