# SPDX-License-Identifier: Apache-2.0
"""The chart on a real API server: what is admitted, what people are told, and that `helm test` tells a cluster where
policies hold from one where they do not. Its agents are put on no node here; the nodes have theirs, or none.
"""

import json
import os
import shutil
import tempfile
import unittest

from archive import HOST, path_of
from cluster import Cluster
from node import BUILD, PATIENCE, ROOT, eventually

CHART = os.path.join(ROOT, "helm/bulkhead")
LEVEL = "pod-security.kubernetes.io/enforce"
KINDS = (
    "all,networkpolicies,resourcequotas,serviceaccounts,roles,rolebindings,"
    "clusterroles,clusterrolebindings,flowschemas"
)
KEPT = "segmentationpolicy.policy.bulkhead.dev/kept"
SEGMENTATION = {
    "apiVersion": "policy.bulkhead.dev/v1alpha1",
    "kind": "SegmentationPolicy",
    "metadata": {"namespace": "default", "name": "kept"},
    "spec": {"mode": "Audit", "podSelector": {}},
}


class ChartCase(unittest.TestCase):
    config = None
    values = ()

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(cls.title(cls.config), options=("--nodes", "1", "--no-bulkhead"))
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.tool("load-image", path_of(HOST))
        cls.namespace("bulkhead", "privileged")
        cls.install()

    @classmethod
    def namespace(cls, name, level):
        labels = {LEVEL: level} if level else {}
        cls.cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        )

    @classmethod
    def helm(cls, *args):
        state = cls.cluster.tool.state
        homes = [f"HELM_{kind}_HOME={state}/helm" for kind in ("CACHE", "CONFIG", "DATA")]
        argv = ["env", f"KUBECONFIG={state}/admin.kubeconfig", *homes, os.environ["BH_HELM_" + cls.config]]
        return cls.cluster.tool.ask("node", "fabric", *argv, *args)

    @classmethod
    def install(cls):
        where = ("--namespace", "bulkhead", "--wait", "--timeout", f"{int(100 * PATIENCE)}s")
        answer = cls.helm("install", "bulkhead", CHART, *where, *cls.values)
        assert answer.code == 0, answer.err

    def ours(self, *args):
        names = self.cluster.kubectl(
            "get", KINDS, "-A", "-l", "app.kubernetes.io/name=bulkhead", "-o", "name", *args
        )
        return set(names.split())


