# SPDX-License-Identifier: Apache-2.0
"""What the agent takes: its resident memory with no pods, with five, and with the manifests of a thousand
pods and a hundred policies; and what its maps take in the kernel, which they do from the start."""
import glob
import re
import time

from figures import IN, Node, row, write_crowd
from node import eventually


def status_of(pid, field):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(rf"^{field}:\s+(\d+) kB", f.read(), re.M).group(1)) / 1024


def rss(node, what):
    time.sleep(0.5)
    pid = node.agent.pid
    return row(f"agent RSS, {what}", status_of(pid, "VmRSS"), "MB",
               note=f"{status_of(pid, 'RssAnon'):.1f} MB of it anonymous")


def maps_mb(node):
    """The kernel's own account of every map that the agent holds."""
    sizes = {}
    for path in glob.glob(f"/proc/{node.agent.pid}/fdinfo/*"):
        with open(path) as f:
            text = f.read()
        found = re.search(r"^memlock:\s+(\d+)", text, re.M), re.search(r"^map_id:\s+(\d+)", text, re.M)
        if all(found):
            sizes[found[1].group(1)] = int(found[0].group(1))
    return sum(sizes.values()) / 2**20


def main():
    with Node() as node:
        node.agent_start()
        rows = [rss(node, "no pods")]
        node.write_namespace("shop")
        node.write_policy("shop", "db", policyTypes=IN, ingress=[{"from": [{"podSelector": {}}]}])
        for i in range(5):
            node.add_pod("shop", f"pod-{i}", {"app": "db"}, serve=False)
        rows.append(rss(node, "5 pods"))
        write_crowd(node)
        eventually(lambda: node.ask("status")["policies"] == 101 and node.ask("status")["in_force"], timeout=20)
        if node.ask("status")["pods"] != 1005:
            raise RuntimeError("the agent has not read its manifests")
        rows.append(rss(node, "1,000 pods and 100 policies"))
        rows.append(row("agent peak RSS", status_of(node.agent.pid, "VmHWM"), "MB"))
        rows.append(row("maps in the kernel", maps_mb(node), "MB"))
        return rows
