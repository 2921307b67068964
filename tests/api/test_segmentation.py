# SPDX-License-Identifier: Apache-2.0
"""Our own kinds, from an API server: of definitions that may come while the agent runs, and of what an API server alone
knows: where it is itself, and what nodes have for their pods."""
from case import NodeCase
from case_api import BACK_S, IN, ApiCase
from client import ApiError
from control import RULES
from node import eventually
from node_api import ApiNode
from objects import head, shipped

NAMES = ["segmentationpolicies", "clustersegmentationpolicies"]
PODS = [{"namespaces": {}}]
GROUP = "policy.bulkhead.dev/v1alpha1"


class Segmentation(ApiCase):
    cost = 2

    @classmethod
    def start(cls):
        super().start()
        cls.before = cls.watches()
        for name, text in shipped():
            cls.node.api.admin.apply_text("CustomResourceDefinition", None, name, text)
        cls.known_in_time = eventually(lambda: {w["state"] for w in cls.watches()} == {"watching"}, BACK_S)

    @classmethod
    def watches(cls):
        return [w for w in cls.node.ask("status")["watches"] if w["name"] in NAMES]

    def tearDown(self):
        for kind in ("SegmentationPolicy", "ClusterSegmentationPolicy"):
            for p in self.node.api.admin.list(kind)["items"]:
                self.node.api.delete(kind, p["metadata"].get("namespace"), p["metadata"]["name"])
        super().tearDown()

    def segment(self, name, subject=None, ns="shop", **spec):
        spec["podSelector"] = {"matchLabels": subject} if subject else {}
        metadata = {"namespace": ns, "name": name}
        self.node.api.apply({"apiVersion": GROUP, "kind": "SegmentationPolicy", "metadata": metadata, "spec": spec})

    def cluster(self, name, **spec):
        spec = {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}}, **spec}
        kind = "ClusterSegmentationPolicy"
        self.node.api.apply({"apiVersion": GROUP, "kind": kind, "metadata": {"name": name}, "spec": spec})

    def test_definitions_that_come_later(self):
        """Until then it is no trouble, and nothing that is waited for."""
        self.assertEqual([w["state"] for w in self.before], ["absent"] * 2)
        self.assertTrue(self.known_in_time, self.watches())

    def test_tiers(self):
        """The administrator, the namespace's own order, its NetworkPolicies."""
        db = {"app": "db"}
        self.node.write_policy("shop", "db", subject=db, policyTypes=IN, ingress=[{}])
        own = {"pods": {"podSelector": {"matchLabels": {"app": "web"}}}}
        self.segment("db", db, ingress=[{"action": "Accept", "from": [own]}, {"action": "Deny", "from": PODS}])
        self.only_to_db(self.web, self.node.world)
        self.segment("first", db, priority=10, policyTypes=[], ingress=[{"action": "Deny", "from": [own]}])
        self.only_to_db(self.node.world)
        self.cluster("all", ingress=[{"action": "Accept", "from": PODS}])
        self.assert_policed()

    def test_audit(self):
        """What the API server fills in is understood, and the policy lists say the rest."""
        self.segment("db", {"app": "db"}, mode="Audit", policyTypes=IN)
        rows = lambda: [p for p in self.node.ctl("policy", "list") if p["kind"] == "SegmentationPolicy"]  # noqa: E731
        self.assertTrue(eventually(rows, 5))
        self.assertEqual((rows()[0]["mode"], rows()[0]["priority"], rows()[0]["problems"]), ("Audit", 100, []))
        self.assert_policed()
        self.assertTrue(eventually(lambda: [f for f in self.node.ctl("flows") if f.get("verdict") == "audited"], 5))
        self.segment("db", {"app": "db"}, policyTypes=IN)
        self.only_to_db()

    def test_api_server(self):
        """Where it is, its slices say: here those that a control plane would write."""
        addresses = {"192.0.2.10", "192.0.2.11"}
        name = {"kubernetes.io/service-name": "kubernetes"}
        self.node.api.apply(
            {
                **head("EndpointSlice", "default", "kubernetes", labels=name),
                "addressType": "IPv4",
                "endpoints": [{"addresses": [a]} for a in sorted(addresses)],
                "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}],
            }
        )
        self.addCleanup(self.node.api.delete, "EndpointSlice", "default", "kubernetes")
        self.segment("out", {"app": "db"}, egress=[{"action": "Accept", "to": [{"entities": ["KubeAPIServer"]}]}])
        to = lambda: {e["remote"] for e in self.node.ctl("policy", "entries") if e["direction"] == "egress" and e["action"] == "allow" and e["pod"] == "shop/db"}  # noqa: E731,E501
        self.assertTrue(eventually(lambda: addresses <= to(), 5), (addresses, to()))

    def test_nodes_that_may_not_be_read(self):
        """Then nobody knows what is of the world, and nothing comes into force that asks for it."""
        rest = [{**r, "resources": [x for x in r["resources"] if x != "nodes"]} for r in RULES]
        self.node.api.grant(rest)
        self.addCleanup(self.node.api.grant, RULES)
        self.node.agent_kill()
        self.node.agent_start()
        self.segment("odd", {"app": "web"}, ingress=[{"action": "Accept", "from": [{"entities": ["World"]}]}])
        said = "policy segpol shop/odd needs what is not known: nodes"
        self.assertTrue(eventually(lambda: said in self.node.agent_log(), 10))
        self.assert_policed()
        self.node.api.grant(RULES)
        want = self.policed(ingress=lambda s, d, *_: d is not self.web or s is self.node.world)
        self.assert_matrix(want, self.everybody, timeout=BACK_S)

    def test_first_packet(self):
        """What was there before the pod is in force when ADD returns."""
        for i in range(3):
            self.segment(f"new{i}", {"app": f"new{i}"}, egress=[{"action": "Deny", "to": PODS}])
            pod = self.node.add_pod("shop", f"new{i}", {"app": f"new{i}"})
            answers = pod.try_all([("tcp", self.job.ips[f], 80) for f in self.node.families])
            self.assertEqual([a["error"] for a in answers], ["timeout"] * len(answers))
            self.assertTrue(pod.reaches(self.node.world, family=4))
            self.node.del_pod(pod)


