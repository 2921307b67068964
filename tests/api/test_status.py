# SPDX-License-Identifier: Apache-2.0
"""The status of policies, by two agents with the rights that the chart gives them, as `kubectl` and scripts see it."""
import json
import os
import signal
import subprocess
import time

from case import NodeCase
from client import ApiError, Client
from control import ACCOUNT, CONTROL_IP, KUBERNETES, PORT, SYSTEM
from node import BUILD, eventually
from node_api import KUBECONFIG, ApiNode, replace
from objects import (
    ELSEWHERE,
    KINDS,
    NODE,
    cluster_policy,
    definition,
    head,
    namespace,
    pod,
    pod_status,
    policy,
    shipped,
    shipped_rights,
)
from said import hold

SOON_S = 10


class StatusCase(NodeCase):
    node_class = ApiNode
    chained = False

    @classmethod
    def start(cls):
        api = cls.node.api
        os.environ["POD_NAMESPACE"] = SYSTEM
        cls.node.agent_args = ["--policy-status"]
        for kind, name, text in shipped_rights(SYSTEM):
            api.admin.apply_text(kind, SYSTEM, name, text)
        for name, text in shipped():
            api.admin.apply_text("CustomResourceDefinition", None, name, text)
        api.apply(definition("ClusterNetworkPolicy"))
        for ns in ("shop", "lab"):
            api.apply(namespace(ns))
        for node in (NODE, ELSEWHERE):
            api.apply(head("Node", None, node))
        cls.admin = api.admin
        if not eventually(lambda: all(cls.is_served(kind) for kind in KINDS if "Polic" in kind), 30):
            raise RuntimeError("not all definitions are served")

    @classmethod
    def is_served(cls, kind):
        """A new kind is, some moments after its definition."""
        try:
            return cls.admin.list(kind)
        except ApiError:
            return None

    @classmethod
    def add_pod(cls, node, name, app, ns="shop"):
        cls.admin.apply(pod(ns, name, {"app": app}, nodeName=node))
        cls.admin.patch("Pod", ns, name, {"status": pod_status([])}, "/status")

    # ---- agents -------------------------------------------------------------------------------------

    @classmethod
    def start_agent(cls, node):
        """One that works for that node, beside the others."""
        own = f"/run/bh-{node}"
        os.makedirs(own, exist_ok=True)
        replace(os.path.join(own, "token"), cls.node.api.token(node=node))
        with open(os.path.join(cls.node.account, "ca.crt")) as f:
            replace(os.path.join(own, "ca.crt"), f.read())
        replace(os.path.join(own, "kubeconfig"), KUBECONFIG.format(host=CONTROL_IP, port=PORT, dir=own))
        args = ["--node-name", node, "--kubeconfig", f"{own}/kubeconfig", "--run-dir", f"{own}/run"]
        os.makedirs(f"{own}/run", exist_ok=True)
        return cls.node.agent_process(BUILD, *args, "--pin-dir", f"/sys/fs/bpf/bh-{node}")

    # ---- what is read -------------------------------------------------------------------------------

    def conditions(self, kind, ns, name):
        """{type: condition}; {} where there is nothing yet."""
        try:
            status = self.admin.get(kind, ns, name).get("status", {})
        except ApiError as e:
            if e.status != 404:
                raise
            return {}
        return {c["type"]: c for c in status.get("conditions", [])}

    def becomes(self, kind, ns, name, within=SOON_S, type_="Programmed", **want):
        """The condition has these values, soon. It, then."""

        def has():
            c = self.conditions(kind, ns, name).get(type_, {})
            return c if all(c.get(k) == v for k, v in want.items()) else None

        found = eventually(has, within)
        self.assertTrue(found, f"{want}, but {self.conditions(kind, ns, name)}\n{self.node.agent_log()}")
        return found

    def kubectl(self, *args):
        certificate = self.node.api.ca.client("admin", "system:masters")
        argv = [
            os.path.join(KUBERNETES, "kubectl"),
            f"--server=https://127.0.0.1:{PORT}",
            f"--certificate-authority={self.node.api.ca.crt}",
            f"--client-certificate={certificate[0]}",
            f"--client-key={certificate[1]}",
            "--cache-dir=/run/bh-kubectl",
            *args,
        ]
        return subprocess.run(self.node.api.path.argv(*argv), capture_output=True, text=True, check=False)

    def lease(self):
        return self.admin.get("Lease", SYSTEM, "bulkhead-status")["spec"]


