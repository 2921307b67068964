# SPDX-License-Identifier: Apache-2.0
"""bpf(2) by hand, so that what the tests see of maps, links and hooks owes nothing to the code under test.

Layouts come from bpf/abi.h: the reasons by reading it, the few structs that are looked into by hand.
"""
import ctypes
import ipaddress
import mmap
import os
import platform
import re
import struct

import node
from node import ROOT

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
PROG_TEST_RUN = 10
MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, MAP_NEXT_KEY, PROG_LOAD, OBJ_PIN, OBJ_GET = 0, 1, 2, 4, 5, 6, 7
OBJ_INFO, PROG_QUERY, LINK_CREATE, LINK_DETACH = 15, 16, 28, 34
TCX_INGRESS, TCX_EGRESS = 46, 47
INGRESS, EGRESS = 0, 1
PIN_DIR = node.PIN_DIR  # where maps and programs are looked for; a test of another layout sets it
SHOT = 2  # TC_ACT_SHOT


def bpf(cmd, attr):
    """@attr: a bytearray of union bpf_attr, written to in place."""
    buf = (ctypes.c_char * len(attr)).from_buffer(attr)
    r = LIBC.syscall(SYS_BPF, cmd, buf, len(attr))
    if r < 0:
        e = ctypes.get_errno()
        raise OSError(e, f"bpf({cmd}): {os.strerror(e)}")
    return r


def pinned(path):
    """A descriptor of a pinned object; the caller closes it."""
    name = ctypes.create_string_buffer(path.encode())
    return bpf(OBJ_GET, bytearray(struct.pack("<QII", ctypes.addressof(name), 0, 0)))


class Map:
    """A pinned map, to be read, and broken."""

    def __init__(self, name):
        self.fd = pinned(os.path.join(PIN_DIR, name))
        info = bytearray(80)
        buf = (ctypes.c_char * len(info)).from_buffer(info)
        bpf(OBJ_INFO, bytearray(struct.pack("<IIQ", self.fd, len(info), ctypes.addressof(buf))))
        head = struct.unpack_from("<6I", info)
        self.type, self.id, self.key_size, self.value_size, self.max_entries, self.flags = head
        self.per_cpu = self.type in (5, 6, 10)
        self.stride = (self.value_size + 7) // 8 * 8 if self.per_cpu else self.value_size

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def lookup(self, key):
        """The value, a list of one for each CPU in a per-CPU map, or None."""
        n = len(possible_cpus()) if self.per_cpu else 1
        value = ctypes.create_string_buffer(self.stride * n)
        k = ctypes.create_string_buffer(bytes(key), self.key_size)
        attr = bytearray(struct.pack("<IIQQQ", self.fd, 0, ctypes.addressof(k), ctypes.addressof(value), 0))
        try:
            bpf(MAP_LOOKUP, attr)
        except FileNotFoundError:
            return None
        if not self.per_cpu:
            return value.raw
        return [value.raw[i * self.stride : i * self.stride + self.value_size] for i in range(n)]

    def update(self, key, value):
        """As bpf(2) does it. What is shorter than a value, or than all of a per-CPU map's, ends in zeros."""
        n = len(possible_cpus()) if self.per_cpu else 1
        k = ctypes.create_string_buffer(bytes(key), self.key_size)
        v = ctypes.create_string_buffer(bytes(value), self.stride * n)
        attr = struct.pack("<IIQQQ", self.fd, 0, ctypes.addressof(k), ctypes.addressof(v), 0)
        bpf(MAP_UPDATE, bytearray(attr))

    def keys(self):
        found, previous = [], None
        while True:
            k = ctypes.create_string_buffer(previous, self.key_size) if previous is not None else None
            following = ctypes.create_string_buffer(self.key_size)
            attr = bytearray(
                struct.pack(
                    "<IIQQQ", self.fd, 0, ctypes.addressof(k) if k else 0, ctypes.addressof(following), 0
                )
            )
            try:
                bpf(MAP_NEXT_KEY, attr)
            except FileNotFoundError:
                return found
            previous = following.raw
            found.append(previous)

    def items(self):
        return [(k, self.lookup(k)) for k in self.keys()]


def make_map(path, like, entries, value_size=None):
    """A new map, pinned at @path: of the type and sizes of @like, with room for @entries."""
    size = like.value_size if value_size is None else value_size
    fd = bpf(MAP_CREATE, bytearray(struct.pack("<5I", like.type, like.key_size, size, entries, like.flags)))
    try:
        name = ctypes.create_string_buffer(path.encode())
        bpf(OBJ_PIN, bytearray(struct.pack("<QII", ctypes.addressof(name), fd, 0)))
    finally:
        os.close(fd)


def possible_cpus():
    with open("/sys/devices/system/cpu/possible") as f:
        text = f.read().strip()
    cpus = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        cpus += range(int(first), int(last or first) + 1)
    return cpus


