# SPDX-License-Identifier: Apache-2.0
"""What the plugin costs a pod's start: ADD by cnitool through the same chain (bridge, host-local,
portmap) with and without it, in turns; and the plugin by itself, as the runtime calls it last. The pod is
one that a policy selects, and ADD waits until that is in force."""
import os
import time

from figures import IN, OUT, Node, percentile, percentiles, row
from node import PIN_DIR, CniError

RUNS = 200
LINKS = os.path.join(PIN_DIR, "links")


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
    _, ms = clock(lambda: node.cnitool("add", pod))
    expect_links(node, 2)
    node.cnitool("del", pod)
    node.del_netns(pod.netns)
    return ms


def add_without(node, i):
    """Also the plugin's own part, after the chain."""
    chain(node, False)
    pod = node.new_pod("shop", "db", f"bh-without-{i}")
    result, ms = clock(lambda: node.cnitool("add", pod))
    expect_links(node, 0)
    conf = node.our_conf(result)
    (code, out), own_ms = clock(lambda: node.plugin("ADD", conf, **node.pod_env(pod)))
    if code:
        raise CniError("ADD", out)
    expect_links(node, 2)
    _, del_ms = clock(lambda: node.plugin("DEL", conf, **node.pod_env(pod)))
    node.cnitool("del", pod)
    node.del_netns(pod.netns)
    return ms, own_ms, del_ms


def main():
    with Node() as node:
        node.write_namespace("shop")
        node.write_pod("shop", "db", {"app": "db"})
        node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN + OUT, ingress=[
            {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 80}]}])
        node.agent_start()
        took = {"with": [], "without": [], "own": [], "del": []}
        for i in range(RUNS):
            if i % 2:
                took["with"].append(add_with(node, i))
            without, own, gone = add_without(node, i)
            took["without"].append(without)
            took["own"].append(own)
            took["del"].append(gone)
            if not i % 2:
                took["with"].append(add_with(node, i))
        rows = percentiles("ADD without the plugin", took["without"])
        rows += percentiles("ADD with the plugin", took["with"], base=took["without"])
        rows += [row(f"difference, p{p}", percentile(took["with"], p) - percentile(took["without"], p), "ms") for p in (50, 99)]
        rows += percentiles("the plugin's own ADD", took["own"])
        rows += percentiles("the plugin's own DEL", took["del"])
        return rows
