# SPDX-License-Identifier: Apache-2.0
"""Frames by hand: built, sent from and caught in any network namespace of the node."""
import errno
import ipaddress
import socket
import struct
import time

IP4, IP6, ARP, VLAN = 0x0800, 0x86DD, 0x0806, 0x8100
TCP, UDP, ICMP, ICMP6, SCTP, GRE, UDPLITE = 6, 17, 1, 58, 132, 47, 136
SYN, ACK, RST = 2, 16, 4
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def packed(ip):
    return ipaddress.ip_address(ip).packed


def family(ip):
    return ipaddress.ip_address(ip).version


def ether(src, dst, kind, payload):
    return mac(dst) + mac(src) + struct.pack("!H", kind) + payload


def pseudo(src, dst, proto, length):
    if family(src) == 4:
        return packed(src) + packed(dst) + struct.pack("!BBH", 0, proto, length)
    return packed(src) + packed(dst) + struct.pack("!IHBB", length, 0, 0, proto)


def udp(src, dst, sport, dport, data):
    head = struct.pack("!HHHH", sport, dport, 8 + len(data), 0)
    c = checksum(pseudo(src, dst, UDP, 8 + len(data)) + head + data) or 0xFFFF
    return head[:6] + struct.pack("!H", c) + data


def tcp(src, dst, sport, dport, flags, data=b"", seq=1000, ack=0):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 8192, 0, 0)
    c = checksum(pseudo(src, dst, TCP, len(head) + len(data)) + head + data)
    return head[:16] + struct.pack("!H", c) + head[18:] + data


def icmp(src, dst, kind, code, rest):
    """ICMP or ICMPv6 by the family; @rest: all behind the checksum."""
    head = struct.pack("!BBH", kind, code, 0)
    covered = head + rest if family(src) == 4 else pseudo(src, dst, ICMP6, 4 + len(rest)) + head + rest
    return struct.pack("!BBH", kind, code, checksum(covered)) + rest


def echo(src, dst, ident, reply=False, data=b"ping"):
    request, answer = (8, 0) if family(src) == 4 else (128, 129)
    return icmp(src, dst, answer if reply else request, 0, struct.pack("!HH", ident, 1) + data)


def ip4(src, dst, proto, payload, fragment=0, options=b"", ident=1, ttl=64, ihl=None, version=4, length=None):
    words = 5 + len(options) // 4
    head = struct.pack(
        "!BBHHHBBH",
        version << 4 | (words if ihl is None else ihl),
        0,
        words * 4 + len(payload) if length is None else length,
        ident,
        fragment,
        ttl,
        proto,
        0,
    )
    head += packed(src) + packed(dst) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(src, dst, proto, payload, hops=64, version=6, length=None):
    return (
        struct.pack("!IHBB", version << 28, len(payload) if length is None else length, proto, hops)
        + packed(src)
        + packed(dst)
        + payload
    )


def ip(src, dst, proto, payload, **kw):
    """The packet of either family, without Ethernet."""
    return ip4(src, dst, proto, payload, **kw) if family(src) == 4 else ip6(src, dst, proto, payload, **kw)


def ethertype(packet):
    return IP4 if packet[0] >> 4 == 4 else IP6


def fragments(src, dst, proto, payload, first=1024):
    """The packet in two pieces; @first: bytes in the first one, a multiple of 8."""
    if family(src) == 4:
        return [
            ip4(src, dst, proto, payload[:first], fragment=0x2000, ident=77),
            ip4(src, dst, proto, payload[first:], fragment=first // 8, ident=77),
        ]

    def piece(part, offset, more):
        return ip6(src, dst, 44, struct.pack("!BBHI", proto, 0, offset | more, 77) + part)

    return [piece(payload[:first], 0, 1), piece(payload[first:], first, 0)]


def arp(op, sender_mac, sender_ip, target_mac, target_ip):
    return (
        struct.pack("!HHBBH", 1, IP4, 6, 4, op)
        + mac(sender_mac)
        + packed(sender_ip)
        + mac(target_mac)
        + packed(target_ip)
    )


def advertisement(src, dst, target, target_mac):
    """A neighbour advertisement: `target is at target_mac`."""
    body = struct.pack("!I", 0x20000000) + packed(target) + struct.pack("!BB", 2, 1) + mac(target_mac)
    return ip6(src, dst, ICMP6, icmp(src, dst, 136, 0, body), hops=255)


class Wire:
    """A packet socket on one interface of a Host."""

    def __init__(self, host, ifname="eth0"):
        self.socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        self.socket.bind((ifname, 3))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *frames):
        """What a program on the way out drops is told to the sender as ENOBUFS: no news for us."""
        for frame in frames:
            try:
                self.socket.send(frame)
            except OSError as e:
                if e.errno != errno.ENOBUFS:
                    raise

    def saw(self, token, ms=300):
        """Whether a frame with @token in it arrives within @ms; those that this side sends do not count."""
        end = time.monotonic() + ms / 1000
        while True:
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.socket.settimeout(left)
            try:
                data, where = self.socket.recvfrom(65536)
            except (BlockingIOError, TimeoutError):
                return False
            if where[2] != PACKET_OUTGOING and token in data:
                return True
