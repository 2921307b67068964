# SPDX-License-Identifier: Apache-2.0
"""What the classes share: a cluster, and two namespaces of pods that deployments put on both nodes."""
import re
import subprocess

from case import PolicedCase
from cluster import PROGRAM, Cluster
from node import eventually


class ClusterCase(PolicedCase):
    """`config` is "family/main CNI/runtime/proxy"; shop/a is on node1, shop/b on node2, lab/job on both."""

    options = ()
    cluster_class = Cluster
    chained = False  # the invariants are those of the one node of the integration suite

    @classmethod
    def open(cls):
        family, main, runtime, proxy = cls.config.split("/")
        kind = ("--main-cni", main, "--runtime", runtime, "--proxy", proxy)
        cls.node = cls.cluster_class(cls.title(cls.config), family, (*kind, *cls.options))
        try:
            cls.node.start()
            cls.start()
        except BaseException as e:
            e.args = (f"{e}\n{cls.node.agent_log()}",)
            cls.node.close()
            raise

    @classmethod
    def start(cls):
        cls.start_pods()

    @classmethod
    def start_pods(cls):
        node = cls.node
        node.namespace("shop", {"team": "red"})
        node.namespace("lab", {"team": "blue"})
        node.deploy("shop", "a", {"app": "web", "track": "a"}, node="node1")
        node.deploy("shop", "b", {"app": "web", "track": "b"}, node="node2")
        node.deploy("lab", "job", {"app": "job"}, replicas=2)
        cls.service = node.service("shop", "web", {"app": "web"}, [("tcp", 7000, 8080), ("udp", 5000, 5353)])
        cls.find_pods()

    def statuses(self):
        return {}

    @property
    def shop(self):
        return (self.a, self.b)

    @property
    def everybody(self):
        return [*self.node.pods, self.node.world]

    @classmethod
    def find_pods(cls):
        cls.node.await_pods()
        # By namespace first: what a rollout makes anew may both be on one node.
        order = sorted(cls.node.pods, key=lambda p: (p.ns == "lab", p.node, p.name))
        cls.a, cls.b, cls.job, cls.job2 = order

    @classmethod
    def shut(cls):
        cls.node.close()

    # ---- the kubelet's own ways to a pod -----------------------------------------------------

    def probed(self):
        """{pod: how often its kubelet has asked it}, and that no answer was ever missed."""
        count = {}
        for pod in self.node.pods:
            status = self.node.get("pod", "-n", pod.ns, pod.pod)["status"]
            ready = [c for c in status["conditions"] if c["type"] == "Ready"][0]
            self.assertEqual(ready["status"], "True", f"{pod} is not ready")
            self.assertEqual(sum(c["restartCount"] for c in status["containerStatuses"]), 0, f"{pod}")
            log = self.node.kubectl("logs", "-n", pod.ns, pod.pod, "-c", "web")
            count[pod] = (ready["lastTransitionTime"], log.count("GET /healthz"))
        return count

    def assert_probed(self, more=3):
        """Each is probed @more times from now on and stays ready throughout."""
        before = self.probed()

        def again():
            now = self.probed()
            for pod, (since, _) in before.items():
                self.assertEqual(now[pod][0], since, f"{pod} was not ready for a while")
            return all(now[pod][1] >= asked + more for pod, (_, asked) in before.items())

        self.assertTrue(eventually(again, 30, 0.5), "not probed any more")

    def assert_commands(self, pod):
        """exec, logs and port-forward."""
        self.assertEqual(self.node.execute(pod, "hostname"), (0, pod.pod + "\n"))
        self.assertIn("Started HTTP server", self.node.kubectl("logs", "-n", pod.ns, pod.pod, "-c", "web"))
        argv = [PROGRAM, "kubectl", "port-forward", "-n", pod.ns, pod.pod, ":8080"]
        forward = subprocess.Popen(argv, env=self.node.tool.env, stdout=subprocess.PIPE, text=True)
        try:
            port = re.search(r"127\.0\.0\.1:(\d+)", forward.stdout.readline())[1]
            self.assertTrue(self.node.world.reaches("127.0.0.1", port=port, ms=3000))
        finally:
            forward.kill()
            forward.communicate()

    # ---- Services ----------------------------------------------------------------------------

    def assert_service(self, pod, answers, times=20):
        """All of so many new connections to the Service's addresses, or none, are answered."""
        targets = [
            (proto, self.service.ips[f], port)
            for f in self.node.families
            for proto, port in (("tcp", 7000), ("udp", 5000))
            for _ in range(times)
        ]

        def same():
            got = [t[:3] for t, a in zip(targets, pod.try_all(targets, 3000 if answers else 300)) if a["ok"]]
            self.assertEqual(got, targets if answers else [], f"{pod} to the Service")
            return True

        eventually(same, 15)
