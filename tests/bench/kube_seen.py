# SPDX-License-Identifier: Apache-2.0
"""What it costs to look at an agent that knows 10,000 pods and 1,000 policies, on a node that denies 1,000 flows a
second to pods of the whole cluster. Everything on (metrics with a row for each rule and pod, scraped every 15 s;
flow log to a file; Events; status of policies; somebody with `flows -f`) takes turns with everything off, in agents
of their own. Then from a packet to its line in `flows -f`; and what `explain`, `simulate` and a scrape take, for who asks and
for who has to wait meanwhile. The API server is scripted (crowd.py)."""
import contextlib
import json
import os
import socket
import statistics
import struct
import threading
import time
import urllib.request

from crowd import Crowd, address
from figures import IN, OUT, percentile, percentiles, row
from kube_crowd import settled
from memory import status_of
from node import BUILD, RUN_DIR, eventually
from node_api import ApiNode

PODS, POLICIES, HERE = 10000, 1000, 100  # HERE: of the policies select pods of this node
POD_COUNT = 10  # of this node, besides the one that is denied
DENIED_S = 1000
ROUNDS, SECONDS, SCRAPE_S = 3, 30, 15
QUIET_S, QUIET_PACKETS = 50, 200  # a second; in all
ASKED = 30
RULES, RULES_A_POLICY = 2500, 100  # of this node, more than have series
METRICS = "127.0.0.1:9777"
LOG = "/run/bh-flows.log"
FIRST_PORT, PORTS = 20000, 40000  # of who is denied: a flow each
ON = (
    *("--metrics-address", METRICS, "--metrics-per", "rule", "--metrics-per", "pod"),
    *("--flow-log", LOG, "--flow-events", "--log-format", "json", "--policy-status"),
)


class Denied(threading.Thread):
    """Datagrams from a pod that may send none, to the pods of other nodes in turn, until stop(). `sent`: when, by
    source port."""

    def __init__(self, pod, a_second):
        super().__init__(daemon=True)
        self.sock = pod.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
        self.every, self.sent, self.made, self.over = 1 / a_second, {}, 0, threading.Event()

    def send(self):
        port = FIRST_PORT + self.made % PORTS
        udp = struct.pack("!HHHH", port, 1024 + self.made % 977, 8, 0)
        self.sent[port] = time.monotonic_ns()
        self.sock.sendto(udp, (address(self.made * 7919 % PODS), 0))
        self.made += 1

    def run(self):
        self.began = time.monotonic()
        while not self.over.wait(max(0, self.began + self.made * self.every - time.monotonic())):
            self.send()

    def stop(self):
        """How many there were a second."""
        self.over.set()
        self.join()
        self.sock.close()
        return self.made / (time.monotonic() - self.began)


class Follower(threading.Thread):
    """`bulkheadctl flows -f`: its lines, and when each could be read."""

    def __init__(self, node):
        super().__init__(daemon=True)
        argv = [os.path.join(BUILD, "bulkheadctl"), "--run-dir", RUN_DIR, "-o", "json", "flows", "-f"]
        self.process, self.lines = node.host.popen(*argv), []
        self.start()

    def run(self):
        for line in self.process.stdout:
            self.lines.append((time.monotonic_ns(), line))

    def close(self):
        self.process.kill()
        self.join()
        self.process.communicate()

    def late_ms(self, sent):
        """Of every packet that was sent and told; not of what the agent before had left in the ring."""
        told = ((at, json.loads(line).get("src_port")) for at, line in self.lines)
        return [(at - sent[port]) / 1e6 for at, port in told if at > sent.get(port, at)]


