# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks that use a private node share: rows, percentiles, and their pods."""
import math
import os
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(TESTS, "integration"), os.path.join(TESTS, "api")]
from node import Node  # noqa: E402,F401

IN, OUT = ["Ingress"], ["Egress"]


def row(name, value, unit, ratio=None, goal=None, note=None, most=None, least=None):
    """One figure. @goal: what the ratio may be at most, @least: must be at least; @most: what the value may be, where no
    ratio tells."""
    out = {"name": name, "value": round(value, 3), "unit": unit}
    if ratio is not None:
        out["ratio"] = round(ratio, 3)
    if goal is not None:
        out.update(goal=goal, met=ratio <= goal)
    elif least is not None:
        out.update(goal=least, met=ratio >= least)
    elif most is not None:
        out.update(goal=most, met=value <= most)
    if note:
        out["note"] = note
    return out


def percentile(values, p):
    """The smallest value that p percent of all do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * p / 100) - 1)]


def percentiles(name, values, unit="ms", base=None, note=None, most=None):
    """The rows p50 and p99 of @values; ratios to those of @base. @most: {p: what it may be}."""
    return [row(f"{name}, p{p}", percentile(values, p), unit,
                percentile(values, p) / percentile(base, p) if base else None, note=note, most=(most or {}).get(p))
            for p in (50, 99)]


def write_crowd(node, pods=1000, policies=100):
    """A cluster's worth of manifests: pods of other nodes in namespaces of fifty, and policies among them."""
    docs = {}
    for i in range(pods):
        ip = f"10.88.{i // 250}.{i % 250 + 1}"
        docs.setdefault(i // 50, []).append({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": f"crowd-{i // 50}", "name": f"pod-{i}",
                         "labels": {"app": f"app-{i % 5}", "hash": f"{i // 10:x}"}},
            "status": {"podIP": ip, "podIPs": [{"ip": ip}, {"ip": f"fd00:88::{i + 1:x}"}]}})
    for i in range(policies):
        peers = [{"podSelector": {"matchLabels": {"app": f"app-{(i + 1) % 5}"}}},
                 {"namespaceSelector": {"matchLabels": {"team": f"team-{i % 7}"}}, "podSelector": {}}]
        docs[i % len(docs)].append({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"namespace": f"crowd-{i % len(docs)}", "name": f"policy-{i}"},
            "spec": {"podSelector": {"matchLabels": {"app": f"app-{i % 5}"}}, "policyTypes": IN,
                     "ingress": [{"from": peers, "ports": [{"port": 8080}, {"port": 9090}]}]}})
    for n, items in docs.items():
        space = {"apiVersion": "v1", "kind": "Namespace",
                 "metadata": {"name": f"crowd-{n}", "labels": {"team": f"team-{n % 7}"}}}
        node.write(f"crowd-{n}.json", {"apiVersion": "v1", "kind": "List", "items": [space, *items]})
