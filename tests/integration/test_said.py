# SPDX-License-Identifier: Apache-2.0
"""docs/bulkheadctl.md and what bulkheadctl says: every answer that stands there is one, of this small node."""
import datetime
import os
import subprocess
import tempfile

from case import PolicedCase
from node import BUILD, PATIENCE, RUN_DIR, eventually
from said import hold, without_program, yaml_of

PAGE = "docs/bulkheadctl.md"
PORTS = (22, 53, 80, 443, 5432)
FROM = {app: {"podSelector": {"matchLabels": {"app": app}}} for app in ("web", "cli", "cache", "gone")}
TCP = {n: {"port": n, "protocol": "TCP"} for n in PORTS}
EVERYBODY = {"namespaces": {}}


class Said(PolicedCase):
    """shop/web, shop/db, shop/cli, lab/job, and the policy of the page."""

    configs = ["bridge/1.9/dual/tcx"]
    cost = 3

    @classmethod
    def start(cls):
        node = cls.node
        node.write_namespace("shop")
        node.write_namespace("lab")
        node.agent_start()
        cls.web, cls.db, cls.cli = (node.add_pod("shop", n, {"app": n}, serve=False) for n in ("web", "db", "cli"))
        cls.job = node.add_pod("lab", "job", {"app": "job"}, serve=False)
        for pod in (cls.web, cls.db):
            pod.serve(PORTS)

    def setUp(self):
        super().setUp()
        self.addCleanup(self.becomes_open)
        self.node.write("policy-page.yaml", yaml_of(PAGE, "app: web"))
        self.settles(lambda: not self.job.reaches(self.db) and self.web.reaches(self.db, port=5432))

    def becomes_open(self):
        self.node.remove_policies()
        self.settles(lambda: self.job.reaches(self.db) and not self.node.ctl("policy", "list"))

    def settles(self, what):
        self.assertTrue(eventually(what, 10))

    def answer(self, words):
        if "-f" in words and "flows" in words:  # what was before is told at once
            words = ["timeout", "-s", "INT", "1", os.path.join(BUILD, "bulkheadctl"), *without_program(words)]
            done = subprocess.run([*words, "--run-dir", RUN_DIR], capture_output=True, text=True, timeout=20 * PATIENCE)
            return done.returncode, done.stdout + done.stderr
        return self.node.ctl_text(*without_program(words))

    def hold(self, path=PAGE, **kw):
        hold(self, path, kw.pop("answer", self.answer), **kw)

    def flow(self, source, to, port, family=4):
        meter = source.start("flow", 20, "tcp", to.ips[family], port)
        self.addCleanup(meter.kill)
        self.settles(lambda: meter.report()["received"] > 5)

    def put(self, kind, name, spec, ns=None, **metadata):
        group = "networking.k8s.io/v1" if kind == "NetworkPolicy" else "policy.bulkhead.dev/v1alpha1"
        metadata |= {"name": name, **({"namespace": ns} if ns else {})}
        self.node.write(
            f"policy-{kind}-{name}.json", {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec}
        )

    def in_force(self, name):
        self.settles(lambda: any(p["in_force"] for p in self.node.ctl("policy", "list") if p["name"] == name))

    def test_explain(self):
        self.hold()

    def test_explain_port(self):
        self.hold("docs/troubleshooting.md")

    def test_explain_service(self):
        self.node.remove_policies()
        service = {"namespace": "shop", "name": "web"}
        port = {"port": 80, "protocol": "TCP"}
        spec = {"clusterIPs": ["10.96.0.1"], "ports": [port]}
        self.node.write("service.json", {"apiVersion": "v1", "kind": "Service", "metadata": service, "spec": spec})
        self.addCleanup(self.node.remove, "service.json")
        self.node.write(
            "slice.json",
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {**service, "labels": {"kubernetes.io/service-name": "web"}},
                "addressType": "IPv4",
                "endpoints": [{"addresses": [p.ips[4]]} for p in (self.web, self.db)],
                "ports": [{"port": 8080, "protocol": "TCP"}],
            },
        )
        self.addCleanup(self.node.remove, "slice.json")
        self.put(
            "NetworkPolicy",
            "cli",
            {"podSelector": {"matchLabels": {"app": "cli"}}, "policyTypes": ["Egress"], "egress": [{"to": [FROM["web"]]}]},
            "shop",
        )
        self.in_force("cli")
        self.hold()

    def test_simulate(self):
        self.flow(self.web, self.db, 5432)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(yaml_of(PAGE, "app: cli"))
            f.flush()
            self.hold(
                answer=lambda words: self.answer([f.name if w == "new.yaml" else w for w in words]), numbers=False
            )

    def test_unused(self):
        self.node.remove_policies()
        self.put("NetworkPolicy", "cache", {"podSelector": {"matchLabels": {"app": "cache"}}}, "shop")
        rules = [{"from": [FROM[who]], "ports": [TCP[5432]]} for who in ("web", "web", "gone")]
        self.put("NetworkPolicy", "db", {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": rules}, "shop")
        self.in_force("cache")
        self.settles(lambda: not self.job.reaches(self.db) and self.web.reaches(self.db, port=5432))
        self.hold()

    def test_top(self):
        self.flow(self.web, self.db, 5432)
        meter = self.cli.start("hammer", 20, "tcp", self.db.ips[4], 5432)
        self.addCleanup(meter.kill)
        self.hold(numbers=False)

    def test_doctor(self):
        self.hold(numbers=False)

    def test_flows(self):
        def before(words):
            for f in (4, 6):
                self.cli.reaches(self.db, port=5432, family=f, ms=100)
            self.job.reaches(self.db, port=443, ms=100)

        self.hold(before=before, numbers=False)

    def test_status(self):
        self.hold(numbers=False)

    def test_endpoints(self):
        self.hold(numbers=False)

    def test_stats(self):
        self.hold(numbers=False)

    def test_policy_list(self):
        self.node.remove_policies()
        http = [{"tcp": {"destinationPort": {"number": 80}}}]
        accept = {"name": "clients", "action": "Accept", "from": [{"pods": {"podSelector": {}}}], "protocols": http, "log": True}
        self.put(
            "ClusterSegmentationPolicy",
            "incident-4711",
            {
                "tier": "Admin",
                "priority": 1,
                "subject": EVERYBODY,
                "expires": (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=11.5)).strftime("%FT%TZ"),
                "ingress": [
                    {
                        "action": "Deny",
                        "from": [EVERYBODY],
                        "protocols": [{"tcp": {"destinationPort": {"number": 22}}}],
                    }
                ],
            },
        )
        self.put("SegmentationPolicy", "clients", {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": [], "ingress": [accept]}, "shop")
        self.put(
            "SegmentationPolicy",
            "lock-down",
            {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"], "mode": "Audit"},
            "shop",
        )
        self.put("NetworkPolicy", "open", {"podSelector": {}, "egres": []}, "lab")
        self.in_force("lock-down")

        def before(words):
            self.web.reaches(self.db, port=80, ms=100)
            self.job.reaches(self.db, port=443, ms=100)
            self.job.reaches(self.web, port=22, ms=100)

        self.hold(before=before)

    def test_policy_entries(self):
        self.hold()

    def test_policy_rules(self):
        self.flow(self.web, self.db, 5432)
        self.hold(numbers=False)

    def test_sessions(self):
        self.flow(self.web, self.db, 5432)

        def before(words):
            self.cli.reaches(self.db, port=5432, ms=100)
            self.web.reaches(self.db, port=5432, family=6)

        self.hold(before=before, numbers=False)

    def test_config(self):
        self.hold(numbers=False)

    def test_selftest(self):
        """A policy allows one of the server's two ports."""
        allow = [{"from": [FROM["web"]], "ports": [{"port": 8080, "protocol": "TCP"}]}]
        self.put("NetworkPolicy", "cli", {"podSelector": {"matchLabels": {"app": "cli"}}, "ingress": allow}, "shop")
        self.in_force("cli")
        program = os.path.join(BUILD, "bulkheadctl")
        server = self.cli.popen(program, "selftest", "serve", "8080", "8081")
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)

        def answer(words):
            argv = self.web.argv(program, *without_program(words))
            done = subprocess.run(argv, capture_output=True, text=True, timeout=60 * PATIENCE)
            return done.returncode, done.stdout + done.stderr

        self.hold(answer=answer, numbers=False)

    def test_typing_error(self):
        self.put("NetworkPolicy", "monitor", {"podSelector": {"matchLabels": {"app": "job"}}, "ingres": []}, "lab")
        self.settles(lambda: len(self.node.ctl("policy", "list")) == 2)
        self.hold("docs/troubleshooting.md")

    def test_no_agent(self):
        self.node.agent_kill()
        self.addCleanup(self.node.agent_start)
        self.hold("docs/troubleshooting.md")
