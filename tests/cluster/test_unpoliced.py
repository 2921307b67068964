# SPDX-License-Identifier: Apache-2.0
"""The cluster itself, without us: what the other classes see denied is not denied by it."""
from clustercase import ClusterCase

NODES = ("node1", "node2")


class Unpoliced(ClusterCase):
    configs = ["dual/bridge/containerd-2/nftables"]
    options = ("--no-bulkhead",)

    def test_open(self):
        """Whatever a policy says."""
        self.node.write_policy("shop", "nobody", policyTypes=["Ingress", "Egress"])
        self.assert_policed()
        self.node.remove_policies()

    def test_both_nodes(self):
        for f, net in ((4, "10.244.{}."), (6, "fd00:244:0:{}::")):
            for pod in self.node.pods:
                self.assertTrue(pod.ips[f].startswith(net.format(pod.node[4:])), f"{pod} has {pod.ips}")
        self.assertEqual([p.node for p in self.node.pods], ["node1", "node1", "node2", "node2"])

    def test_probes(self):
        self.assert_probed()

    def test_commands(self):
        for pod in (self.a, self.b):
            self.assert_commands(pod)

    def test_service(self):
        for pod in (self.a, self.job2):
            self.assert_service(pod, answers=True)

    def test_dns(self):
        code, text = self.node.execute(self.job, "nslookup", "web.shop.svc.cluster.local")
        self.assertEqual(code, 0, text)
        for ip in self.service.ips.values():
            self.assertIn(ip, text)
        code, text = self.node.execute(self.job, "nslookup", "nobody.shop.svc.cluster.local")
        self.assertNotEqual(code, 0, text)

    def test_status(self):
        text = self.node.tool("status")
        for name in ("etcd", "kube-apiserver", *(f"{n}-kubelet" for n in NODES)):
            self.assertIn(f"\n{name} ", text)
        self.assertEqual(text.count(" True "), 2)
        self.assertNotIn("ended", text)

    def test_logs(self):
        self.assertIn("kube-apiserver", self.node.tool("logs"))
        self.assertIn("kubelet", self.node.tool("logs", "node1-kubelet"))
        answer = self.node.tool.ask("logs", "nothing")
        self.assertEqual(answer.code, 1)
        self.assertIn("no log 'nothing'", answer.err)

    def test_node(self):
        for name in NODES:
            addresses = self.node.tool("node", name, "ip", "addr", "show", "eth0")
            self.assertIn(f"172.31.0.1{name[4:]}/24", addresses)
        self.assertEqual(self.node.tool.ask("node", "node1", "sh", "-c", "exit 7").code, 7)
        answer = self.node.tool.ask("node", "node9", "true")
        self.assertEqual(answer.code, 1)
        self.assertIn("no 'node9'", answer.err)

    def test_images(self):
        """On every node, the test's own too."""
        for name in NODES:
            images = self.node.tool("node", name, "ctr", "-n", "k8s.io", "images", "ls", "-q")
            for image in ("pause", "busybox", "agnhost", "coredns", "probe"):
                self.assertIn(f"bulkhead.test/{image}:1\n", images)
        self.assertIn("no image archive", self.node.tool.ask("load-image", "/nothing.tar").err)
        self.assertIn("was not imported", self.node.tool.ask("load-image", "/etc/passwd").err)

    def test_pins(self):
        """A node's BPF file system is its own."""
        self.node.tool("node", "node1", "mkdir", "/sys/fs/bpf/test")
        self.assertNotIn("test", self.node.tool("node", "node2", "ls", "/sys/fs/bpf"))
        self.node.tool("node", "node1", "rmdir", "/sys/fs/bpf/test")

    def test_up_again(self):
        self.assertIn("is up", self.node.tool("up"))
        self.assertIn("is up", self.node.tool("up", "--no-bulkhead"))
        for options in ([], ["--no-bulkhead", "--family", "ipv4"]):
            answer = self.node.tool.ask("up", "--nodes", "3", *options)
            self.assertEqual(answer.code, 1)
            self.assertIn("other options", answer.err)
