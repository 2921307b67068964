# SPDX-License-Identifier: Apache-2.0
"""Whether live flows stay on the hot path while a cluster changes around them: 64k UDP flows between two pods, in both
directions, while the API (scripted: crowd.py) tells of 50 relabels and 100 changes of readiness a second. The relabelled
pods are no peers of the two but of a third pod of this node, whose policy they enter and leave: its epoch must rise and
that of the two must not. Then how many lines the flows were given."""
import os
import threading
import time

from crowd import Crowd
from figures import IN, row
from kube_crowd import settled
from node import BUILD, eventually
from node_api import ApiNode

PODS = 1000
FLOWS = 65536
EACH_MS = 20		# datagrams a millisecond from either end
RELABELS_S, FLAPS_S = 50, 100
SECONDS = 10
SESSIONS = 1 << 20	# of the node; one pod has a quarter at most
ROOM_S = 60		# for the slices to have grown
HITS = 0.99
LINE = 64


class Churn(threading.Thread):
    """Changes of the cluster until stop(): of three one is a relabel."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api, self.made, self.over = api, 0, threading.Event()
        self.began = time.monotonic()

    def change(self, n):
        which, turn = divmod(n, 3)
        if turn:
            self.api.tell("MODIFIED", (which + 500 * turn) % PODS, ready=n // PODS % 2 == 0)
        else:
            self.api.tell("MODIFIED", which % PODS, more_labels={} if which // PODS % 2 else {"role": "guest"})

    def run(self):
        while not self.over.wait(max(0, self.began + self.made / (RELABELS_S + FLAPS_S) - time.monotonic())):
            self.change(self.made)
            self.made += 1

    def stop(self):
        """How many were made a second."""
        self.over.set()
        self.join()
        return self.made / (time.monotonic() - self.began)


def flows(pod, to, end):
    """They run on after this; the first turn is over."""
    process = pod.popen(os.path.join(BUILD, "tests/bench/flows"), to.ips[4], end, EACH_MS)
    if process.stdout.readline() != "turn\n":
        raise RuntimeError("no flows")
    return process


def endpoint(node, name):
    return next(e for e in node.ask("endpoints")["items"] if e["name"] == name)


def has_room(node):
    """All flows of both are there, but for a few that share a set with more than it holds."""
    return all(endpoint(node, name)["sessions"]["ipv4"]["answered"] > 0.995 * FLOWS for name in ("web", "db"))


def measure(node, name):
    cpu, began = node.cpu_s(), time.monotonic()
    time.sleep(SECONDS)
    used = 100 * (node.cpu_s() - cpu) / (time.monotonic() - began)
    total = node.ctl("perf", "--duration", SECONDS, "--interval", SECONDS, codes=(0, 1))["total"]
    hits = total["hits"] / total["packets"]
    return [
        row(f"{name}: packets with a session", 100 * hits, "%", hits, least=HITS,
            note=f"{total['packets'] / SECONDS / 1000:.0f}k packets a second, {total['denied']} denied"),
        row(f"{name}: a packet in the programs", total["packet_ns"], "ns"),
        row(f"{name}: CPU of the agent", used, "%"),
    ]


def with_changes(node):
    before = {name: endpoint(node, name)["epoch"] for name in ("db", "target")}
    churn = Churn(node.api)
    churn.start()
    rows = measure(node, "with changes")
    rate = churn.stop()
    after = {name: endpoint(node, name)["epoch"] for name in before}
    if after["db"] != before["db"] or after["target"] == before["target"]:
        raise RuntimeError(f"epochs {before} became {after}")
    return [*rows, row("changes made", rate, "/s", note=f"{after['target'] - before['target']} new epochs of the third pod")]


def lines(node):
    use = endpoint(node, "db")["sessions"]["ipv4"]
    mb = use["size"] * LINE / 1e6
    return [row("lines of a pod with 64k live flows", use["size"], "", note=f"{mb:.1f} MB, {use['used']} in use"),
            row("room for 100k IPv4 sessions", LINE * 1e5 / 1e6, "MB", most=15),
            row("100k live IPv4 sessions, as a pod's slice grows", 1e5 / use["used"] * mb, "MB")]


def write(node):
    for ns in ("shop", "other"):
        node.write_namespace(ns)
    peers = [{"podSelector": {"matchLabels": {"app": "web"}}}]
    ports = [{"protocol": "UDP", "port": 7000, "endPort": 7001}]
    guests = [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"role": "guest"}}}]
    node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=[{"from": peers, "ports": ports}])
    node.write_policy("other", "guests", policyTypes=IN, ingress=[{"from": guests}])


def main():
    args = ("--sessions", str(SESSIONS))
    with ApiNode(family="v4", make=lambda n: Crowd(n, PODS), agent_args=args, log="bench-churn") as node:
        write(node)
        node.agent_start()
        web, db = (node.add_pod("shop", name, {"app": name}, serve=False) for name in ("web", "db"))
        node.add_pod("other", "target", {"app": "target"}, serve=False)
        settled(node, PODS + 3)
        senders = [flows(web, db, "client"), flows(db, web, "server")]
        try:
            if not eventually(lambda: has_room(node), ROOM_S):
                raise RuntimeError(f"no room for the flows: {endpoint(node, 'db')['sessions']}")
            return measure(node, "quiet") + with_changes(node) + lines(node)
        finally:
            for process in senders:
                process.kill()
                process.communicate()
