# SPDX-License-Identifier: Apache-2.0
"""Installed beside pods that run, upgraded, killed, its nodes rebooted, under traffic; and pods by the
hundred."""
import contextlib
import ipaddress
import json
import os
import signal
import threading
import time

from case import LiveTraffic
from figures import percentile
from installed import NAMESPACE, InstalledCase
from node import LOGS, PATIENCE, eventually
from test_policed import BOTH, Changes, Rules

CHURN_PORT, CHURN_PODS, CHURN_BATCH = 7777, 200, 40


class Life(Rules, InstalledCase):
    configs = ["dual/bridge/containerd-2/nftables"]
    cost = 5
    timeout_s = 900
    sets = ("ui.enabled=true",)

    @property
    def blue_only(self):
        return [{"from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]}]

    def may(self, s, d, *_):
        return d not in self.shop or s in (self.job, self.job2)

    assert_at_once = Changes.assert_at_once
    test_labels = Changes.test_labels
    test_scaled = Changes.test_scaled
    scale_back = Changes.scale_back

    @contextlib.contextmanager
    def traffic(self):
        """With a policy that lets one namespace in; at the end nobody has noticed anything."""
        self.policy(ingress=self.blue_only)
        self.assert_policed(ingress=self.may)
        traffic = LiveTraffic(self, self.a, (self.job, self.job2), self.b, fresh=(80, 53), ms=20)
        yield
        traffic.stop()
        self.assert_at_once(self.may)

    def test_protected(self):
        self.assert_protected()

    def test_agent_killed(self):
        """Its container is started again by the kubelet."""
        with self.traffic():
            for _ in range(2):
                (pid,) = self.node.agent_pids("node1")
                os.kill(pid, signal.SIGKILL)
                self.assertTrue(eventually(lambda p=pid: self.node.agent_pids("node1") not in ([], [p]), 60, 0.2))

    def test_page(self):
        """By a forwarded port, from its log's link; it outlives its agent, and changes nothing."""
        pods = self.node.get("pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=ui")["items"]
        pod = next(p["metadata"]["name"] for p in pods if p["spec"]["nodeName"] == "node1")
        log = lambda: self.node.kubectl("logs", "-n", NAMESPACE, pod).split()  # noqa: E731
        link = eventually(lambda: next((w for w in log() if w.startswith("http://127.0.0.1:17971/")), None), 60)
        path = link.removeprefix("http://127.0.0.1:17971")
        with self.node.forwarded(NAMESPACE, pod, 17971) as get:

            picture = lambda: json.loads(get(path + "api/graph")[1])  # noqa: E731
            knows = lambda: "shop/a" in [w[0] for w in picture()["workloads"]]  # noqa: E731
            self.assertEqual(get("/api/graph")[0], 404)
            self.assertIn("<title>", get(path)[1])
            self.assertTrue(eventually(knows, 60, 0.5))
            self.assertEqual(get(path + "api/simulate", "-d", "{}")[0], 405)
            agent = self.node.agents()["node1"]["metadata"]["name"]
            self.node.kubectl("delete", "pod", "-n", NAMESPACE, agent, "--wait=false")
            ended = lambda: agent not in self.node.kubectl("get", "pods", "-n", NAMESPACE, "-o", "name")  # noqa: E731
            self.assertTrue(eventually(ended, 60, 0.5))
            before = picture()["collected"]

            def later():
                said = picture()
                return said["collected"] > before and not said["trouble"]

            self.assertTrue(eventually(later, 120, 0.5), "it does not find the next agent")
        self.node.kubectl("rollout", "status", "-n", NAMESPACE, "daemonset/bulkhead-agent", "--timeout=120s")

    def test_policies_change(self):
        """Policies, labels and pods that change nothing for these flows, again and again."""
        nobody = [{"from": [{"podSelector": {"matchLabels": {"app": "nobody"}}}], "ports": [{"port": 80}]}]
        with self.traffic():
            for i in range(10):
                self.policy("more", subject={"track": "a"}, ingress=nobody)
                self.policy("other", policyTypes=BOTH, egress=[{}])
                self.node.kubectl("label", "namespace", "lab", f"turn=t{i}", "--overwrite")
                self.node.kubectl("label", "pod", "-n", "shop", self.b.pod, f"turn=t{i}", "--overwrite")
                self.node.kubectl("delete", "networkpolicy", "-n", "shop", "more", "other")
        for what in (["namespace", "lab"], ["pod", "-n", "shop", self.b.pod]):
            self.node.kubectl("label", *what, "turn-")

    def test_upgrade(self):
        """To another build, and back."""
        self.node.load("2")
        for tag in ("2", "1"):
            with self.traffic():
                self.node.upgrade(tag)
            for node in self.node.nodes():
                self.assertEqual(self.node.ctl(node, "status")["version"], "0.1." + tag)
        self.assert_protected()

    def test_reboot(self):
        """From the first moment on, nothing passes that may not."""
        self.policy(ingress=self.blue_only)
        self.assert_policed(ingress=self.may)
        hammers = [self.b.start("hammer", 5, "tcp", self.a.ips[f], 80) for f in self.node.families]
        for m in hammers:
            self.addCleanup(m.kill)
        before = self.node.traces_on("node1")
        self.node.tool("reboot", "node1")
        self.assertNotEqual(before, [])
        for m in hammers:
            self.assertEqual(m.stop()["answered"], 0)
        self.node.await_pods()
        self.find_pods()
        self.assert_policed(ingress=self.may)
        self.assert_protected()
        self.assertFalse([t for t in self.node.traces_on("node1") if t in before and "/endpoints/" in t])

    # ---- pods by the hundred -------------------------------------------------------------------

    def window(self):
        """The addresses that the next pods of either node will get (host-local hands them out in turn), and some more:
        not all, for the kernel remembers 1,024 neighbours that do not answer and forgets those that do."""
        found = []
        for node in ("1", "2"):
            for which in "01":  # of its two ranges
                last = self.node.on("node" + node, "cat /var/lib/cni/networks/podnet/last_reserved_ip." + which)
                ip = ipaddress.ip_address(last.strip())
                found += [("tcp", str(ip + i), CHURN_PORT) for i in range(1, CHURN_BATCH + 1)]
        return found

    def probe_all(self, stranger, stop, got):
        while not stop.is_set():
            targets = self.targets
            answers = stranger.try_all(targets, 200)
            got["tried"] += len(answers)
            got["passed"] += [t for t, a in zip(targets, answers) if a["ok"]]

    def batch(self, n):
        """So many pods on each node that serve one port; they are asked by a friend as soon as the API says
        that they are ready: [(on the friend's node, seconds until it answered)]"""
        node, took, seen = self.node, [], set()
        self.targets = self.window()
        labels = {"app": "churn"}
        for name in ("node1", "node2"):
            node.deploy_one("shop", "churn-" + name, labels, n // 2, name, CHURN_PORT)
            self.addCleanup(node.kubectl, "delete", "deployment", "-n", "shop", "churn-" + name, "--ignore-not-found")
        end = time.monotonic() + 120 * PATIENCE
        while len(seen) < n:
            self.assertLess(time.monotonic(), end, f"{len(seen)} of {n} ready")
            for item in node.get("pods", "-n", "shop", "-l", "app=churn")["items"]:
                uid, status = item["metadata"]["uid"], item["status"]
                ready = [c for c in status.get("conditions", ()) if c["type"] == "Ready" and c["status"] == "True"]
                if uid not in seen and ready:
                    seen.add(uid)
                    asked = {t[1] for t in self.targets}  # but for what a pod got whose ADD had to be repeated
                    self.foreseen += sum(ip["ip"] in asked for ip in status["podIPs"])
                    took += self.ask_new(item)
        for name in ("node1", "node2"):
            node.kubectl("delete", "deployment", "-n", "shop", "churn-" + name, "--wait=false")
        gone = lambda: not node.get("pods", "-n", "shop", "-l", "app=churn")["items"]  # noqa: E731
        self.assertTrue(eventually(gone, 120, 0.5), "pods do not go")
        return took

    def ask_new(self, item):
        took = []
        for friend in (self.job, self.job2):
            for ip in item["status"]["podIPs"]:
                began = time.monotonic()
                ok = lambda: friend.try_all([("tcp", ip["ip"], CHURN_PORT)], 1000)[0]["ok"]  # noqa: B023, E731
                self.assertTrue(eventually(ok, 10, 0.01), f"{friend} does not reach {ip}")
                took.append((friend.node == item["spec"]["nodeName"], time.monotonic() - began))
        return took

    def test_churn(self):
        self.policy(ingress=self.blue_only)
        self.assert_policed(ingress=self.may)
        self.targets = self.window()
        stop = threading.Event()
        counts = [{"tried": 0, "passed": []} for _ in range(2)]
        strangers = [threading.Thread(target=self.probe_all, args=(pod, stop, c))
                     for pod, c in zip((self.a, self.b), counts)]
        for thread in strangers:
            thread.start()
        took, self.foreseen = [], 0
        try:
            for _ in range(CHURN_PODS // CHURN_BATCH):
                took += self.batch(CHURN_BATCH)
        finally:
            stop.set()
            for thread in strangers:
                thread.join()
        self.assertGreater(self.foreseen, CHURN_PODS)  # of two addresses each
        for c in counts:
            self.assertEqual(c["passed"], [])
            self.assertGreater(c["tried"], 10000)
        here = [s for same, s in took if same]
        there = [s for same, s in took if not same]
        self.assertEqual(len(took), 4 * CHURN_PODS)
        with open(os.path.join(LOGS, "churn.txt"), "w") as f:
            for name, values in (("same node", here), ("other node", there)):
                f.write(f"Ready to the answer, {name}: p50 {percentile(values, 50):.3f} s, "
                        f"p99 {percentile(values, 99):.3f} s, of {len(values)}\n")
        self.assert_protected()
        self.assert_nothing_left()

    def assert_nothing_left(self):
        """Records and pins are those of the pods that there are."""

        def so():
            for node in self.node.nodes():
                there = len(self.node.ctl(node, "endpoints"))
                records = self.node.on(node, "ls /run/bulkhead/endpoints | wc -l").strip()
                pins = self.node.on(node, "ls /sys/fs/bpf/bulkhead-v3/links | wc -l").strip()
                self.assertEqual((records, pins), (str(there), str(2 * there)), f"on {node}")
            return True

        eventually(so, 15, 0.5)
