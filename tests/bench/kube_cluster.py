# SPDX-License-Identifier: Apache-2.0
"""Bulkhead as Helm brings it, on two nodes with kubelets: how long an install takes until the pods that were
there are protected; from the API server's answer to a policy enforced on both nodes, as kube_latency does on
one; and what an agent takes when nothing happens."""
import os
import random
import re
import time

import installed
from client import Client
from figures import percentiles, row
from installed import IMAGE, NAMESPACE, Installed
from latency import Prober
from node import eventually

PODS = 20  # on each node, before the install
CHANGES = 200
EVERY_US = 5000
IDLE_S = 60
GOALS = {50: 15, 99: 50}
POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"namespace": "shop", "name": "web"},
    "spec": {"podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"]},
}


def installing(node):
    """With forty pods that run, and a policy that selects them: (until Helm is back, until all are protected)"""
    for name in ("node1", "node2"):
        node.deploy_one("crowd", "crowd-" + name, {"app": "crowd"}, PODS, name, 80)
    node.kubectl("rollout", "status", "-n", "crowd", "deployment/crowd-node1", "--timeout=120s")
    node.kubectl("rollout", "status", "-n", "crowd", "deployment/crowd-node2", "--timeout=120s")
    began = time.monotonic()
    node.install("1")
    helm_s = time.monotonic() - began

    def all_protected():
        return all(node.ctl(n, "endpoints", "--unprotected") == [] for n in node.nodes())

    if not eventually(all_protected, 30, 0.1):
        raise RuntimeError("not protected in 30 s")
    return helm_s, time.monotonic() - began


def changes(node, probers):
    """ms until both nodes had it: {"applied": [...], "deleted": [...]}"""
    pki = os.path.join(node.tool.state, "pki")
    address = (re.search(r"server: \"https://([^:]+):6443", open(node.tool.state + "/admin.kubeconfig").read())[1], 6443)
    api = Client(node.world.netns, address, f"{pki}/ca.crt", certificate=(f"{pki}/admin.crt", f"{pki}/admin.key"))
    took = {"applied": [], "deleted": []}
    for _ in range(CHANGES):
        for what, change, answered in (
            ("applied", lambda: api.apply(POLICY), False),
            ("deleted", lambda: api.delete("NetworkPolicy", "shop", "web"), True),
        ):
            time.sleep(random.random() / 100)  # at no fixed distance from the probers
            for p in probers:
                p.seen.clear()
            change()
            at = time.monotonic_ns()
            took[what].append(max(p.lasting(at, answered) - at for p in probers) / 1e6)
    return took


def field(pid, name):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(rf"^{name}:\s+(\d+) kB", f.read(), re.M)[1]) / 1024


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of_cgroup(pid):
    """MB that the kernel counts for the container, maps included."""
    with open(f"/proc/{pid}/cgroup") as f:
        paths = dict(line.strip().split(":", 2)[1:] for line in f)
    for top, name in (("/sys/fs/cgroup/memory" + paths.get("memory", ""), "memory.usage_in_bytes"),
                      ("/sys/fs/cgroup" + paths.get("", ""), "memory.current")):
        if os.path.exists(f"{top}/{name}"):
            with open(f"{top}/{name}") as f:
                return int(f.read()) / 2**20
    raise RuntimeError(f"no memory account of process {pid}")


def at_rest(node):
    (pid,) = node.agent_pids("node1")
    before = cpu_s(pid)
    time.sleep(IDLE_S)
    return [
        row("agent RSS", field(pid, "VmRSS"), "MB", note=f"{field(pid, 'RssAnon'):.1f} MB of it anonymous"),
        row("agent's cgroup", memory_of_cgroup(pid), "MB", note="maps included"),
        row("agent CPU, idle", (cpu_s(pid) - before) / IDLE_S * 100, "%"),
        row("image", os.path.getsize(installed.archive("1")) / 1e6, "MB", most=12),
    ]


def main():
    node = Installed("bench", "dual", ("--no-bulkhead",))
    try:
        node.start()
        node.load("1")
        node.namespace("shop", {})
        node.namespace("crowd", {})
        node.apply({**POLICY, "metadata": {"namespace": "crowd", "name": "crowd"}})
        helm_s, protected_s = installing(node)
        for name in ("node1", "node2"):
            node.deploy("shop", "web-" + name[4:], {"app": "web", "on": name}, node=name)
            node.deploy("shop", "job-" + name[4:], {"app": "job", "on": name}, node=name)
        node.kubectl("delete", "deployment", "-n", "crowd", "--all", "--wait")
        node.await_pods()
        on = {(p.labels["app"], p.node): p for p in node.pods if "on" in p.labels}
        probers = [Prober(on["job", n], on["web", n], EVERY_US) for n in ("node1", "node2")]
        took = changes(node, probers)
        for p in probers:
            p.stop()
        rows = [row("helm install", helm_s, "s", note=f"with --wait, {2 * PODS} pods there"),
                row("helm install to all pods protected", protected_s, "s")]
        for what, result in (("applied", "refused"), ("deleted", "answered")):
            rows += percentiles(f"{what} to first connection {result} on both nodes", took[what], most=GOALS)
        return rows + at_rest(node)
    finally:
        node.close()
