# SPDX-License-Identifier: Apache-2.0
"""ClusterNetworkPolicy: of a CRD that may come while the agent runs, judged before and behind NetworkPolicy."""
from case_api import BACK_S, IN, ApiCase
from client import ApiError
from node import eventually
from objects import cluster_policy, definition

NAME = "clusternetworkpolicies"
DB = {"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "db"}}}}
LAB = [{"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "lab"}}}]


class Cluster(ApiCase):
    cost = 2

    @classmethod
    def start(cls):
        super().start()
        cls.before = cls.watch()
        spec = {"type": "object", "properties": {"tier": {"type": "string"}}}
        older = {"type": "object", "properties": {"spec": spec}}
        cls.node.api.apply(definition("ClusterNetworkPolicy", older))
        cls.told_in_time = eventually(lambda: "without spec." in (cls.watch()["trouble"] or ""), BACK_S)
        cls.node.api.apply(definition("ClusterNetworkPolicy"))
        cls.well_in_time = eventually(lambda: cls.watch()["trouble"] is None and cls.is_served(), BACK_S)
        cls.known_in_time = eventually(lambda: cls.watch()["state"] == "watching", BACK_S)

    @classmethod
    def watch(cls):
        return next(w for w in cls.node.ask("status")["watches"] if w["name"] == NAME)

    @classmethod
    def is_served(cls):
        """For a moment it is not, whenever its definition changes."""
        try:
            return bool(cls.node.api.admin.list("ClusterNetworkPolicy"))
        except ApiError:
            return False

    def tearDown(self):
        for policy in self.node.api.admin.list("ClusterNetworkPolicy")["items"]:
            self.node.api.delete("ClusterNetworkPolicy", None, policy["metadata"]["name"])
        super().tearDown()

    def write(self, name, **spec):
        self.node.api.apply(cluster_policy(name, **spec))

    def test_a_crd_that_comes_later(self):
        """Until then it is no trouble, and nothing that is waited for."""
        self.assertEqual((self.before["state"], self.before["trouble"], self.before["synced"]), ("absent", None, False))
        self.assertTrue(self.known_in_time, self.watch())

    def test_a_crd_that_is_older(self):
        """It is told, for as long as it is so."""
        self.assertTrue(self.told_in_time, self.watch())
        self.assertTrue(self.well_in_time, self.watch())

    def test_admin(self):
        """Stands before what a namespace allows, by the order of its rules."""
        deny = {"name": "no-lab", "action": "Deny", "from": LAB}
        self.write("apart", subject=DB, ingress=[deny])
        self.only_to_db(self.web, self.node.world)
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=[{}])
        self.only_to_db(self.web, self.node.world)
        accept = {"action": "Accept", "from": [{"pods": {"podSelector": {"matchLabels": {"app": "job"}}}}]}
        self.write("apart", subject=DB, ingress=[accept, deny])
        self.only_to_db(self.web, self.job, self.node.world)
        self.deny_db()
        self.only_to_db(self.job)
        self.write("apart", subject=DB, ingress=[{**accept, "action": "Pass"}, deny])
        self.only_to_db()
        self.node.remove_policy("shop", "db")
        self.only_to_db(self.web, self.job, self.node.world)

    def test_baseline(self):
        """Only where no NetworkPolicy isolates."""
        self.write("base", tier="Baseline", subject=DB, ingress=[{"action": "Deny", "from": [{"namespaces": {}}]}])
        self.only_to_db(self.node.world)
        self.deny_db("web")
        self.only_to_db(self.web)
        self.node.remove_policy("shop", "db")
        self.only_to_db(self.node.world)

    def test_priorities(self):
        rules = [{"action": "Deny", "from": LAB}]
        self.write("a", priority=20, subject=DB, ingress=rules)
        self.write("b", priority=10, subject=DB, ingress=[{"action": "Accept", "from": LAB}])
        self.assert_policed()
        self.write("b", priority=20, subject=DB, ingress=[{"action": "Accept", "from": LAB}])
        self.only_to_db(self.web, self.node.world)

    def test_namespaces_that_change(self):
        """Of subject and peer, by their labels."""
        red = {"namespaces": {"matchLabels": {"team": "red"}}}
        self.write("red", subject=red, ingress=[{"action": "Deny", "from": [{"namespaces": {"matchLabels": {"team": "blue"}}}]}])
        self.assert_matrix(
            self.policed(ingress=lambda s, d, *_: not (d.ns == "shop" and s in (self.labweb, self.job))), self.everybody
        )
        self.node.write_namespace("lab", {"team": "green"})
        self.assert_policed()

    def test_what_is_not_understood(self):
        """Denies what it was to deny, accepts nothing, and is told of."""
        bad = {"action": "Deny", "from": LAB, "until": "tomorrow"}
        self.write("odd", subject=DB, ingress=[bad])
        self.only_to_db()
        self.assertEqual(self.node.ask("status")["policies_with_problems"], 1)
        self.assertIn(
            "ClusterNetworkPolicy 'odd': spec.ingress[0].until is not a known field", self.node.agent_log()
        )
        self.write("odd", subject=DB, ingress=[{**bad, "action": "Accept"}])
        self.assert_policed()

    def test_first_packet(self):
        """What was there before the pod is in force when ADD returns."""
        for i in range(5):
            subject = {"pods": {"podSelector": {"matchLabels": {"app": f"new{i}"}}}}
            self.write(f"new{i}", subject=subject, egress=[{"action": "Deny", "to": [{"namespaces": {}}]}])
            pod = self.node.add_pod("shop", f"new{i}", {"app": f"new{i}"})
            answers = pod.try_all([("tcp", self.job.ips[f], 80) for f in self.node.families])
            self.assertEqual([a["error"] for a in answers], ["timeout"] * len(answers))
            self.assertTrue(pod.reaches(self.node.world, family=4))
            self.node.del_pod(pod)

    def test_explain(self):
        """Names the rule."""
        self.write("apart", subject=DB, ingress=[{"name": "no-lab", "action": "Deny", "from": LAB}])
        self.only_to_db(self.web, self.node.world)
        code, text = self.node.ctl_text("explain", "lab/job", "shop/db", "80")
        self.assertIn("rule 'apart ingress[0] (no-lab)' denies it", text)
        code, text = self.node.ctl_text("endpoints")
        self.assertIn("open but for apart", text)
