# SPDX-License-Identifier: Apache-2.0
"""End to end: what traffic between two pods, through the node that routes between them, costs with nothing on the
way, with an empty tcx program on each hook, with Bulkhead, and with iptables and nftables with conntrack, which have
the same rules. A node of its own for each (wire_node.py), all up at once; they take turns, in another order each
time. Both ends and all between them share one CPU, so that a rate says what the way costs. A ratio is the median of
those to `nothing` in the same round."""
import os
import random
import statistics
import subprocess
import sys

import bpf
from figures import row
from jobs import NAMESPACES

ROUNDS = 9
RULES = (10, 1000, 10000)
NOTHING = ("nothing", 0)
LOADS = {		# title, unit, what it must be at least, in what is told
    "trips": ("round trips", "/s", None, 1),
    "connections": ("TCP connections", "/s", 0.97, 1),
    "datagrams": ("UDP datagrams", "/s", 0.92, 1),
    "bytes": ("TCP", "MB/s", None, 1e6),
}
TITLES = {"nothing": "nothing", "empty": "empty tcx programs", "tcx": "Bulkhead on tcx", "clsact": "Bulkhead on clsact",
          "iptables": "iptables, conntrack", "nftables": "nftables, conntrack"}
OURS = ("tcx", "clsact")


def has_tcx():
    try:
        bpf.tcx_programs(1, bpf.TCX_INGRESS)
    except OSError:
        return False
    return True


def kinds():
    all_of = [NOTHING, ("empty", 0)] + [(k, n) for k in ("tcx", "clsact", "iptables", "nftables") for n in RULES]
    return [(k, n) for k, n in all_of if has_tcx() or k not in ("empty", "tcx")]


class Side:
    """A node that waits to be told what to measure."""

    def __init__(self, kind, rules):
        argv = [*NAMESPACES, sys.executable, os.path.join(os.path.dirname(__file__), "wire_node.py"), kind, str(rules)]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.expect("ready")

    def line(self):
        text = self.process.stdout.readline().strip()
        if not text:
            raise RuntimeError("a node of the bench has ended")
        return text

    def expect(self, what):
        if self.line() != what:
            raise RuntimeError(f"a node of the bench is not {what}")

    def measure(self, load):
        self.process.stdin.write(load + "\n")
        self.process.stdin.flush()
        return float(self.line())

    def stop(self):
        self.process.stdin.close()
        self.expect("as said")
        self.process.wait(30)


def measure(sides):
    """{(load, kind, rules): rate of each round}; the first round warms up."""
    got = {}
    for turn in range(ROUNDS + 1):
        for load in LOADS:
            for which in random.sample(list(sides), len(sides)):
                rate = sides[which].measure(load)
                if turn:
                    got.setdefault((load, *which), []).append(rate)
    return got


def rows_of(got):
    rows = []
    for (load, kind, rules), rates in got.items():
        title, unit, least, scale = LOADS[load]
        ratio = statistics.median(a / b for a, b in zip(rates, got[(load, *NOTHING)]))
        name = f"{title}: {TITLES[kind]}" + (f", {rules:,} rules" if rules else "")
        rows.append({**row(name, statistics.median(rates) / scale, unit, ratio, least=least if kind in OURS else None),
                     "load": load, "kind": kind, "rules": rules})
    order = [(load, *which) for load in LOADS for which in kinds()]
    return sorted(rows, key=lambda r: order.index((r["load"], r["kind"], r["rules"])))


def main():
    sides = {}
    try:
        for which in kinds():
            sides[which] = Side(*which)
        got = measure(sides)
        for side in sides.values():
            side.stop()
        return rows_of(got)
    finally:
        for side in sides.values():
            side.process.kill()
            side.process.wait()
