# SPDX-License-Identifier: Apache-2.0
"""What the plugin costs a pod's start: ADD by cnitool through the same chain (bridge, host-local,
portmap) with and without it, in turns; and the plugin by itself, as the runtime calls it last, both ways
of attaching. The pod is one that a policy selects, and ADD waits until that is in force. The pods'
namespaces stay to the end: the kernel takes them down in the background, at the cost of whatever comes
next."""
import os
import time

from figures import IN, OUT, Node, percentile, percentiles, row
from node import PIN_DIR, CniError, eventually

RUNS = 500
LINKS = os.path.join(PIN_DIR, "links")


def rest(node):
    """Until the agent is through with what was before: a DEL takes it some grace periods."""
    if not eventually(lambda: (node.ask("status") or {}).get("in_force"), step=0.005):
        raise RuntimeError("the agent is still at it")


def clock(what):
    begun = time.monotonic()
    result = what()
    return result, (time.monotonic() - begun) * 1000


def chain(node, chained):
    node.chained = chained
    node.set_conf(node.conf)


def expect_links(node, n):
    there = len(os.listdir(LINKS)) if os.path.isdir(LINKS) else 0
    if there != n:
        raise RuntimeError(f"{there} links instead of {n}: the chain did not do what is measured")


def add_with(node, i):
    chain(node, True)
    pod = node.new_pod("shop", "db", f"bh-with-{i}")
    rest(node)
    _, ms = clock(lambda: node.cnitool("add", pod))
    expect_links(node, 2)
    node.cnitool("del", pod)
    return ms


def by_itself(node, pod, result, attach):
    """The plugin's own ADD and DEL, ms."""
    conf = node.our_conf(result, attach=attach)
    rest(node)
    (code, out), add_ms = clock(lambda: node.plugin("ADD", conf, **node.pod_env(pod)))
    if code:
        raise CniError("ADD", out)
    expect_links(node, 2 if attach == "tcx" else 0)
    _, del_ms = clock(lambda: node.plugin("DEL", conf, **node.pod_env(pod)))
    return add_ms, del_ms


def add_without(node, i, own):
    """Without the plugin; then the plugin alone, on the same pod."""
    chain(node, False)
    pod = node.new_pod("shop", "db", f"bh-without-{i}")
    rest(node)
    result, ms = clock(lambda: node.cnitool("add", pod))
    expect_links(node, 0)
    for attach in own:
        own[attach].append(by_itself(node, pod, result, attach))
    node.cnitool("del", pod)
    return ms


def main():
    with Node(attach="tcx") as node:
        node.write_namespace("shop")
        node.write_pod("shop", "db", {"app": "db"})
        node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN + OUT, ingress=[
            {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 80}]}])
        node.agent_start()
        took, own = {"with": [], "without": []}, {"tcx": [], "clsact": []}
        for i in range(RUNS):
            if i % 2:
                took["with"].append(add_with(node, i))
            took["without"].append(add_without(node, i, own))
            if not i % 2:
                took["with"].append(add_with(node, i))
        rows = percentiles("ADD without the plugin", took["without"])
        rows += percentiles("ADD with the plugin", took["with"], base=took["without"])
        rows += [row(f"difference, p{p}", percentile(took["with"], p) - percentile(took["without"], p), "ms")
                 for p in (50, 99)]
        for attach, times in own.items():
            note = "two RCU grace periods of the kernel's in it" if attach == "tcx" else None
            rows += percentiles(f"the plugin's own ADD, {attach}", [t[0] for t in times], note=note)
            rows += percentiles(f"the plugin's own DEL, {attach}", [t[1] for t in times], note=note)
        return rows
