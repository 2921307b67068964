# SPDX-License-Identifier: Apache-2.0
"""The status of policies in a cluster of 5,000 nodes, against a real kube-apiserver: this program writes the reports of
all nodes, at the pace that agents keep, and a real agent holds the Lease and gathers them. Then one policy that has
pods on every node is changed."""
import contextlib
import hashlib
import http.client
import json
import os
import queue
import random
import statistics
import threading
import time

from client import Connection
from control import SYSTEM
from figures import row
from node import eventually
from node_api import ApiNode
from objects import NODE, definition, head, path_of, pod, policy, shipped, shipped_rights
from objects import path as path_to

NODES = int(os.environ.get("BH_STATUS_NODES", "5000"))
POLICIES = int(os.environ.get("BH_STATUS_POLICIES", "1000"))
WRITES_S = 200  # of all nodes: STANDING_WRITES_S
SPREAD_S = min(NODES / WRITES_S, 30)
WRITERS = 6
AGAIN_S = min(max(NODES / 10, 60), 600)  # what has not changed is written again: STANDING_AGAIN_*
IDLE_S, BEATS_S = 20, 60
SETS = {
    "networkPolicies": "NetworkPolicy",
    "clusterNetworkPolicies": "ClusterNetworkPolicy",
    "segmentationPolicies": "SegmentationPolicy",
    "clusterSegmentationPolicies": "ClusterSegmentationPolicy",
}