class Scrapes(threading.Thread):
    """As Prometheus does it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.took_ms, self.bytes, self.series, self.over = [], 0, 0, threading.Event()
        self.start()

    def once(self):
        began = time.monotonic()
        with urllib.request.urlopen(f"http://{METRICS}/metrics", timeout=20) as answer:
            text = answer.read()
        self.took_ms.append(1000 * (time.monotonic() - began))
        self.bytes, self.series = len(text), sum(not line.startswith(b"#") for line in text.splitlines())

    def run(self):
        while not self.over.wait(SCRAPE_S):
            self.once()

    def close(self):
        self.over.set()
        self.join()


class Waiting(threading.Thread):
    """Somebody else at the socket, who asks for next to nothing all the time: the longest wait is how long the loop was
    held by others."""

    def __init__(self):
        super().__init__(daemon=True)
        self.waits_ms, self.over = [], threading.Event()
        self.start()

    def run(self):
        ask = json.dumps({"v": 1, "op": "check", "network": "none", "container": "none", "ifname": "none"}) + "\n"
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(os.path.join(RUN_DIR, "agent.sock"))
            with s.makefile() as answers:
                while not self.over.is_set():
                    began = time.monotonic()
                    s.sendall(ask.encode())
                    answers.readline()
                    self.waits_ms.append(1000 * (time.monotonic() - began))
                    time.sleep(0.0002)

    def close(self):
        self.over.set()
        self.join()


def start(node, args):
    """A fresh agent; what was in force stays."""
    node.agent_stop()
    node.agent_args = list(args)
    node.agent_start()
    settled(node, PODS + POD_COUNT + 1)


def turn(node, pod, on):
    """One agent under load: {"cpu": %, "rss": MB, ...}."""
    start(node, ON if on else ())
    with contextlib.ExitStack() as looking:
        denied = Denied(pod, DENIED_S)
        if on:
            follower = looking.enter_context(contextlib.closing(Follower(node)))
            looking.enter_context(contextlib.closing(Scrapes()))
        denied.start()
        time.sleep(2)
        cpu, began = node.cpu_s(), time.monotonic()
        time.sleep(SECONDS)
        got = {
            "cpu": 100 * (node.cpu_s() - cpu) / (time.monotonic() - began),
            "rss": status_of(node.agent.pid, "VmRSS"),
            "anon": status_of(node.agent.pid, "RssAnon"),
            "rate": denied.stop(),
        }
        if on:
            got.update(late=follower.late_ms(denied.sent), made=denied.made)
    return got


def looked_at(node, pod):
    """Everything on against everything off."""
    got = {True: [], False: []}
    for _ in range(ROUNDS):
        for on in (False, True):
            got[on].append(turn(node, pod, on))
    rows = []
    for what, title, unit in (("cpu", "CPU of the agent", "%"), ("rss", "RSS", "MB"), ("anon", "anonymous memory", "MB")):
        off, on = (statistics.median(t[what] for t in got[k]) for k in (False, True))
        ratio = statistics.median(a[what] / b[what] for a, b in zip(got[True], got[False]))
        rows += [row(f"{title}, all off", off, unit), row(f"{title}, all on", on, unit, ratio, note=f"{on:.2f} {unit}")]
    last = got[True][-1]
    rows.append(row("denied flows made", statistics.median(t["rate"] for t in got[True]), "/s",
                    note=f"{len(last['late'])} of {last['made']} packets had a line in the last turn"))
    rows += percentiles("packet to line of flows -f, all on, 1,000 a second", [ms for t in got[True] for ms in t["late"]])
    return rows


def quiet(node, pod):
    """The same where hardly anything else happens."""
    follower, denied = Follower(node), Denied(pod, QUIET_S)
    time.sleep(1)
    denied.start()
    if not eventually(lambda: denied.made >= QUIET_PACKETS, 60):
        raise RuntimeError("no packets")
    denied.stop()
    eventually(lambda: len(follower.late_ms(denied.sent)) >= denied.made, 10)
    follower.close()
    return percentiles(f"packet to line of flows -f, {QUIET_S} a second", follower.late_ms(denied.sent))


def asked(node, title, ask):
    """What that costs the agent, how long it takes, and how long others wait."""
    cpu = node.cpu_s()
    for _ in range(ASKED):
        ask()
    cpu = node.cpu_s() - cpu
    took, held = [], []
    for _ in range(ASKED):
        with contextlib.closing(Waiting()) as waiting:
            time.sleep(0.05)
            began = time.monotonic()
            ask()
            took.append(1000 * (time.monotonic() - began))
            time.sleep(0.02)
        held.append(max(waiting.waits_ms))
    return [row(f"{title}: CPU of the agent", 1000 * cpu / ASKED, "ms"),
            row(f"{title}, p50", statistics.median(took), "ms", note=f"p95 {percentile(took, 95):.1f} ms"),
            row(f"{title}: longest wait of others, p50", statistics.median(held), "ms",
                note=f"p95 {percentile(held, 95):.1f} ms")]


def candidate(path):
    """One policy that all pods of this node would feel."""
    peers = [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"tier": "front"}}}]
    with open(path, "w") as f:
        json.dump({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                   "metadata": {"namespace": "shop", "name": "candidate"},
                   "spec": {"podSelector": {}, "policyTypes": IN, "ingress": [{"from": peers}]}}, f)
    return path


def ctl(node, *args):
    code, text = node.ctl_text(*args)
    if code not in (0, 1, 4):  # 1: "denied" is an answer; 4: what is known here of a pod elsewhere
        raise RuntimeError(f"bulkheadctl {args}: exit {code}: {text}")


def many_rules(node):
    """More of them on this node than have series."""
    peers = [{"podSelector": {}}]
    for i in range(RULES // RULES_A_POLICY):
        rules = [{"from": peers, "ports": [{"port": 10000 + i * RULES_A_POLICY + k}]} for k in range(RULES_A_POLICY)]
        node.write_policy("shop", f"many-{i}", policyTypes=IN, ingress=rules)
    settled(node, PODS + POD_COUNT + 1)


def scraped(node, title, scrapes):
    rows = asked(node, title, scrapes.once)
    return [*rows, row(f"{title}: bytes", scrapes.bytes / 1000, "KB", note=f"{scrapes.series:,} series")]


def questions(node, pod):
    path = candidate("/run/bh-candidate.json")
    peer = address(PODS // 2)
    with contextlib.closing(Scrapes()) as scrapes:
        rows = asked(node, "nobody asks anything", lambda: time.sleep(0.02))[2:]
        rows += asked(node, "bulkheadctl explain", lambda: ctl(node, "explain", str(pod), peer, "80/TCP"))
        rows += asked(node, "bulkheadctl simulate, one policy for all pods here", lambda: ctl(node, "simulate", "-f", path))
        rows += asked(node, "bulkheadctl unused", lambda: ctl(node, "unused"))
        rows += asked(node, "bulkheadctl policy list", lambda: ctl(node, "policy", "list"))
        rows += scraped(node, "a scrape by rule and pod", scrapes)
        many_rules(node)
        return rows + scraped(node, f"the same with {RULES:,} rules more", scrapes)


def main():
    with ApiNode(family="v4", make=lambda n: Crowd(n, PODS), log="bench-seen") as node:
        node.write_namespace("shop")
        node.write_namespace("jail")
        node.api.write_policies(node, POLICIES, HERE)
        node.write_policy("jail", "none", policyTypes=OUT, egress=[{"to": [{"podSelector": {}}]}])
        node.agent_start()
        pod = node.add_pod("jail", "scanner", {"app": "scanner"}, serve=False)
        for i in range(POD_COUNT):
            node.add_pod("shop", f"pod-{i}", {"app": f"app-{i}"}, serve=False)
        settled(node, PODS + POD_COUNT + 1)
        rows = looked_at(node, pod)
        rows += quiet(node, pod)
        return rows + questions(node, pod)
