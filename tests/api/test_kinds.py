# SPDX-License-Identifier: Apache-2.0
"""The definitions of our own kinds, as they are shipped: what an API server takes of them, what it refuses and by which
field, and what people see. No agent is asked."""
import json
import os
import subprocess
import unittest

from client import ApiError
from control import KUBERNETES
from node import eventually
from node_api import ApiNode
from objects import KINDS, collection, head, namespace, shipped

SAID = ["ACCEPTED", "PROGRAMMED"]  # of its status
OWN = "SegmentationPolicy"
CLUSTER = "ClusterSegmentationPolicy"
ANY = [{"namespaces": {}}]
WEB = [{"destinationNamedPort": "web"}]
EXACTLY_PEER = "exactly one of namespaces, pods, networks and entities must be there"
EXACTLY_DESTINATION = "exactly one of namespaces, pods, networks, entities and services must be there"
EXACTLY_PROTOCOL = "exactly one of tcp, udp, sctp, destinationNamedPort, icmp, icmpv6 and number must be there"
EXACTLY_PORT = "exactly one of number and range must be there"
VALUES = "values must not be empty with operator In and NotIn"
NAMED = "destinationNamedPort in protocols needs"
MANY = "must have at most"
FEW = "should have at least 1 items"
LONG = "may not be more than"
MATCH = "should match"
LEAST = "greater than or equal to"
MOST = "less than or equal to"
LABEL = "a" * 63


def rules(n=1, way="from", **rule):
    return [{"action": "Deny", way: ANY, **rule}] * n


def peer(**fields):
    """spec.ingress of one rule with one such peer."""
    return {"ingress": rules(**{"from": [fields]})}


def to(**fields):
    return {"egress": rules(way="to", to=[fields])}


def protocol(**fields):
    return {"ingress": rules(protocols=[fields])}


def port(**fields):
    return protocol(tcp={"destinationPort": fields})


def expression(**fields):
    return {"podSelector": {"matchExpressions": [{"key": "app", **fields}]}}


def labels(n):
    return {f"k{i}": "v" for i in range(n)}


def names(n):
    return [f"v{i}" for i in range(n)]


PEER, TO, PROTOCOL = "spec.ingress[0].from[0]", "spec.egress[0].to[0]", "spec.ingress[0].protocols[0]"
LABELS, EXPRESSIONS = "spec.podSelector.matchLabels", "spec.podSelector.matchExpressions"

# Specs of a SegmentationPolicy, beside `podSelector: {}`.
ACCEPTED = [
    {},
    {"priority": 0},
    {"priority": 1000},
    {"mode": "Enforce"},
    {"mode": "Audit"},
    {"expires": "2027-01-31T18:00:00Z"},
    {"expires": "2027-01-31T18:00:00.123456+05:30"},
    {"policyTypes": []},
    {"policyTypes": ["Egress", "Ingress"]},
    {"ingress": [], "egress": []},
    {"ingress": rules(100)},
    {"egress": rules(100, way="to")},
    {"ingress": rules(name="ü" * 100, log=True)},
    {"ingress": rules(action="Accept")},
    {"ingress": rules(action="Pass")},
    {"ingress": rules(**{"from": ANY * 100})},
    {"ingress": rules(protocols=[{"tcp": {}}] * 100)},
    peer(namespaces={"matchLabels": labels(32)}),
    peer(pods={"podSelector": {}}),
    peer(pods={"podSelector": {}, "namespaceSelector": {}}),
    peer(networks=["10.1.2.3/8", "0.0.0.0/0", "::/0", "2001:db8::/32", ":".join(["abcd"] * 8) + "/128"]),
    peer(networks=["10.0.0.0/8"] * 100),
    peer(entities=["Host", "Cluster", "World", "KubeAPIServer"]),
    to(entities=["World"]),
    to(services=[{"name": "db"}]),
    to(services=[{"name": f"s{i}", "namespace": LABEL} for i in range(25)]),
    protocol(tcp={}),
    protocol(udp={"destinationPort": {"number": 1}}),
    protocol(sctp={"destinationPort": {"number": 65535}}),
    port(range={"start": 1, "end": 65535}),
    protocol(destinationNamedPort="9-long-p8rt-n15"),
    {"ingress": rules(**{"from": ANY + [{"pods": {"podSelector": {}}}]}, protocols=WEB)},
    protocol(icmp={}),
    protocol(icmp={"type": 0}),
    protocol(icmpv6={"type": 255, "code": 255}),
    protocol(number=2),
    protocol(number=255),
    expression(operator="In", values=names(256)),
    expression(operator="NotIn", values=["", LABEL]),
    expression(operator="Exists"),
    expression(operator="DoesNotExist", values=[]),
    {"podSelector": {"matchExpressions": [{"key": f"{'p' * 253}/{LABEL}", "operator": "Exists"}] * 32}},
    {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "", "x": LABEL}}},
]
# As many of everything as there may be: the server also limits what its rules may cost while they are asked.
MOST_OF_ALL = {"ingress": rules(100, **{"from": ANY * 100, "protocols": WEB * 100})}

