# SPDX-License-Identifier: Apache-2.0
"""The plugin's own ADD where the agent follows a real kube-apiserver: each pod is new to the API, and its ADD
follows at once, as on a node that is quick. Everything that the server says comes late by 0, 50 and 500 ms,
watches and answers alike (the proxy of tests/api). A policy selects the pod, and it is in force when ADD
returns."""
from add import by_itself
from figures import IN, OUT, percentiles
from node_api import ApiNode

RUNS = 100
DELAYS_MS = (0, 50, 500)


def one(node, i):
    name = f"pod-{i}"
    node.write_pod("shop", name, {"app": "db"})
    pod = node.new_pod("shop", name)
    result = node.add_main(pod)
    ms, _ = by_itself(node, pod, result, "tcx")
    node.del_main(pod)
    node.remove_pod("shop", name)
    return ms


def main():
    with ApiNode(attach="tcx", proxied=True) as node:
        node.write_namespace("shop")
        node.write_policy(
            "shop",
            "db",
            subject={"app": "db"},
            policyTypes=IN + OUT,
            ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 80}]}],
        )
        node.agent_start()
        rows = []
        for delay_ms in DELAYS_MS:
            node.proxy.delay_s = delay_ms / 1000
            rows += percentiles(
                f"answers {delay_ms} ms late", [one(node, f"{delay_ms}-{i}") for i in range(RUNS)]
            )
        return rows
