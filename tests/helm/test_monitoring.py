# SPDX-License-Identifier: Apache-2.0
"""What the chart brings for a Prometheus and a Grafana. What it says of metrics is held against docs/metrics.md, which
the integration tests hold against the agent."""

import json
import os
import re
import subprocess
import unittest

from chart import CHART, HERE, Objects, checked, template
from node import ROOT

FILES = os.path.join(CHART, "files")


def promtool(*args):
    return subprocess.run(["promtool", *args], capture_output=True, text=True, check=False)


def metrics():
    """{name: its type}, with the parts of histograms by their own names."""
    with open(os.path.join(ROOT, "docs/metrics.md")) as f:
        found = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", f.read(), re.M))
    parts = [n + part for n, kind in found.items() if kind == "histogram" for part in ("_bucket", "_sum", "_count")]
    return {*found, *parts}


def named(expression):
    return set(re.findall(r"\b((?:bulkhead|process)_\w+)", expression))


class Rules(unittest.TestCase):
    @classmethod
    def title(cls, _):
        return "rules"

    def setUp(self):
        with open(os.path.join(FILES, "rules.yaml")) as f:
            self.text = f.read()
        self.alerts = re.findall(r"- alert: (\w+)", self.text)

    def test_check(self):
        done = promtool("check", "rules", os.path.join(FILES, "rules.yaml"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"{len(self.alerts)} rules found", done.stdout)

    def test_each_fires_and_keeps_quiet(self):
        """Each alert by series that should make it fire, and by such that should not."""
        done = promtool("test", "rules", os.path.join(HERE, "alerts.yaml"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        with open(os.path.join(HERE, "alerts.yaml")) as f:
            tested = re.findall(r'exp_samples:.*?alertname="(\w+)"', f.read(), re.S)
        self.assertEqual(sorted(set(tested)), sorted(self.alerts))

    def test_names(self):
        self.assertEqual(named(self.text) - metrics(), set())

    def test_described(self):
        with open(os.path.join(ROOT, "docs/metrics.md")) as f:
            docs = f.read()
        for alert in self.alerts:
            self.assertIn(f"`{alert}`", docs)


class Dashboard(unittest.TestCase):
    @classmethod
    def title(cls, _):
        return "dashboard"

    def test_names(self):
        with open(os.path.join(FILES, "dashboard.json")) as f:
            board = json.load(f)
        expressions = [t["expr"] for p in board["panels"] for t in p["targets"]]
        for expression in expressions:
            self.assertTrue(named(expression), expression)
            self.assertEqual(named(expression) - metrics(), set(), expression)
        ids = [p["id"] for p in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))


class Arrives(unittest.TestCase):
    @classmethod
    def title(cls, _):
        return "monitoring"

    def objects(self, *sets):
        return Objects(*[a for s in ("metrics.enabled=true", *sets) for a in ("--set", s)])

    def container(self, *sets):
        return self.objects(*sets).agent()["spec"]["containers"][0]

    def test_port(self):
        """No containerPort: two agents on one node's network."""
        off = Objects().agent()["spec"]["containers"][0]
        self.assertFalse([a for a in off["args"] if "metrics" in a])
        on = self.container("metrics.perRule=true")
        self.assertEqual(
            [a for a in on["args"] if "metrics" in a],
            ["--metrics-address=$(HOST_IP):17970", "--metrics-per=rule"],
        )
        (host,) = [e for e in on["env"] if e["name"] == "HOST_IP"]
        self.assertEqual(host["valueFrom"]["fieldRef"]["fieldPath"], "status.hostIP")
        self.assertNotIn("ports", on)
        there = self.container("metrics.address=127.0.0.1", "metrics.port=9")
        self.assertIn("--metrics-address=127.0.0.1:9", there["args"])
        self.assertFalse([e for e in there["env"] if e["name"] == "HOST_IP"])

    def test_monitors(self):
        """Which the operator's own schema takes. What they select is there."""
        labels = self.objects().agent()["metadata"]["labels"]
        for kind in ("PodMonitor", "ServiceMonitor"):
            made = template("4", "--set", f"metrics.enabled=true,metrics.rules=true,crds.enabled=false,metrics.monitor={kind}").stdout
            self.assertEqual([errors for _, errors in checked(made) if errors], [])
        by_pod = self.objects("metrics.monitor=PodMonitor", "metrics.labels.release=x")
        pods = by_pod.of("PodMonitor")["bulkhead-agent"]
        self.assertLessEqual(set(pods["spec"]["selector"]["matchLabels"].items()), set(labels.items()))
        self.assertEqual(pods["metadata"]["labels"]["release"], "x")
        by_service = self.objects("metrics.monitor=ServiceMonitor")
        service = by_service.of("Service")["bulkhead-agent"]
        monitor = by_service.of("ServiceMonitor")["bulkhead-agent"]
        self.assertLessEqual(set(service["spec"]["selector"].items()), set(labels.items()))
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        self.assertLessEqual(set(wanted), set(service["metadata"]["labels"].items()))
        self.assertEqual([e["port"] for e in monitor["spec"]["endpoints"]], [p["name"] for p in service["spec"]["ports"]])
        answer = template("4", "--set", "metrics.monitor=PodMonitor")
        self.assertIn("metrics.monitor: there is nothing to find without metrics.enabled", answer.stderr)

    def test_files(self):
        """As they are, {{ and all."""
        objects = self.objects("metrics.rules=true", "metrics.dashboard=true")
        rule = objects.of("PrometheusRule")["bulkhead"]
        (group,) = rule["spec"]["groups"]
        self.assertIn("{{ $labels.instance }}", group["rules"][0]["annotations"]["summary"])
        board = objects.of("ConfigMap")["bulkhead-dashboard"]
        self.assertEqual(board["metadata"]["labels"]["grafana_dashboard"], "1")
        with open(os.path.join(FILES, "dashboard.json")) as f:
            self.assertEqual(json.loads(board["data"]["bulkhead.json"]), json.load(f))