def reasons():
    """The names of enum bh_reason, lower case, in order."""
    with open(os.path.join(ROOT, "bpf/abi.h")) as f:
        body = re.search(r"#define BH_REASONS\(X\)(.*?)\n\n", f.read(), re.S).group(1)
    return [name.lower() for name in re.findall(r"\bX\((\w+),", body)]


def stats():
    """{(reason, direction): packets}, summed over CPUs."""
    names = reasons()
    with Map("bh_stats") as m:
        return {
            (name, d): sum(struct.unpack_from("<Q", one)[0] for one in m.lookup(struct.pack("<I", i * 2 + d)))
            for i, name in enumerate(names)
            for d in (INGRESS, EGRESS)
        }


def endpoints():
    """{ifindex: (policy set, epoch, mac)} of the live slots."""
    found = {}
    with Map("bh_endpoints") as m:
        for slot in range(m.max_entries):
            value = m.lookup(struct.pack("<I", slot))
            ifindex, policy_set, epoch = struct.unpack_from("<3I", value)
            if ifindex:
                found[ifindex] = (policy_set, epoch, value[16:22].hex(":"))
    return found


def slot_of(ifindex):
    """Where that interface lives, as a key."""
    with Map("bh_endpoints") as m:
        return next(key for key in m.keys() if struct.unpack_from("<I", m.lookup(key))[0] == ifindex)


def ep_index():
    """The interfaces that do not have their direct slot."""
    with Map("bh_ep_index") as m:
        return {struct.unpack("<I", key)[0] for key in m.keys()}


def addresses():
    """What has a class of its own, as text."""
    with Map("bh_addrs") as m:
        found = [ipaddress.IPv6Address(key) for key in m.keys()]
    return {str(a.ipv4_mapped or a) for a in found}


WAYS, NO_SLICE = 8, 0xFFFFFFFF
LINE = {"bh_sess4": 64, "bh_sess6": 128}
SEEN = 24  # in a line: jiffies of the last packet


def slices():
    """{map: {ifindex: [(first set, sets), ...]}} of the live slots, former slices too."""
    found = {name: {} for name in LINE}
    with Map("bh_endpoints") as m:
        for slot in range(m.max_entries):
            value = m.lookup(struct.pack("<I", slot))
            ifindex = struct.unpack_from("<I", value)[0]
            words = struct.unpack_from("<8I", value, 24)  # slice[2], former[2]: base and mask
            for i in range(4) if ifindex else ():
                base, mask = words[2 * i : 2 * i + 2]
                if base != NO_SLICE:
                    found[("bh_sess4", "bh_sess6")[i % 2]].setdefault(ifindex, []).append((base, mask + 1))
    return found


