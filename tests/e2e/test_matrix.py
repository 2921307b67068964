# SPDX-License-Identifier: Apache-2.0
"""Nine pods in three namespaces on two nodes, a dozen policies one after the other; what passes is asked of
the oracle, with the objects as the API server has them."""
import json
import os
import subprocess
import tempfile

from installed import InstalledCase
from node import BUILD, PORTS, differences, eventually

REFEREE = os.path.join(BUILD, "tests/e2e/referee")
SPACES, NAMES = ("x", "y", "z"), ("a", "b", "c")


def pods(**labels):
    return {"podSelector": {"matchLabels": labels}}


def spaces(*names):
    return {"namespaceSelector": {"matchExpressions": [{"key": "ns", "operator": "In", "values": list(names)}]}}


def ports(*items):
    return [{"protocol": proto.upper(), "port": port} for proto, port in items]


# In the order of their coming; each stays until the end, so that they are also seen together.
POLICIES = [
    ("x", "deny-ingress", {"policyTypes": ["Ingress"]}),
    ("x", "b-to-a", {"subject": {"pod": "a"}, "ingress": [{"from": [pods(pod="b")]}]}),
    ("y", "from-x", {"ingress": [{"from": [spaces("x")], "ports": ports(("tcp", 80), ("udp", 53))}]}),
    ("z", "both", {"subject": {"pod": "c"}, "ingress": [{"from": [{**spaces("x", "y"), **pods(pod="c")}]}]}),
    ("y", "deny-egress", {"subject": {"pod": "a"}, "policyTypes": ["Egress"]}),
    ("y", "a-out", {"subject": {"pod": "a"}, "policyTypes": ["Egress"],
                    "egress": [{"to": [spaces("z")], "ports": ports(("tcp", 443))}]}),
    ("z", "range", {"subject": {"pod": "a"},
                    "ingress": [{"ports": [{"protocol": "TCP", "port": 443, "endPort": 8080}]}]}),
    ("z", "not-b", {"subject": {"pod": "b"}, "ingress": [{"from": [{"podSelector": {"matchExpressions": [
        {"key": "pod", "operator": "NotIn", "values": ["b"]}]}, "namespaceSelector": {}}]}]}),
    ("x", "everything", {"subject": {"pod": "c"}, "ingress": [{}]}),
    ("x", "blocks", {"subject": {"pod": "b"}, "policyTypes": ["Ingress", "Egress"], "egress": [
        {"to": [{"ipBlock": {"cidr": "10.244.0.0/16", "except": ["10.244.2.0/24"]}}]},
        {"to": [{"ipBlock": {"cidr": "fd00:244:0:2::/64"}}]}]}),
    ("z", "closed", {"subject": {"pod": "c"}, "policyTypes": ["Egress"]}),
    ("y", "open-again", {"ingress": [{"from": [{"namespaceSelector": {}}]}]}),
]


class Matrix(InstalledCase):
    configs = ["dual/bridge/containerd-2/nftables"]
    cost = 3

    @classmethod
    def start_pods(cls):
        for i, space in enumerate(SPACES):
            cls.node.namespace(space, {"ns": space})
            for j, name in enumerate(NAMES):
                cls.node.deploy(space, name, {"app": name, "pod": name}, node=f"node{1 + (i + j) % 2}")
        cls.node.await_pods()

    def referee(self, among):
        """want(from, to, proto, port) for this very moment, from the API server's own objects."""
        lines, keys = [], []
        for s in among:
            for d in among:
                for proto, port in PORTS:
                    for f in self.node.families:
                        if s is not d:
                            keys.append((s, d, proto, port, f))
                            lines.append(f"{s.ips[f]} {d.ips[f]} {proto} {port}\n")
        with tempfile.TemporaryDirectory() as d:
            for kind in ("namespaces", "pods", "networkpolicies"):
                items = self.node.get(kind, "-A")["items"]
                with open(f"{d}/{kind}.json", "w") as out:
                    json.dump({"apiVersion": "v1", "kind": "List", "items": items}, out)
            argv = [REFEREE, d]
            done = subprocess.run(argv, input="".join(lines), capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        said = dict(zip(keys, (line == "yes" for line in done.stdout.split())))
        self.assertEqual(len(said), len(keys))
        self.asked = getattr(self, "asked", 0) + len(said)
        return said

    def assert_as_said(self, what):
        said = self.referee(self.node.pods)

        def same():
            wrong = []
            for f in self.node.families:
                want = lambda s, d, proto, port: said[(s, d, proto, port, f)]  # noqa: B023, E731
                wrong += differences(self.node.matrix(families=[f], want=want), want)
            self.assertFalse(wrong, f"{what}: {len(wrong)} wrong:\n" + "\n".join(wrong[:20]))
            return True

        eventually(same, 10)
        return sum(said.values())

    def test_matrix(self):
        seen = [self.assert_as_said("no policy")]
        for ns, name, spec in POLICIES:
            self.node.write_policy(ns, name, **json.loads(json.dumps(spec)))
            seen.append(self.assert_as_said(f"with {ns}/{name}"))
        for ns, name, _ in POLICIES[:6]:
            self.node.kubectl("delete", "networkpolicy", "-n", ns, name)
            seen.append(self.assert_as_said(f"without {ns}/{name}"))
        self.assertGreater(len(set(seen)), 10, f"the policies change nothing: {seen}")
        self.node.remove_policies()
        self.assertEqual(self.assert_as_said("no policy any more"), seen[0])
