# SPDX-License-Identifier: Apache-2.0
"""What changes while traffic goes on: policies edited, labels moved, files broken and mended."""
import os
import time

from case import FEW_CONFIGS, PolicedCase
from node import Pod, eventually

IN = ["Ingress"]
ALLOW_WEB = {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}

DB_POLICY = """\
# Several documents in one file, and a list.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  namespace: shop
  name: db
spec:
  podSelector:
    matchLabels: {app: db}
  policyTypes: [Ingress]
  ingress:
  - from:
    - podSelector:
        matchLabels:
          app: web
---
apiVersion: v1
kind: List
items:
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {namespace: lab, name: all}
  spec:
    podSelector: {}
    policyTypes: [Ingress]
    ingress: [{}]
"""


class Live(PolicedCase):
    configs = FEW_CONFIGS
    cost = 3

    def tearDown(self):
        self.node.remove_policies()
        self.node.write_namespace("shop", {"team": "red"})
        self.node.write_namespace("lab", {"team": "blue"})
        for pod in self.node.pods:
            self.node.write_pod(pod.ns, pod.pod, pod.labels)
        self.assert_policed()

    def only_to_db(self, *allowed):
        """A matrix: nobody reaches shop/db but @allowed."""
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s in allowed)

    def log_says(self, *words):
        """The agent's log, all of it: a line with every one of @words."""

        def found():
            return any(all(w in line for w in words) for line in self.node.agent_log(10000).splitlines())

        self.assertTrue(eventually(found), f"no line of the agent's log has {words}")

    def test_edit(self):
        """The same file, three times: by rename, and in place."""
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN)
        self.only_to_db()
        self.node.write_policy("shop", "db", subject={"app": "db"}, ingress=[ALLOW_WEB])
        self.only_to_db(self.web)
        path = os.path.join(self.node.manifests, "policy-shop-db.json")
        with open(path) as f:
            text = f.read()
        with open(path, "w") as f:
            f.write(
                text.replace(
                    '"podSelector": {"matchLabels": {"app": "web"}}',
                    '"namespaceSelector": {"matchLabels": {"team": "blue"}}',
                )
            )
        self.only_to_db(self.labweb, self.job)

    def test_yaml(self):
        self.node.write("policy-some.yaml", DB_POLICY)
        self.only_to_db(self.web)

    def test_bad_file_keeps_the_last_good(self):
        self.node.write("policy-some.yaml", DB_POLICY)
        self.only_to_db(self.web)
        self.node.write(
            "policy-some.yaml", DB_POLICY.replace("matchLabels: {app: db}", "matchLabels: {app: db")
        )
        self.log_says("policy-some.yaml")
        self.only_to_db(self.web)
        self.node.write("policy-some.yaml", DB_POLICY.replace("app: web", "app: none"))
        self.only_to_db()

    def test_file_half_written(self):
        """An editor that writes in pieces: what is cut must never be in force."""
        self.node.write("policy-some.yaml", DB_POLICY)
        self.only_to_db(self.web)
        path = os.path.join(self.node.manifests, "policy-some.yaml")
        for cut in (
            DB_POLICY.index("policyTypes"),
            DB_POLICY.index("- podSelector") + 16,
            DB_POLICY.index("metadata: {") + 14,
        ):
            with open(path, "w") as f:
                f.write(DB_POLICY[:cut])
                f.flush()
                time.sleep(0.05)
                self.assertFalse(
                    self.job.reaches(self.db, family=self.node.families[0]), "a cut file opened the pod"
                )
                f.write(DB_POLICY[cut:])
        self.only_to_db(self.web)

    def test_field_not_understood(self):
        """The rule matches nothing, its policy isolates all the same, and the log names object and field."""
        self.node.write_policy(
            "shop",
            "odd",
            subject={"app": "db"},
            ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}, "colour": "red"}]}],
        )
        self.only_to_db()
        self.log_says("shop/odd", "colour")

    def test_labels_move(self):
        self.node.write_policy(
            "shop",
            "db",
            subject={"app": "db"},
            ingress=[
                {
                    "from": [
                        {
                            "namespaceSelector": {"matchLabels": {"team": "red"}},
                            "podSelector": {"matchLabels": {"app": "web"}},
                        }
                    ]
                }
            ],
        )
        self.only_to_db(self.web)
        self.node.write_pod("shop", "web", {"app": "other"})
        self.only_to_db()
        self.node.write_pod("shop", "web", {"app": "web"})
        self.node.write_namespace("lab", {"team": "red"})
        self.only_to_db(self.web, self.labweb)
        self.node.write_pod("shop", "db", {"app": "none"})
        self.assert_policed()

    def test_namespace_goes_away(self):
        """A pod whose namespace nobody knows is isolated, and is nobody's peer."""
        self.node.write_policy(
            "shop", "db", subject={"app": "db"}, ingress=[{"from": [{"namespaceSelector": {}}]}]
        )
        self.only_to_db(self.web, self.labweb, self.job)
        self.node.remove("namespace-lab.json")
        self.assert_policed(
            ingress=lambda s, d, *_: not (isinstance(d, Pod) and d.ns == "lab")
            and (d is not self.db or s is self.web),
            egress=lambda s, d, *_: s.ns != "lab",
        )

    def test_remote_pods(self):
        """Pods of other nodes are known by their status alone; one that has ended is a peer no more."""
        world = self.node.world
        ips = [world.ips[f] for f in self.node.families]
        self.node.write_policy(
            "shop",
            "db",
            subject={"app": "db"},
            ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "far"}}}]}],
        )
        self.only_to_db()
        self.node.write_pod("shop", "far", {"app": "far"}, ips=ips, nodeName="elsewhere")
        self.only_to_db(world)
        self.node.write(
            "pod-shop-far.json",
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"namespace": "shop", "name": "far", "labels": {"app": "far"}},
                "spec": {"nodeName": "elsewhere"},
                "status": {"phase": "Succeeded", "podIP": ips[0], "podIPs": [{"ip": i} for i in ips]},
            },
        )
        self.only_to_db()
        self.node.remove("pod-shop-far.json")

    def test_live_flow_is_cut(self):
        """A flow that is no longer allowed ends at its next packet, and goes on when it is allowed again."""
        for proto, port in (("tcp", 80), ("udp", 53)):
            meters = [self.web.start("flow", 10, proto, self.db.ips[f], port) for f in self.node.families]
            for m in meters:
                self.assertTrue(eventually(lambda m=m: m.report()["received"] > 5))
            self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN)
            self.only_to_db()
            before = [m.report()["received"] for m in meters]
            time.sleep(0.3)
            self.assertEqual(before, [m.report()["received"] for m in meters], "went on although denied")
            self.node.remove("policy-shop-db.json")
            for m, n in zip(meters, before):
                self.assertTrue(eventually(lambda m=m, n=n: m.report()["received"] > n, 10), "did not go on")
                m.stop()

    def test_first_policy_keeps_what_the_pod_had_opened(self):
        """Its own flows are older than the policy that isolates it: replies go on coming, nothing is lost."""
        losses = self.losses_of(self.web, self.db)
        meters = [
            self.web.start("flow", 5, proto, self.db.ips[f], port)
            for f in self.node.families
            for proto, port in (("tcp", 80), ("udp", 53))
        ]
        for m in meters:
            self.assertTrue(eventually(lambda m=m: m.report()["received"] > 10))
        self.node.write_policy("shop", "web", subject={"app": "web"}, policyTypes=IN)
        self.assert_policed(ingress=lambda s, d, *_: d is not self.web)
        time.sleep(0.3)
        losses.assert_none(self, meters)

    def test_files_that_are_not_for_us(self):
        """Other kinds and other names are left alone."""
        self.node.write("notes.txt", "kind: NetworkPolicy")
        self.node.write(
            "policy-config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n"
        )
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN)
        self.only_to_db()
        self.node.remove("notes.txt")