def sessions(name):
    """{set: words of its lines that are not 0}, of one session array, whoever owns the sets."""
    with Map(name) as m:
        size = m.max_entries * m.value_size
        with mmap.mmap(m.fd, size, mmap.MAP_SHARED, mmap.PROT_READ) as at:
            words = memoryview(at[:]).cast("Q")[:: LINE[name] // 8]
    found = {}
    for i, word in enumerate(words):
        if word:
            found.setdefault(i // WAYS, []).append(word)
    return found


def session_ifindexes():
    """{ifindex: sessions in its slices} of the live slots that have any."""
    found = {}
    for name, slice_of in slices().items():
        there = sessions(name)
        for ifindex, runs in slice_of.items():
            n = sum(len(there.get(s, ())) for base, sets in runs for s in range(base, base + sets))
            if n:
                found[ifindex] = found.get(ifindex, 0) + n
    return found


def age_sessions(seconds):
    """As if every session had been seen for the last time so much earlier. Nothing may come meanwhile."""
    with Map("bh_meta") as m:
        hz = struct.unpack_from("<I", m.lookup(bytes(4)), 12)[0] // 5  # event_jiffies
    for name, size in LINE.items():
        with Map(name) as m:
            for s in sessions(name):
                value = bytearray(m.lookup(struct.pack("<I", s)))
                for at in range(0, len(value), size):
                    (seen,) = struct.unpack_from("<I", value, at + SEEN)
                    struct.pack_into("<I", value, at + SEEN, (seen - seconds * hz) % 2**32)
                m.update(struct.pack("<I", s), value)


def tcx_programs(ifindex, attach_type):
    """Ids of the programs on one tcx hook, in the order in which they run. None: no tcx in this kernel."""
    ids = (ctypes.c_uint32 * 16)()
    attr = bytearray(
        struct.pack("<IIIIQIIQQQQ", ifindex, attach_type, 0, 0, ctypes.addressof(ids), 16, 0, 0, 0, 0, 0)
    )
    try:
        bpf(PROG_QUERY, attr)
    except FileNotFoundError:
        return []
    except OSError:
        return None
    return list(ids[: struct.unpack_from("<I", attr, 24)[0]])


def tcx_link(program, ifindex, attach_type):
    """A link of a pinned program, for as long as the descriptor is open."""
    fd = pinned(program)
    try:
        return tcx_behind_all(fd, ifindex, attach_type)
    finally:
        os.close(fd)


def tcx_behind_all(fd, ifindex, attach_type):
    return bpf(LINK_CREATE, bytearray(struct.pack("<4I48x", fd, ifindex, attach_type, 0)))


def program_id(name):
    fd = pinned(os.path.join(PIN_DIR, name))
    try:
        info = bytearray(232)
        buf = (ctypes.c_char * len(info)).from_buffer(info)
        bpf(OBJ_INFO, bytearray(struct.pack("<IIQ", fd, len(info), ctypes.addressof(buf))))
        return struct.unpack_from("<II", info)[1]
    finally:
        os.close(fd)


def link_ifindex(path):
    """Where a pinned tcx link hangs; 0: nowhere any more."""
    fd = pinned(path)
    try:
        info = bytearray(64)
        buf = (ctypes.c_char * len(info)).from_buffer(info)
        bpf(OBJ_INFO, bytearray(struct.pack("<IIQ", fd, len(info), ctypes.addressof(buf))))
        return struct.unpack_from("<I", info, 16)[0]
    finally:
        os.close(fd)


def link_detach(path):
    fd = pinned(path)
    try:
        bpf(LINK_DETACH, bytearray(struct.pack("<I", fd)))
    finally:
        os.close(fd)


def test_run(prog_fd, packet, ifindex, ingress_ifindex, repeat=1):
    """@repeat runs of a program on one packet of an interface; its last verdict. @packet: a ctypes buffer."""
    ctx = bytearray(192)  # struct __sk_buff
    struct.pack_into("<II", ctx, 36, ingress_ifindex, ifindex)
    held = (ctypes.c_char * len(ctx)).from_buffer(ctx)
    attr = bytearray(
        struct.pack(
            "<IIIIQQIIIIQQIII4x",
            prog_fd,
            0,
            len(packet),
            0,
            ctypes.addressof(packet),
            0,
            repeat,
            0,
            len(ctx),
            0,
            ctypes.addressof(held),
            0,
            0,
            0,
            0,
        )
    )
    bpf(PROG_TEST_RUN, attr)
    return struct.unpack_from("<i", attr, 4)[0]


def load_verdict(value):
    """A program for a tc hook that says @value to everything; the caller closes the descriptor."""
    insns = struct.pack("<BBhi", 0xB7, 0, 0, value) + struct.pack("<BBhi", 0x95, 0, 0, 0)
    code, words = ctypes.create_string_buffer(insns, len(insns)), ctypes.create_string_buffer(b"GPL")
    attr = struct.pack("<IIQQ", 3, 2, ctypes.addressof(code), ctypes.addressof(words))  # SCHED_CLS
    return bpf(PROG_LOAD, bytearray(attr.ljust(72, b"\0")))


def insn(code, dst=0, src=0, off=0, imm=0):
    return struct.pack("<BBhi", code, src << 4 | dst, off, imm)


class Counter:
    """A program for a tc hook that counts frames of one length, and lets the next one decide."""

    def __init__(self, length):
        self.map = bpf(MAP_CREATE, bytearray(struct.pack("<5I", 2, 4, 8, 1, 0)))  # ARRAY
        insns = b"".join(
            (
                insn(0x61, 2, 1),  # r2 = skb->len
                insn(0x55, 2, off=9, imm=length),  # another: to the end
                insn(0x62, 10, off=-4),
                insn(0xBF, 2, 10),
                insn(0x07, 2, imm=-4),  # r2 = &key, 0
                insn(0x18, 1, 1, imm=self.map) + insn(0),
                insn(0x85, imm=1),  # bpf_map_lookup_elem
                insn(0x15, off=2),
                insn(0xB7, 1, imm=1),
                insn(0xDB, 0, 1),  # lock *r0 += 1
                insn(0xB7, imm=-1),  # TC_ACT_UNSPEC
                insn(0x95),
            )
        )
        code, words = ctypes.create_string_buffer(insns, len(insns)), ctypes.create_string_buffer(b"GPL")
        attr = struct.pack("<IIQQ", 3, len(insns) // 8, ctypes.addressof(code), ctypes.addressof(words))
        self.fd = bpf(PROG_LOAD, bytearray(attr.ljust(72, b"\0")))

    def count(self):
        key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(8)
        attr = struct.pack("<IIQQQ", self.map, 0, ctypes.addressof(key), ctypes.addressof(value), 0)
        bpf(MAP_LOOKUP, bytearray(attr))
        return struct.unpack("<Q", value.raw)[0]

    def close(self):
        os.close(self.fd)
        os.close(self.map)


def pin(fd, path):
    name = ctypes.create_string_buffer(path.encode())
    bpf(OBJ_PIN, bytearray(struct.pack("<QII", ctypes.addressof(name), fd, 0)))


def tcx_before_all(fd, ifindex, attach_type):
    """A tcx link ahead of every other program; it hangs as long as its descriptor is open."""
    return bpf(LINK_CREATE, bytearray(struct.pack("<IIIIIIQ", fd, ifindex, attach_type, 8, 0, 0, 0)))