class Enforced(ChartCase):
    configs = ["3", "4"]

    @classmethod
    def title(cls, config):
        return f"chart.{config}"

    def on_node(self, command):
        return self.cluster.tool("node", "node1", "sh", "-c", command)

    def chained(self):
        return "bulkhead" in self.on_node("cat /etc/cni/net.d/*")

    def test_uninstall(self):
        """The chain, the programs and the records go with it, and pods are made as before. Policies stay, and are there when
        it comes back."""
        self.cluster.apply(SEGMENTATION)
        self.addCleanup(self.still_there)
        self.assertTrue(self.chained())
        self.assertIn("bulkhead-v3", self.on_node("ls /sys/fs/bpf"))
        self.addCleanup(self.install)
        answer = self.helm("uninstall", "bulkhead", "--namespace", "bulkhead", "--timeout", f"{int(200 * PATIENCE)}s")
        self.assertEqual(answer.code, 0, answer.out + answer.err)
        self.assertFalse(self.chained())
        self.assertNotIn("bulkhead", self.on_node("ls /sys/fs/bpf"))
        self.assertTrue(eventually(lambda: not self.ours(), 20, 0.5), self.ours())
        self.still_there()

    def test_status(self):
        """By the token that the kubelet gives to its pod an agent may say what is in force on its node, and on no other."""
        self.cluster.apply({**SEGMENTATION, "metadata": {"namespace": "default", "name": "told"}})
        self.addCleanup(self.cluster.kubectl, "delete", "segpol", "told")
        self.cluster.kubectl("wait", "--for=condition=Programmed", "segpol/told", f"--timeout={int(30 * PATIENCE)}s")
        (report,) = self.cluster.get("nodepolicystatuses")["items"]
        (node,) = self.cluster.get("nodes")["items"]
        (owner,) = report["metadata"]["ownerReferences"]
        self.assertEqual((report["metadata"]["name"], owner["uid"]), ("node1", node["metadata"]["uid"]))
        with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
            json.dump({**report, "metadata": {"name": "node2"}}, f)
            f.flush()
            who = "--as=system:serviceaccount:bulkhead:bulkhead-agent"
            answer = self.cluster.tool.ask("kubectl", who, "create", "--validate=false", "-f", f.name)
        self.assertNotEqual(answer.code, 0, answer.out)
        self.assertIn("the token does not say on which node the agent runs", answer.err)

    def still_there(self):
        self.assertEqual(self.cluster.kubectl("get", "bulkhead", "-A", "-o", "name").split(), [KEPT])

    def test_upgrade(self):
        """A value that changed arrives, and so does a definition; and the agents are ready again."""
        where = ("--namespace", "bulkhead", "--wait", "--timeout", f"{int(100 * PATIENCE)}s")
        answer = self.helm("upgrade", "bulkhead", self.newer_chart(), *where, "--set", "agent.logLevel=debug")
        self.assertEqual(answer.code, 0, answer.out + answer.err)
        args = self.cluster.get("daemonset", "-n", "bulkhead", "bulkhead-agent")["spec"]["template"]["spec"]
        self.assertIn("--log-level=debug", args["containers"][0]["args"])
        crd = self.cluster.get("crd", "segmentationpolicies.policy.bulkhead.dev")
        self.assertEqual(crd["spec"]["names"]["categories"], ["bulkhead", "newer"])

    def newer_chart(self):
        """One whose own kinds of policy differ."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        chart = shutil.copytree(CHART, os.path.join(folder.name, "bulkhead"))
        with open(os.path.join(chart, "templates/crds.yaml"), "r+") as f:
            text = f.read().replace("categories: [bulkhead]", "categories: [bulkhead, newer]")
            f.seek(0)
            f.write(text)
        return chart

    def test_test(self):
        """Passes, and leaves nothing."""
        before = self.ours()
        answer = self.helm("test", "bulkhead", "--namespace", "bulkhead", "--timeout", f"{int(100 * PATIENCE)}s")
        self.assertEqual(answer.code, 0, answer.out + answer.err)
        self.assertTrue(eventually(lambda: self.ours() == before, 20, 0.5), self.ours() ^ before)

    def test_laptop(self):
        """`kubectl bulkhead`, found by a real kubectl, which then execs into the agents' pods; with its user's rights."""
        with tempfile.TemporaryDirectory() as folder:
            for name in ("kubectl-bulkhead", "kubectl_complete-bulkhead"):
                os.symlink(os.path.join(BUILD, "bulkheadctl"), os.path.join(folder, name))
            path = {"PATH": f"{folder}:{os.environ['PATH']}"}
            args = ("kubectl", "bulkhead", "--all-nodes", "-o", "json")
            answer = self.cluster.tool.ask(*args, "status", env=path)
            self.assertEqual((answer.code, answer.err), (0, ""))
            self.assertEqual([(s["node"], s["in_force"]) for s in json.loads(answer.out)], [("node1", True)])
            answer = self.cluster.tool.ask("kubectl", "__complete", "bulkhead", "status", "--output=j", env=path)
            self.assertEqual(answer.out.split(), ["--output=json", ":4"])
            me = "system:serviceaccount:default:default"
            kubeconfig = folder + "/as-somebody"
            with open(self.cluster.tool.state + "/admin.kubeconfig") as admin, open(kubeconfig, "w") as f:
                f.write(admin.read().replace("name: admin, user: {", f"name: admin, user: {{as: '{me}', "))
            answer = self.cluster.tool.ask(*args, "--kubeconfig", kubeconfig, "status", env=path)
            self.assertEqual(answer.code, 3)
            self.assertIn(f'pods is forbidden: User "{me}" cannot list resource "pods"', answer.err)

    def test_priority_levels_are_there(self):
        flows = self.cluster.get("flowschemas", "-l", "app.kubernetes.io/name=bulkhead")["items"]
        self.assertEqual(len(flows), 2)
        for flow in flows:
            (dangling,) = [c for c in flow["status"]["conditions"] if c["type"] == "Dangling"]
            self.assertEqual(dangling["status"], "False", dangling)

    def test_notes(self):
        """Whether the namespace admits the agents is looked up."""
        for name, level, said in (
            ("told", "restricted", 'WARNING: namespace told enforces the pod security level "restricted"'),
            ("untold", None, "WARNING: namespace untold has no pod security label"),
            ("ready", "privileged", None),
        ):
            self.namespace(name, level)
            answer = self.helm(
                "install", "x", CHART, "--namespace", name, "--dry-run=server", "--take-ownership"
            )
            self.assertEqual(answer.code, 0, answer.err)
            notes = answer.out.partition("NOTES:")[2]
            command = f"kubectl label namespace {name} {LEVEL}=privileged --overwrite"
            self.assertEqual(command in notes, bool(said), notes)
            self.assertIn(said or "Is it there, on all nodes?", notes)
            self.assertEqual("WARNING" in notes, bool(said))


class Unenforced(ChartCase):
    """With agents on no node."""

    configs = ["4"]
    values = ("--set", "agent.nodeSelector.example\\.org/nowhere=here")

    @classmethod
    def title(cls, _):
        return "chart.none"

    def test_test(self):
        """Says what is wrong, and where the log of it is."""
        answer = self.helm("test", "bulkhead", "--namespace", "bulkhead", "--timeout", f"{int(100 * PATIENCE)}s")
        self.assertNotEqual(answer.code, 0, answer.out)
        log = self.cluster.kubectl("-n", "bulkhead", "logs", "bulkhead-selftest")
        self.assertIn("port 8081: answers, and no policy allows it: policies are not enforced", log)
        self.assertNotIn("ENFORCED", log)