class Told(StatusCase):
    cost = 2

    @classmethod
    def start(cls):
        super().start()
        cls.add_pod(NODE, "web", "web")
        cls.add_pod(NODE, "db", "db")
        cls.add_pod(ELSEWHERE, "db2", "db")
        cls.agents = {node: cls.start_agent(node) for node in (NODE, ELSEWHERE)}
        if not eventually(lambda: len(cls.admin.list("NodePolicyStatus")["items"]) == 2, 20):
            raise RuntimeError("the nodes tell nothing")

    def segment(self, name, **spec):
        spec.setdefault("podSelector", {"matchLabels": {"app": "db"}})
        return self.admin.apply({**head("SegmentationPolicy", "shop", name), "spec": spec})

    def other(self):
        """The node whose agent does not gather."""
        return next(n for n in self.agents if n != self.lease()["holderIdentity"])

    def test_in_force(self):
        """Of every kind; with what the other nodes say, and the words that `kubectl wait` waits for."""
        self.segment("db", policyTypes=["Ingress"])
        self.admin.apply(cluster_policy("all", ingress=[]))
        made = self.admin.apply(policy("shop", "web", subject={"app": "web"}))
        for kind, ns, name in (
            ("SegmentationPolicy", "shop", "db"),
            ("ClusterNetworkPolicy", None, "all"),
            ("NetworkPolicyStatus", "shop", "web"),
        ):
            self.becomes(kind, ns, name, status="True", reason="Programmed", observedGeneration=1)
            c = self.conditions(kind, ns, name)["Accepted"]
            self.assertEqual((c["status"], c["reason"]), ("True", "Accepted"))
            self.assertRegex(c["lastTransitionTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        apart = self.admin.get("NetworkPolicyStatus", "shop", "web")
        self.assertEqual([apart["status"][k] for k in ("observedGeneration", "nodes", "enforced")], [1, 1, 1])
        (owner,) = apart["metadata"]["ownerReferences"]
        self.assertEqual((owner["kind"], owner["uid"]), ("NetworkPolicy", made["metadata"]["uid"]))
        done = self.kubectl("-n", "shop", "wait", "--for=jsonpath={.status.observedGeneration}=1", "npstatus/web")
        self.assertEqual(done.returncode, 0, done.stderr)
        for what in ("segpol/db", "networkpolicystatuses/web", "clusternetworkpolicies/all"):
            done = self.kubectl("-n", "shop", "wait", "--for=condition=Programmed", what, "--timeout=5s")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("condition met", done.stdout)

    def test_page(self):
        """What docs/status.md shows."""
        self.add_pod("lonely", "batch", "batch")
        self.addCleanup(self.admin.delete, "Pod", "shop", "batch")
        self.segment("db", policyTypes=["Ingress"])
        for name in ("web", "batch"):
            self.admin.apply(policy("shop", name, subject={"app": name}))

        def answer(words):
            done = self.kubectl(*words[1:])
            return done.returncode, done.stdout + done.stderr

        hold(self, "docs/status.md", answer, numbers=False)

    def test_change(self):
        """Of what was in force; its pods are on both nodes, and both have told. A condition that stays keeps its time."""
        self.segment("change", policyTypes=["Ingress"])
        first = self.becomes("SegmentationPolicy", "shop", "change", status="True")
        self.segment("change", policyTypes=["Egress"])
        done = self.kubectl("-n", "shop", "wait", "--for=condition=Programmed", "segpol/change", "--timeout=10s")
        self.assertEqual(done.returncode, 0, done.stderr)
        now = self.conditions("SegmentationPolicy", "shop", "change")["Programmed"]
        self.assertEqual((now["observedGeneration"], now["lastTransitionTime"]), (2, first["lastTransitionTime"]))
        asleep = self.other()
        os.kill(self.agents[asleep].pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.agents[asleep].pid, signal.SIGCONT)
        self.segment("change", policyTypes=["Ingress", "Egress"])
        now = self.becomes("SegmentationPolicy", "shop", "change", status="False", observedGeneration=3)
        self.assertEqual(now["message"], f"in force on 1 of 2 nodes that have pods of it, not on {asleep}")
        os.kill(self.agents[asleep].pid, signal.SIGCONT)
        self.becomes("SegmentationPolicy", "shop", "change", status="True", observedGeneration=3)

    def test_not_understood(self):
        """With object and field."""
        made = cluster_policy("names", egress=[{"action": "Accept", "to": [{"domainNames": ["example.org"]}]}])
        self.admin.apply(made)
        c = self.becomes("ClusterNetworkPolicy", None, "names", type_="Accepted", status="False")
        self.assertEqual(c["reason"], "DomainNamesNotSupported")
        self.assertIn("spec.egress[0].to[0].domainNames is not supported", c["message"])
        self.becomes("ClusterNetworkPolicy", None, "names", status="False", reason="NotAccepted")
        told = lambda: self.admin.get("NodePolicyStatus", None, NODE)["status"].get("notUnderstood")  # noqa: E731
        self.assertTrue(eventually(told, 5))
        self.assertEqual((told()[0]["kind"], told()[0]["name"]), ("ClusterNetworkPolicy", "names"))
        self.admin.delete("ClusterNetworkPolicy", None, "names")

    def test_of_one_node(self):
        """The report, whose size does not depend on how many policies there are; owned by its Node."""
        before = self.admin.get("NodePolicyStatus", None, NODE)
        for i in range(50):
            self.admin.apply(policy("lab", f"p{i}"))
        changed = lambda: self.admin.get("NodePolicyStatus", None, NODE)["status"]["policies"] >= 50  # noqa: E731
        self.assertTrue(eventually(changed, SOON_S))
        applied = lambda: [n["status"]["applied"] for n in self.admin.list("NodePolicyStatus")["items"]]  # noqa: E731
        self.assertTrue(eventually(lambda: applied()[0] == applied()[1], SOON_S), applied())
        now = self.admin.get("NodePolicyStatus", None, NODE)
        self.assertLess(len(str(now)), len(str(before)) + 20)
        (owner,) = now["metadata"]["ownerReferences"]
        self.assertEqual(owner["uid"], self.admin.get("Node", None, NODE)["metadata"]["uid"])
        for i in range(50):
            self.admin.delete("NetworkPolicy", "lab", f"p{i}")

    @staticmethod
    def wait(*args):
        argv = [f"{BUILD}/bulkheadctl", f"--run-dir=/run/bh-{NODE}/run", "wait", "policy", *args]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    def test_wait_policy(self):
        """By the agent's own word, without the status of anything."""
        wait = self.wait
        self.segment("waited", policyTypes=["Ingress"])
        done = wait("shop/waited", "--for=enforced", "--timeout", "5")
        self.assertEqual((done.returncode, done.stdout), (0, "shop/waited: enforced, 1 node asked\n"), done.stderr)
        done = wait("shop/waited", "--generation=2", "--timeout=0.3")
        self.assertEqual((done.returncode, done.stdout), (1, "shop/waited: not enforced, 1 node asked\n"), done.stderr)
        done = wait("shop/none", "--timeout", "0.3", "-o", "json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["enforced"]), (1, False))
        self.assertIn("no agent knows a policy 'shop/none'\nhint: 'bulkheadctl policy list' lists", done.stderr)
        self.admin.apply(cluster_policy("bad", egress=[{"action": "Accept", "to": [{"domainNames": ["a.example"]}]}]))
        self.addCleanup(self.admin.delete, "ClusterNetworkPolicy", None, "bad")
        done = wait("bad", "--timeout=5")
        self.assertEqual(done.returncode, 1)
        self.assertIn("spec.egress[0].to[0].domainNames is not supported", done.stderr)
        self.assertEqual(wait("shop/").returncode, 2)
        status = [f"{BUILD}/bulkheadctl", f"--run-dir=/run/bh-{self.lease()['holderIdentity']}/run", "status"]
        told = lambda: subprocess.run(status, capture_output=True, text=True, check=False).stdout  # noqa: E731
        self.assertTrue(eventually(lambda: "told; gathered here from 2 nodes" in told(), 5), told())

    def test_no_pods(self):
        self.segment("nobody", podSelector={"matchLabels": {"app": "none"}})
        self.becomes("SegmentationPolicy", "shop", "nobody", status="True", reason="NoPods")

    def test_a_node_without_an_agent(self):
        """Its pods count, and it is named."""
        self.add_pod("lonely", "lone", "lone")
        self.addCleanup(self.admin.delete, "Pod", "shop", "lone")
        self.admin.apply(policy("shop", "lone", subject={"app": "lone"}))
        c = self.becomes("NetworkPolicyStatus", "shop", "lone", status="False", reason="Pending")
        self.assertIn("0 of 1 nodes", c["message"])
        self.assertIn("lonely", c["message"])
        done = self.kubectl("-n", "shop", "wait", "--for=condition=Programmed", "npstatus/lone", "--timeout=1s")
        self.assertNotEqual(done.returncode, 0)

    def test_a_node_that_falls_silent(self):
        """What it said last counts for as long as it said that it would."""

        def says(at, **more):
            applied = self.admin.get("NodePolicyStatus", None, NODE)["status"]["applied"]
            status = {"applied": applied, "reportedAt": at, "policies": 1, "agentVersion": "0.1.0", **more}
            self.admin.apply({**head("NodePolicyStatus", None, "quiet"), "status": status})

        self.admin.apply(head("Node", None, "quiet"))
        self.add_pod("quiet", "quiet", "quiet")
        for kind, ns in (("Pod", "shop"), ("NodePolicyStatus", None), ("Node", None)):
            self.addCleanup(self.admin.delete, kind, ns, "quiet")
        self.segment("quiet", podSelector={"matchLabels": {"app": "none"}})
        self.becomes("SegmentationPolicy", "shop", "quiet", status="True", reason="NoPods")
        says("2026-01-31T12:00:00Z", validSeconds=1)
        ask = [f"{BUILD}/bulkheadctl", f"--run-dir=/run/bh-{self.lease()['holderIdentity']}/run", "status"]
        status = lambda: subprocess.run(ask, capture_output=True, text=True, check=False).stdout  # noqa: E731
        self.assertTrue(eventually(lambda: "from 3 nodes, 1 of them silent" in status(), 10), status())
        self.segment("quiet", podSelector={"matchLabels": {"app": "quiet"}})
        c = self.becomes("SegmentationPolicy", "shop", "quiet", status="False", reason="NotHeardOf")
        self.assertEqual(
            c["message"],
            "in force on 0 of 1 nodes that have pods of it; node quiet has not been heard of since "
            "2026-01-31T12:00:00Z, for longer than its report is valid",
        )
        says("2026-01-31T12:01:00Z")  # for as long as can be
        self.becomes("SegmentationPolicy", "shop", "quiet", status="True", reason="Programmed")
        own = self.admin.get("NodePolicyStatus", None, NODE)["status"]
        self.assertEqual(own["validSeconds"], 150)
        self.assertRegex(own["reportedAt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def switch(self, node, *args):
        """`bulkhead-agent node` there."""
        argv = [f"{BUILD}/bulkhead-agent", "node", *args, f"--run-dir=/run/bh-{node}/run", f"--pin-dir=/sys/fs/bpf/bh-{node}"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_not_enforced(self):
        """By a node that was opened, and on a pod that has an address there and no interface; and then it is."""
        for name in ("ghost", "beside"):
            self.add_pod(NODE, name, "ghost")
            self.addCleanup(self.admin.delete, "Pod", "shop", name)
        self.admin.patch("Pod", "shop", "ghost", {"status": pod_status(["10.99.0.1"])}, "/status")
        told = lambda: self.admin.get("NodePolicyStatus", None, NODE)["status"]  # noqa: E731
        self.addCleanup(self.switch, NODE, "close")
        self.switch(NODE, "open", "--reason", "a test")
        self.assertTrue(eventually(lambda: "notProgrammed" in told(), SOON_S), told())
        self.segment("opened", podSelector={"matchLabels": {"app": "web"}})
        c = self.becomes("SegmentationPolicy", "shop", "opened", status="False", reason="NotProgrammed")
        self.assertIn("the node is OPEN: no policy is enforced on it", c["message"])
        self.segment("nobodys", podSelector={"matchLabels": {"app": "none"}})
        self.assertEqual(self.wait("shop/nobodys", "--timeout=10").returncode, 0)
        self.assertEqual(self.wait("shop/opened", "--timeout=0.3").returncode, 1)
        self.switch(NODE, "close")
        self.becomes("SegmentationPolicy", "shop", "opened", status="True", reason="Programmed")
        self.assertTrue(eventually(lambda: told().get("unprotectedCount") == 1, 40), told())
        self.segment("bare", podSelector={"matchLabels": {"app": "ghost"}})
        c = self.becomes("SegmentationPolicy", "shop", "bare", status="False", reason="Unprotected")
        self.assertIn("shop/ghost", c["message"])
        self.assertIn("no-veth", c["message"])
        self.assertEqual(self.wait("shop/bare", "--timeout=0.3").returncode, 1)
        self.admin.patch("Pod", "shop", "ghost", {"status": {"phase": "Succeeded"}}, "/status")
        self.becomes("SegmentationPolicy", "shop", "bare", within=40, status="True", reason="Programmed")

    def test_each_node_its_own(self):
        """What a node that was taken over could say of another one: nothing."""
        mine = Client(self.node.api.path.netns, self.admin.address, self.node.api.ca.crt, token=self.node.api.token(node=ELSEWHERE))
        plain = Client(self.node.api.path.netns, self.admin.address, self.node.api.ca.crt, token=self.node.api.token())
        for client, node, said in (
            (mine, ELSEWHERE, None),
            (mine, NODE, f"the agent on node {ELSEWHERE} may not write the report of node {NODE}"),
            (mine, "new", f"the agent on node {ELSEWHERE} may not write the report of node new"),
            (plain, NODE, "the token does not say on which node the agent runs"),
        ):
            with self.subTest(node=node, said=said):
                try:
                    client.apply({**head("NodePolicyStatus", None, node), "status": {"policies": 1}})
                    self.assertIsNone(said)
                except ApiError as e:
                    self.assertEqual(e.status, 403)
                    self.assertIn(said, e.text)

    def agent_client(self, node):
        return Client(self.node.api.path.netns, self.admin.address, self.node.api.ca.crt, token=self.node.api.token(node=node))

    def refuses(self, said, call, *args):
        with self.assertRaises(ApiError) as caught:
            call(*args)
        self.assertEqual(caught.exception.status, 403)
        self.assertIn(said, caught.exception.text)

    def test_what_a_status_bears(self):
        """By the hand of a node that was taken over: nothing that would keep a namespace, or belong to others."""
        self.admin.apply(policy("lab", "bears"))
        self.becomes("NetworkPolicyStatus", "lab", "bears", type_="Accepted", status="True")
        agent = self.agent_client(ELSEWHERE)
        change = lambda **meta: agent.patch("NetworkPolicyStatus", "lab", "bears", {"metadata": meta})  # noqa: E731
        owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "bears", "uid": "0"}
        self.refuses("an agent may put no finalizer on it", lambda: change(finalizers=["a.example/b"]))
        self.refuses("belong to nothing but the NetworkPolicy bears", lambda: change(ownerReferences=[owner]))
        other = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "name": "other", "uid": "0"}
        self.refuses("belong to nothing but the NetworkPolicy bears", lambda: change(ownerReferences=[other]))
        new = {**head("NetworkPolicyStatus", "lab", "new"), "metadata": {"name": "new", "namespace": "lab", "finalizers": ["a.example/b"]}}
        self.refuses("an agent may put no finalizer on it", agent.apply, new)
        report = {**head("NodePolicyStatus", None, ELSEWHERE), "metadata": {"name": ELSEWHERE, "finalizers": ["a.example/b"]}}
        self.refuses("an agent may put no finalizer on it", agent.apply, report)
        self.admin.patch("NetworkPolicyStatus", "lab", "bears", {"metadata": {"finalizers": ["a.example/b"]}})
        change(annotations={"a.example/c": "d"})  # what others have put there is no reason to refuse
        change(finalizers=[])
        self.admin.delete("NetworkPolicy", "lab", "bears")

    def test_the_lease_names_who_takes_it(self):
        self.segment("leased")
        self.becomes("SegmentationPolicy", "shop", "leased", status="True")
        agent = self.agent_client(ELSEWHERE)
        where = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases"

        def put(spec, agent=agent, **meta):
            lease = self.admin.get("Lease", SYSTEM, "bulkhead-status")
            lease["metadata"].update(meta)
            lease["spec"].update(spec)
            agent.request("PUT", where + "/bulkhead-status", lease)

        self.refuses("under the name of its own pod or node alone", put, {"holderIdentity": "somebody"})
        mine = {"holderIdentity": ELSEWHERE}
        self.refuses("an agent may put no finalizer on it", lambda: put(mine, finalizers=["a.example/b"]))
        self.refuses("and give back its own", put, {"holderIdentity": ""}, self.agent_client(self.other()))
        another = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "another"}, "spec": mine}
        self.refuses("an agent may make no Lease but bulkhead-status", agent.request, "POST", where, another)

    def test_no_spec(self):
        """Nor may any agent change what a policy says."""
        self.segment("mine")
        agent = Client(self.node.api.path.netns, self.admin.address, self.node.api.ca.crt, token=self.node.api.token(node=NODE))
        for change in ({"spec": {"priority": 5}}, {"metadata": {"labels": {"a": "b"}}}):
            with self.assertRaises(ApiError) as caught:
                agent.patch("SegmentationPolicy", "shop", "mine", change)
            self.assertEqual(caught.exception.status, 403)
        agent.patch("SegmentationPolicy", "shop", "mine", {"spec": {"priority": 5}, "status": {}}, "/status")
        self.assertEqual(self.admin.get("SegmentationPolicy", "shop", "mine")["spec"]["priority"], 100)

    def test_zy_the_leader_is_told_to_end(self):
        """It gives the Lease back before it is gone: nobody has to wait until it ends."""
        self.segment("left")
        self.becomes("SegmentationPolicy", "shop", "left", status="True")
        before, other = self.lease(), self.other()
        node = before["holderIdentity"]
        self.agents[node].terminate()
        self.assertEqual(self.agents[node].wait(30), 0)
        self.assertIn(self.lease()["holderIdentity"], ("", other))
        self.assertTrue(eventually(lambda: self.lease()["holderIdentity"] == other, 40), self.lease())
        now = self.lease()
        self.assertEqual((now["leaseDurationSeconds"], now["leaseTransitions"]), (15, before["leaseTransitions"] + 1))
        self.agents[node] = self.start_agent(node)

    def test_zz_the_leader_is_killed(self):
        """Another one goes on, once the Lease has lasted unrenewed; the conditions stay as they are meanwhile."""
        self.segment("before")
        self.becomes("SegmentationPolicy", "shop", "before", status="True")
        lease = self.lease()
        self.agents[lease["holderIdentity"]].kill()
        began = time.monotonic()
        self.segment("after", podSelector={"matchLabels": {"app": "none"}})
        self.becomes("SegmentationPolicy", "shop", "after", within=40, status="True")
        self.assertGreater(time.monotonic() - began, 9, "before the Lease was free")
        now = self.lease()
        self.assertNotEqual(now["holderIdentity"], lease["holderIdentity"])
        self.assertEqual(now["leaseTransitions"], lease["leaseTransitions"] + 1)
        self.assertEqual(self.conditions("SegmentationPolicy", "shop", "before")["Programmed"]["status"], "True")


class Off(StatusCase):
    """Nobody has given the rights: said once, and all else is as ever."""

    def test_said_once(self):
        role = self.admin.get("ClusterRole", None, ACCOUNT)
        rules = [r for r in role["rules"] if "status" not in str(r)]
        self.node.api.grant(rules)
        agent = self.start_agent(NODE)
        said = "policy status: this node's is not taken: HTTP 403"
        self.assertTrue(eventually(lambda: said in self.node.agent_log(1000), 20), self.node.agent_log())
        ready = lambda: self.node.probe("readyz", agent)[0] == 0  # noqa: E731
        self.assertTrue(eventually(ready, 10))
        self.admin.apply(policy("shop", "web"))
        time.sleep(2)
        self.assertEqual(self.node.agent_log(1000).count("policy status:"), 1)