class DefinitionCase(NodeCase):
    node_class = ApiNode
    chained = False

    def write(self, change=lambda text: text):
        for name, text in shipped():
            self.node.api.admin.apply_text("CustomResourceDefinition", None, name, change(text))


class Older(DefinitionCase):
    """A server whose definition does not know a field that the agent reads would drop it from what is written."""

    def test_not_ready(self):
        self.write(lambda text: text.replace("              expires:\n", "              until:\n", 1))
        self.assertTrue(eventually(self.listed, 30))
        self.node.agent_start(wait=False)
        said = "its definition on the server is older than this agent, without spec.expires"
        self.assertTrue(eventually(lambda: said in self.node.agent_log(), 30))
        code, lines = self.node.probe("readyz")
        self.assertNotEqual(code, 0)
        self.assertIn(said, "".join(lines))
        self.write()
        self.assertTrue(eventually(lambda: self.node.probe("readyz")[0] == 0, 90), self.node.probe("readyz"))

    def listed(self):
        try:
            return self.node.api.admin.list("SegmentationPolicy")
        except ApiError:
            return None


class Newer(DefinitionCase):
    def test_another_version(self):
        """What is served by a version that the agent does not read is not absent."""
        self.write(lambda text: text.replace("name: v1alpha1", "name: v1beta1"))
        self.node.agent_start(wait=False)
        said = "the API server has it in v1beta1, and this agent reads v1alpha1"
        self.assertTrue(eventually(lambda: said in "".join(self.node.probe("readyz")[1]), 30), self.node.agent_log())
        self.assertNotEqual(self.node.probe("readyz")[0], 0)
        self.assertIn("error API server: segmentationpolicies: " + said, self.node.agent_log())