def in_parallel(what, n):
    """what(0) to what(n - 1), by as many threads as there are writers."""
    todo, failed = queue.SimpleQueue(), []
    for i in range(n):
        todo.put(i)

    def work():
        try:
            while True:
                what(todo.get_nowait())
        except queue.Empty:
            pass
        except Exception as e:  # noqa: BLE001
            failed.append(e)

    threads = [threading.Thread(target=work) for _ in range(WRITERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


def number(metadata):
    """Of one policy in the number of a set: versions.c."""
    text = metadata["uid"].encode() + b"\0" + metadata["generation"].to_bytes(8, "little")
    return int.from_bytes(hashlib.sha256(text).digest()[:16], "big")


class Reports:
    """What all nodes say."""

    def __init__(self, api):
        self.api, self.uids, self.took = api, {}, []

    def current(self):
        """Of one that has all in force."""
        applied, n = {}, 0
        for field, kind in SETS.items():
            found = self.api.list(kind)["items"]
            n += len(found)
            total = 0
            for p in found:
                total ^= number(p["metadata"])
            applied[field] = f"{total:032x}"
        return {
            "agentVersion": "0.1.0",
            "policies": n,
            "applied": applied,
            "reportedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "validSeconds": int(2.5 * AGAIN_S),
        }

    def write(self, name, status):
        owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": self.uids[name]}
        obj = head("NodePolicyStatus", None, name)
        obj["metadata"]["ownerReferences"] = [owner]
        obj["status"] = status
        where = path_of(obj) + "?fieldManager=bulkhead&force=true"
        began = time.monotonic()
        self.api.request("PATCH", where, json.dumps(obj), "application/apply-patch+yaml")
        self.took.append(time.monotonic() - began)

    def write_all(self, spread_s, nodes=NODES):
        """Each at a moment of its own within so long, or as fast as the server takes them. When the last was written."""
        status, began = self.current(), time.monotonic()
        at = sorted(random.random() * spread_s for _ in range(nodes))
        self.took = []

        def one(i):
            time.sleep(max(0, began + at[i] - time.monotonic()))
            self.write(f"n{i}", status)

        in_parallel(one, nodes)
        return time.monotonic()


class Watcher(threading.Thread):
    """Counts what a watch is sent."""

    def __init__(self, api, kind):
        super().__init__(daemon=True)
        self.bytes = self.events = 0
        self.api, self.where = api, path_to(kind, None, "")[:-1].replace("/namespaces/None", "")
        self.start()

    def run(self):
        c = Connection(self.api.netns, self.api.address, self.api.tls, 3600)
        version = self.api.request("GET", self.where + "?limit=1")["metadata"]["resourceVersion"]
        c.request("GET", f"{self.where}?watch=1&resourceVersion={version}")
        answer = c.getresponse()
        with contextlib.suppress(http.client.IncompleteRead):  # it ends with the server
            while data := answer.read1(65536):
                self.bytes += len(data)
                self.events += data.count(b"\n")


class Account:
    """CPU and memory of a process, from when it was made."""

    def __init__(self, pid):
        self.pid, self.began = pid, time.monotonic()
        self.was = self.cpu_s()

    def cpu_s(self):
        with open(f"/proc/{self.pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def percent(self):
        return 100 * (self.cpu_s() - self.was) / (time.monotonic() - self.began)

    def rss_mb(self):
        with open(f"/proc/{self.pid}/status") as f:
            return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS:"))


def segment(generation):
    return {
        **head("SegmentationPolicy", "crowd", "all"),
        "spec": {"podSelector": {}, "priority": generation, "policyTypes": ["Ingress"]},
    }


def programmed(api, kind, ns, name, generation):
    conditions = api.get(kind, ns, name).get("status", {}).get("conditions", [])
    return any(
        c["type"] == "Programmed" and c["status"] == "True" and c["observedGeneration"] == generation for c in conditions
    )


def build(node, reports):
    """Nodes, a pod on each, and policies about them."""
    api = node.api.admin
    for kind, name, text in shipped_rights(SYSTEM):
        api.apply_text(kind, SYSTEM, name, text)
    for name, text in shipped():
        api.apply_text("CustomResourceDefinition", None, name, text)
    api.apply(definition("ClusterNetworkPolicy"))
    node.write_namespace("crowd")
    time.sleep(5)  # until all kinds are served

    def one(i):
        made = api.apply(head("Node", None, f"n{i}"))
        reports.uids[f"n{i}"] = made["metadata"]["uid"]
        api.apply(pod("crowd", f"p{i}", {"app": f"a{i % 100}"}, nodeName=f"n{i}"))

    in_parallel(one, NODES)
    in_parallel(lambda i: api.apply(policy("crowd", f"np{i}", subject={"app": f"a{i % 100}"})), POLICIES)
    api.apply(segment(1))


def leads(node):
    return (node.ask("status").get("policy_status") or {}).get("leads")


def said(node):
    """Whether all that is to be said is written."""
    s = node.ask("status")["policy_status"]
    return s["nodes"] >= NODES and not s["unsaid"]


def at_rest(node):
    agent = Account(node.agent.pid)
    time.sleep(IDLE_S)
    return row("agent that gathers: CPU, nothing changes", agent.percent(), "%")


def accounts(node):
    programs = {"agent": node.agent.pid, "apiserver": node.api.apiserver.process.pid, "etcd": node.api.etcd.process.pid}
    return {name: Account(pid) for name, pid in programs.items()}


def beats(node, reports):
    """Nothing changes, and that is said again by as many nodes as say it in that time."""
    sent, n = Watcher(node.api.admin, "NodePolicyStatus"), round(NODES * BEATS_S / AGAIN_S)
    time.sleep(1)
    use, began = accounts(node), time.monotonic()
    took_s = reports.write_all(BEATS_S, n) - began
    return [
        row("reports that say nothing new", n / took_s, "/s", note=f"each node's every {AGAIN_S:.0f} s"),
        row("their watch", sent.bytes / took_s / 1000, "kB/s", note=f"{sent.bytes / n:.0f} bytes each"),
        *(row(f"{name}: CPU meanwhile", a.percent(), "%") for name, a in use.items()),
    ]


def change(node, reports):
    """One policy of all nodes: from the change to what is said of it."""
    api, w = node.api.admin, {k: Watcher(node.api.admin, k) for k in ("NodePolicyStatus", "SegmentationPolicy")}
    time.sleep(1)
    use = accounts(node)
    began = time.monotonic()
    generation = api.apply(segment(2))["metadata"]["generation"]
    last = reports.write_all(SPREAD_S)
    percent = {name: a.percent() for name, a in use.items()}
    sent = w["NodePolicyStatus"]
    if not eventually(lambda: programmed(api, "SegmentationPolicy", "crowd", "all", generation), 120, 0.05):
        raise RuntimeError(f"not said: {node.ask('status')['policy_status']}")
    done, took = time.monotonic(), sorted(1000 * t for t in reports.took)
    return [
        row("reports written", NODES / (last - began), "/s", note=f"all {NODES} within {last - began:.1f} s"),
        row("a report's write, p50", statistics.median(took), "ms", note=f"p99 {took[int(0.99 * len(took))]:.1f} ms"),
        row("their watch", sent.bytes / (last - began) / 1000, "kB/s", note=f"{sent.bytes / NODES:.0f} bytes each"),
        row("last report to condition", 1000 * (done - last), "ms"),
        row("writes to the policy by the gatherer", w["SegmentationPolicy"].events - 1, ""),
        *(row(f"{name}: CPU meanwhile", percent[name], "%", note=f"{a.rss_mb():.0f} MB RSS") for name, a in use.items()),
    ]


def main():
    os.environ["POD_NAMESPACE"] = SYSTEM
    with ApiNode(family="v4", agent_args=("--policy-status",), chained=False, log="bench-status") as node:
        reports = Reports(node.api.admin)
        build(node, reports)
        node.set_token(node.api.token(node=NODE))
        node.agent_start()
        if not eventually(lambda: leads(node), 600, 0.5):
            raise RuntimeError(f"the agent does not lead: {node.agent_log()}")
        began = time.monotonic()
        last = reports.write_all(0)
        rows = [row("reports written as fast as they are taken", NODES / (last - began), "/s", note="the first of each node")]
        if not eventually(lambda: said(node), 300, 0.5):
            raise RuntimeError(f"not all is said: {node.ask('status')['policy_status']}")
        rows.append(row("first status of all policies", time.monotonic() - last, "s", note=f"{POLICIES} NetworkPolicies"))
        rows += [at_rest(node), *beats(node, reports), *change(node, reports)]
        one = node.api.admin.get("NodePolicyStatus", None, "n0")
        return [*rows, row("a report as JSON", len(json.dumps(one, separators=(",", ":"))), "bytes")]