# The same, with the field that is named and a part of what is said of it.
REFUSED = [
    ({"podSelector": None}, "spec.podSelector", "Required"),
    ({"priority": -1}, "spec.priority", LEAST),
    ({"priority": 1001}, "spec.priority", MOST),
    ({"priority": 1.5}, "spec.priority", "integer"),
    ({"mode": "Off"}, "spec.mode", '"Enforce", "Audit"'),
    ({"expires": "tomorrow"}, "spec.expires", "date-time"),
    ({"expires": "2027-01-31"}, "spec.expires", "date-time"),
    ({"expires": "2027-02-30T18:00:00Z"}, "spec.expires", "date-time"),
    ({"expires": "2027-01-31T18:00:60Z"}, "spec.expires", "date-time"),
    ({"expires": "2027-01-31T18:00:00"}, "spec.expires", MATCH),
    ({"expires": "2027-01-31t18:00:00z"}, "spec.expires", MATCH),
    ({"expires": "2027-01-31T18:00:00+24:00"}, "spec.expires", MATCH),
    ({"expires": "2027-01-31T18:00:00ZT18:00:00Z"}, "spec.expires", MATCH),
    ({"policyTypes": ["Ingress", "Ingress"]}, "spec.policyTypes[1]", "Duplicate"),
    ({"policyTypes": ["Both"]}, "spec.policyTypes[0]", '"Ingress", "Egress"'),
    ({"policyTypes": ["Ingress", "Egress", "Ingress"]}, "spec.policyTypes", MANY),
    ({"ingress": rules(101)}, "spec.ingress", MANY),
    ({"egress": rules(101, way="to")}, "spec.egress", MANY),
    ({"ingress": [{"action": "Deny"}]}, "spec.ingress[0].from", "Required"),
    ({"egress": [{"action": "Deny"}]}, "spec.egress[0].to", "Required"),
    ({"ingress": [{"from": ANY}]}, "spec.ingress[0].action", "Required"),
    ({"ingress": rules(action="Allow")}, "spec.ingress[0].action", '"Accept", "Deny", "Pass"'),
    ({"ingress": rules(name="")}, "spec.ingress[0].name", "at least 1 chars"),
    ({"ingress": rules(name="x" * 101)}, "spec.ingress[0].name", LONG),
    ({"ingress": rules(log="yes")}, "spec.ingress[0].log", "boolean"),
    ({"ingress": rules(**{"from": []})}, "spec.ingress[0].from", FEW),
    ({"egress": rules(way="to", to=[])}, "spec.egress[0].to", FEW),
    ({"ingress": rules(**{"from": ANY * 101})}, "spec.ingress[0].from", MANY),
    ({"ingress": rules(protocols=[])}, "spec.ingress[0].protocols", FEW),
    ({"ingress": rules(protocols=[{"tcp": {}}] * 101)}, "spec.ingress[0].protocols", MANY),
    # peers
    (peer(), PEER, EXACTLY_PEER),
    (peer(namespaces={}, entities=["Host"]), PEER, EXACTLY_PEER),
    (peer(services=[{"name": "db"}]), PEER, EXACTLY_PEER),
    (peer(somebody={}), PEER, EXACTLY_PEER),
    (to(), TO, EXACTLY_DESTINATION),
    (to(services=[{"name": "db"}], networks=["::/0"]), TO, EXACTLY_DESTINATION),
    (peer(pods={}), PEER + ".pods.podSelector", "Required"),
    (peer(pods={"namespaceSelector": {}}), PEER + ".pods.podSelector", "Required"),
    (peer(networks=[]), PEER + ".networks", FEW),
    (peer(networks=["10.0.0.0/8"] * 101), PEER + ".networks", MANY),
    (peer(networks=["10.0.0.0"]), PEER + ".networks[0]", "cidr"),
    (peer(networks=["10.0.0.0/33"]), PEER + ".networks[0]", "cidr"),
    (peer(networks=["10.0.0/8"]), PEER + ".networks[0]", "cidr"),
    (peer(networks=["2001:db8::/129"]), PEER + ".networks[0]", "cidr"),
    (peer(networks=["10.0.0.0/08"]), PEER + ".networks[0]", MATCH),
    (peer(networks=["010.0.0.0/8"]), PEER + ".networks[0]", MATCH),
    (peer(networks=["::ffff:10.0.0.0/104"]), PEER + ".networks[0]", MATCH),
    (peer(networks=[":".join(["abcd"] * 8) + "/0128"]), PEER + ".networks[0]", LONG),
    (peer(entities=[]), PEER + ".entities", FEW),
    (peer(entities=["Nobody"]), PEER + ".entities[0]", '"Host", "Cluster", "World", "KubeAPIServer"'),
    (peer(entities=["Host", "Host"]), PEER + ".entities[1]", "Duplicate"),
    (peer(entities=["Host", "World", "Cluster", "KubeAPIServer", "Host"]), PEER + ".entities", MANY),
    (to(services=[]), TO + ".services", FEW),
    (to(services=[{"name": "db"}] * 26), TO + ".services", MANY),
    (to(services=[{"namespace": "shop"}]), TO + ".services[0].name", "Required"),
    (to(services=[{"name": ""}]), TO + ".services[0].name", MATCH),
    (to(services=[{"name": "1db"}]), TO + ".services[0].name", MATCH),
    (to(services=[{"name": "a" * 64}]), TO + ".services[0].name", LONG),
    (to(services=[{"name": "db", "namespace": ""}]), TO + ".services[0].namespace", MATCH),
    (to(services=[{"name": "db", "namespace": "Shop"}]), TO + ".services[0].namespace", MATCH),
    (to(services=[{"name": "db", "namespace": "a" * 64}]), TO + ".services[0].namespace", LONG),
    # protocols
    (protocol(), PROTOCOL, EXACTLY_PROTOCOL),
    (protocol(tcp={}, udp={}), PROTOCOL, EXACTLY_PROTOCOL),
    (protocol(icmp={}, number=47), PROTOCOL, EXACTLY_PROTOCOL),
    (protocol(icmpv6={}, destinationNamedPort="web"), PROTOCOL, EXACTLY_PROTOCOL),
    (protocol(sctp={}, icmpv6={}), PROTOCOL, EXACTLY_PROTOCOL),
    (protocol(gre={}), PROTOCOL, EXACTLY_PROTOCOL),
    (port(), PROTOCOL + ".tcp.destinationPort", EXACTLY_PORT),
    (port(number=1, range={"start": 1, "end": 2}), PROTOCOL + ".tcp.destinationPort", EXACTLY_PORT),
    (port(number=0), PROTOCOL + ".tcp.destinationPort.number", LEAST),
    (port(number=65536), PROTOCOL + ".tcp.destinationPort.number", MOST),
    (port(range={"start": 1}), PROTOCOL + ".tcp.destinationPort.range.end", "Required"),
    (port(range={"end": 1}), PROTOCOL + ".tcp.destinationPort.range.start", "Required"),
    (port(range={"start": 0, "end": 1}), PROTOCOL + ".tcp.destinationPort.range.start", LEAST),
    (port(range={"start": 1, "end": 0}), PROTOCOL + ".tcp.destinationPort.range.end", LEAST),
    (port(range={"start": 65536, "end": 65537}), PROTOCOL + ".tcp.destinationPort.range.start", MOST),
    (port(range={"start": 1, "end": 65536}), PROTOCOL + ".tcp.destinationPort.range.end", MOST),
    (port(range={"start": 80, "end": 80}), PROTOCOL + ".tcp.destinationPort.range", "start must be below end"),
    (protocol(udp={"destinationPort": {"number": "web"}}), PROTOCOL + ".udp.destinationPort.number", "integer"),
    (protocol(sctp={"destinationPort": {}}), PROTOCOL + ".sctp.destinationPort", EXACTLY_PORT),
    (protocol(destinationNamedPort="a" * 16), PROTOCOL + ".destinationNamedPort", LONG),
    *(
        (protocol(destinationNamedPort=n), PROTOCOL + ".destinationNamedPort", MATCH)
        for n in ("", "80-1", "a--b", "Web", "-a", "a-")
    ),
    (
        {"ingress": rules(**{"from": ANY + [{"networks": ["::/0"]}]}, protocols=[{"tcp": {}}] + WEB)},
        "spec.ingress[0]",
        NAMED + " from",
    ),
    ({"ingress": rules(**{"from": [{"entities": ["Host"]}]}, protocols=WEB)}, "spec.ingress[0]", NAMED + " from"),
    ({"egress": rules(way="to", to=[{"services": [{"name": "db"}]}], protocols=WEB)}, "spec.egress[0]", NAMED + " to"),
    (protocol(icmp={"type": -1}), PROTOCOL + ".icmp.type", LEAST),
    (protocol(icmp={"type": 256}), PROTOCOL + ".icmp.type", MOST),
    (protocol(icmp={"code": 1}), PROTOCOL + ".icmp", "code needs a type beside it"),
    (protocol(icmpv6={"code": 0}), PROTOCOL + ".icmpv6", "code needs a type beside it"),
    (protocol(icmpv6={"type": 1, "code": -1}), PROTOCOL + ".icmpv6.code", LEAST),
    (protocol(icmpv6={"type": 1, "code": 256}), PROTOCOL + ".icmpv6.code", MOST),
    (protocol(number=0), PROTOCOL + ".number", LEAST),
    (protocol(number=256), PROTOCOL + ".number", MOST),
    *((protocol(number=n), PROTOCOL + ".number", "must be said as icmp") for n in (1, 6, 17, 58, 132)),
    # selectors
    ({"podSelector": {"matchLabels": labels(33)}}, LABELS, "must have at most 32"),
    ({"podSelector": {"matchLabels": {"app": "a b"}}}, LABELS + ".app", MATCH),
    ({"podSelector": {"matchLabels": {"app": "a" * 64}}}, LABELS + ".app", LONG),
    ({"podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}] * 33}}, EXPRESSIONS, MANY),
    (expression(values=["a"]), EXPRESSIONS + "[0].operator", "Required"),
    ({"podSelector": {"matchExpressions": [{"operator": "Exists"}]}}, EXPRESSIONS + "[0].key", "Required"),
    (expression(key="", operator="Exists"), EXPRESSIONS + "[0].key", MATCH),
    (expression(key="a/b/c", operator="Exists"), EXPRESSIONS + "[0].key", MATCH),
    (expression(key="a" * 64, operator="Exists"), EXPRESSIONS + "[0].key", MATCH),
    (expression(key="a" * 254 + "/" + LABEL, operator="Exists"), EXPRESSIONS + "[0].key", LONG),
    (expression(operator="Like", values=["a"]), EXPRESSIONS + "[0].operator", '"In", "NotIn"'),
    (expression(operator="In"), EXPRESSIONS + "[0]", VALUES),
    (expression(operator="NotIn", values=[]), EXPRESSIONS + "[0]", VALUES),
    (expression(operator="Exists", values=["a"]), EXPRESSIONS + "[0]", VALUES),
    (expression(operator="DoesNotExist", values=["a"]), EXPRESSIONS + "[0]", VALUES),
    (expression(operator="In", values=names(257)), EXPRESSIONS + "[0].values", MANY),
    (expression(operator="In", values=["a b"]), EXPRESSIONS + "[0].values[0]", MATCH),
    (expression(operator="In", values=["a" * 64]), EXPRESSIONS + "[0].values[0]", LONG),
]

# What differs in a ClusterSegmentationPolicy, beside tier, priority and subject.
CLUSTER_ACCEPTED = [
    {},
    {"tier": "Baseline", "priority": 0},
    {"subject": {"pods": {"podSelector": {}}}},
    {"subject": {"pods": {"podSelector": {}, "namespaceSelector": {}}}},
    {"mode": "Audit", "expires": "2027-01-31T18:00:00Z", "ingress": rules(100), "egress": rules(100, way="to")},
    to(services=[{"name": "db", "namespace": "shop"}]),
]
CLUSTER_REFUSED = [
    ({"tier": None}, "spec.tier", "Required"),
    ({"tier": "Middle"}, "spec.tier", '"Admin", "Baseline"'),
    ({"priority": None}, "spec.priority", "Required"),
    ({"priority": 1001}, "spec.priority", MOST),
    ({"subject": None}, "spec.subject", "Required"),
    ({"subject": {}}, "spec.subject", "exactly one of namespaces and pods must be there"),
    ({"subject": {"namespaces": {}, "pods": {"podSelector": {}}}}, "spec.subject", "exactly one of namespaces and pods"),
    ({"subject": {"pods": {}}}, "spec.subject.pods.podSelector", "Required"),
    (to(services=[{"name": "db"}]), TO + ".services[0].namespace", "Required"),
    (peer(), PEER, EXACTLY_PEER),
    ({"ingress": rules(101)}, "spec.ingress", MANY),
]
# Of the one kind, and unknown to the other.
UNKNOWN = [
    (OWN, {"tier": "Admin"}, "spec.tier"),
    (OWN, {"subject": {"namespaces": {}}}, "spec.subject"),
    (OWN, {"ingres": []}, "spec.ingres"),
    (OWN, peer(services=[{"name": "db"}]), PEER + ".services"),
    (CLUSTER, {"policyTypes": ["Ingress"]}, "spec.policyTypes"),
    (CLUSTER, {"podSelector": {}}, "spec.podSelector"),
]


def segmentation(kind, name="p", **spec):
    """A policy with what it must have, unless @spec has it; what is None there is left out."""
    least = {"podSelector": {}} if kind == OWN else {"tier": "Admin", "priority": 10, "subject": {"namespaces": {}}}
    spec = {k: v for k, v in {**least, **spec}.items() if v is not None}
    return {**head(kind, "shop", name), "spec": spec}


class Kinds(unittest.TestCase):
    cost = 2

    @classmethod
    def title(cls, _):
        return "kinds"

    @classmethod
    def setUpClass(cls):
        cls.node = ApiNode(chained=False, log=cls.title(None))
        cls.addClassCleanup(cls.node.close)
        cls.admin = cls.node.api.admin
        cls.admin.apply(namespace("shop"))
        for name, text in shipped():
            cls.admin.apply_text("CustomResourceDefinition", None, name, text)
        assert eventually(cls.served, 30)

    @classmethod
    def served(cls):
        """Both kinds, and what is said of them, which comes last."""
        try:
            told = cls.admin.request("GET", f"/openapi/v3/apis/{KINDS[OWN][0]}")["components"]["schemas"]
            return all(
                any(name.endswith("." + kind) for name in told) and cls.admin.list(kind) for kind in (OWN, CLUSTER)
            )
        except ApiError:
            return False

    def create(self, kind, spec, query="dryRun=All"):
        where = collection(kind, "shop" if KINDS[kind][2] else None)
        return self.admin.request("POST", f"{where}?{query}", segmentation(kind, **spec))

    def causes(self, kind, spec):
        """[(field, what is said of it)] of a policy that is refused."""
        with self.assertRaises(ApiError, msg=str(spec)[:200]) as caught:
            self.create(kind, spec)
        self.assertEqual(caught.exception.status, 422, caught.exception)
        return [(c.get("field"), c["message"]) for c in json.loads(caught.exception.text)["details"]["causes"]]

    def all_accepted(self, kind, specs):
        for spec in specs:
            with self.subTest(str(spec)[:200]):
                self.create(kind, spec, "dryRun=All&fieldValidation=Strict")

    def all_refused(self, kind, cases):
        for spec, field, said in cases:
            with self.subTest(str(spec)[:200]):
                found = self.causes(kind, spec)
                self.assertTrue(any(f == field and said in m for f, m in found), (field, said, found))

    def test_taken(self):
        """As they are: no field that an API server does not know, no schema that it cannot keep to."""
        for name, _ in shipped():
            crd = self.admin.get("CustomResourceDefinition", None, name)
            conditions = {c["type"]: c["status"] for c in crd["status"]["conditions"]}
            self.assertEqual(conditions, {"NamesAccepted": "True", "Established": "True"})
            policies = ["bulkhead"] if "segmentationpolicies" in name else None  # `kubectl get bulkhead`: no statuses
            self.assertEqual(crd["spec"]["names"].get("categories"), policies)

    def test_accepted(self):
        self.all_accepted(OWN, [*ACCEPTED, MOST_OF_ALL])
        self.all_accepted(CLUSTER, CLUSTER_ACCEPTED)

    def test_refused(self):
        self.all_refused(OWN, REFUSED)
        self.all_refused(CLUSTER, CLUSTER_REFUSED)

    def test_unknown(self):
        """As kubectl asks."""
        for kind, spec, field in UNKNOWN:
            with self.assertRaises(ApiError) as caught:
                self.create(kind, spec, "dryRun=All&fieldValidation=Strict")
            self.assertIn(f'unknown field \\"{field}\\"', caught.exception.text)

    def test_defaults(self):
        spec = self.create(OWN, {"ingress": rules()})["spec"]
        self.assertEqual((spec["priority"], spec["mode"]), (100, "Enforce"))
        self.assertEqual(spec["ingress"], rules())
        self.assertEqual(self.create(CLUSTER, {})["spec"]["mode"], "Enforce")

    def test_status(self):
        """A subresource: it is not written with the policy, nor the policy with it."""
        self.admin.apply({**segmentation(OWN, "s"), "status": {"conditions": []}})
        self.addCleanup(self.admin.delete, OWN, "shop", "s")
        self.assertNotIn("status", self.admin.get(OWN, "shop", "s"))
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Compiled",
            "message": "",
            "lastTransitionTime": "2027-01-31T18:00:00Z",
        }
        change = {"status": {"conditions": [ready]}, "spec": {"mode": "Audit"}}
        written = self.admin.patch(OWN, "shop", "s", change, "/status")
        self.assertEqual((written["status"]["conditions"], written["spec"]["mode"]), ([ready], "Enforce"))

    def kubectl(self, *args):
        kubeconfig = os.path.join(self.node.account, "admin")
        with open(kubeconfig, "w") as f:
            f.write(self.node.embedded(*self.node.api.ca.client("admin", "system:masters")))
        argv = [os.path.join(KUBERNETES, "kubectl"), f"--kubeconfig={kubeconfig}", f"--cache-dir={kubeconfig}.cache"]
        return subprocess.run([*argv, *args], stdout=subprocess.PIPE, check=True, text=True).stdout

    def test_get(self):
        """By short name, and all of ours by their category."""
        policies = (
            segmentation(OWN, "one", mode="Audit", expires="2027-01-31T18:00:00Z"),
            segmentation(CLUSTER, "two"),
        )
        for policy in policies:
            self.admin.apply(policy)
            self.addCleanup(self.admin.delete, policy["kind"], "shop", policy["metadata"]["name"])
        head_own, own = self.kubectl("get", "segpol", "-n", "shop").splitlines()
        self.assertEqual(head_own.split(), ["NAME", "PRIORITY", "MODE", "EXPIRES", *SAID, "AGE"])
        self.assertEqual(own.split()[:4], ["one", "100", "Audit", "2027-01-31T18:00:00Z"])
        head_cluster, cluster = self.kubectl("get", "csegpol").splitlines()
        self.assertEqual(head_cluster.split(), ["NAME", "TIER", "PRIORITY", "MODE", "EXPIRES", *SAID, "AGE"])
        self.assertEqual(cluster.split()[:4], ["two", "Admin", "10", "Enforce"])
        both = self.kubectl("get", "bulkhead", "-A", "-o", "name").split()
        kinds = ("clustersegmentationpolicy.policy.bulkhead.dev/two", "segmentationpolicy.policy.bulkhead.dev/one")
        self.assertEqual(sorted(both), list(kinds))

    def undescribed(self, schema, at):
        """Paths below @at that say nothing, in an OpenAPI schema."""
        for key, field in schema.get("properties", {}).items():
            if not field.get("description"):
                yield f"{at}.{key}"
            yield from self.undescribed(field, f"{at}.{key}")
        items = schema.get("items", {})
        if "properties" in items and not items.get("description"):
            yield f"{at}[]"
        yield from self.undescribed(items, f"{at}[]") if items else ()

    def test_explain(self):
        """Every field says what it is for."""
        for name, _ in shipped():
            crd = self.admin.get("CustomResourceDefinition", None, name)
            (version,) = crd["spec"]["versions"]
            schema = version["schema"]["openAPIV3Schema"]
            self.assertTrue(schema["description"])
            self.assertEqual(list(self.undescribed(schema, "")), [])
        text = " ".join(self.kubectl("explain", "csegpol.spec.egress.to.services").split())
        self.assertIn("The addresses behind these Services", text)
        self.assertRegex(text, "namespace <string> -required- The namespace of the Service[.]")
        text = " ".join(self.kubectl("explain", "segpol.spec.egress.to.services").split())
        self.assertRegex(text, "namespace <string> The namespace of the Service; without it the policy's own[.]")
