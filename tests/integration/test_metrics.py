# SPDX-License-Identifier: Apache-2.0
"""/metrics as a real Prometheus meets it, and what else answers at that port."""
import contextlib
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.parse

import bpf
import wire
from case import PolicedCase
from node import BUILD, PIN_DIR, ROOT, eventually

PORT, SERVER = 17970, 19090
PLACE = "/run/bh-prometheus"
FLOWS = "/run/bh-flows.log"
CONFIG = f"""\
global: {{scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 500ms}}
rule_files: [{ROOT}/helm/bulkhead/files/rules.yaml]
scrape_configs:
- {{job_name: bulkhead, static_configs: [{{targets: ["127.0.0.1:{PORT}"]}}]}}
"""
# Only there where something has gone wrong, an API server is (tests/api/test_events.py), or the chain is ours.
RARE = re.compile(
    r"bulkhead_(unprotected_pods_by_reason|chained|kubernetes_events_total|denied_events_total|watch_\w+)$"
)
NOBODY = {"from": [{"podSelector": {"matchLabels": {"app": "nobody"}}}]}


def get(path, method="GET", port=PORT):
    """(status, content type, body)."""
    conn = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(conn):
        conn.request(method, path)
        answer = conn.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read().decode()


def samples(text):
    """{series: value}"""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    found = {series: float(value) for series, value in lines}
    assert len(found) == len(lines), "a series is there twice"
    return found


def judged(text):
    """(exit code, what it says) of the format's own judge."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def families(text):
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}


def table(text):
    """{name: its row} of a table in Markdown."""
    return {m[1]: m[0] for m in re.finditer(r"^\| `((?:bulkhead|process)_\w+)` \|.*$", text, re.M)}


class Metrics(PolicedCase):
    node_args = {
        "agent_args": [
            *("--metrics-address", f"127.0.0.1:{PORT}", "--metrics-per", "rule", "--metrics-per", "pod"),
            *("--flow-log", FLOWS),
        ]
    }

    def scrape(self):
        status, kind, text = get("/metrics")
        self.assertEqual((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"), text)
        return text

    def deny_db(self, *rules):
        """Nobody of ours reaches shop/db."""
        ingress = list(rules)
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=["Ingress"], ingress=ingress)
        self.addCleanup(self.node.remove_policies)
        self.assertTrue(eventually(lambda: not self.web.reaches(self.db), 10))

    def test_promtool(self):
        """By the format's own judge; and with nothing but what the table has, and all of that."""
        self.deny_db(NOBODY)
        text = self.scrape()
        self.assertEqual(judged(text), (0, ""))
        argv = [os.path.join(BUILD, "bulkhead-agent"), "metrics"]
        ours = table(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
        self.assertLessEqual(families(text), set(ours))
        fixed = [s for s in samples(text) if not re.match(r"bulkhead_(rule|pod)_|bulkhead_series_left_out", s)]
        self.assertEqual(len(fixed), 239, "docs/metrics.md says how many")  # with those of the flow log
        self.assertEqual({n for n in set(ours) - families(text) if not RARE.match(n)}, set())
        with open(os.path.join(ROOT, "docs/metrics.md")) as f:
            self.assertEqual(table(f.read()), ours, "docs/metrics.md: paste what `bulkhead-agent metrics` prints")

    def test_values(self):
        """They are those of `status`, and what was denied has its pod and its rule."""
        self.deny_db(NOBODY)
        before = samples(self.scrape())
        for _ in range(3):
            self.assertFalse(self.web.reaches(self.db))
        after, status = samples(self.scrape()), self.node.ask("status")
        denied = 'bulkhead_denied_packets_total{direction="ingress",reason="policy-denied"}'
        pod = 'bulkhead_pod_packets_total{namespace="shop",pod="db",direction="ingress",verdict="denied"}'
        everybody = 'bulkhead_packets_total{direction="ingress",verdict="denied"}'
        for series in (denied, pod, everybody):
            self.assertGreaterEqual(after[series] - before[series], 3, series)
        self.assertEqual(after["bulkhead_endpoints"], status["endpoints"])
        self.assertEqual(after["bulkhead_enforce_changes_total"], status["changes"])
        self.assertEqual(after["bulkhead_standby"], 0)
        self.assertEqual(after['bulkhead_objects{kind="policy"}'], 1)
        for m in status["maps"]:
            self.assertEqual(after[f'bulkhead_map_max_entries{{map="{m["map"]}"}}'], m["max"])
            self.assertEqual(after[f'bulkhead_map_entries{{map="{m["map"]}"}}'], m["used"])
        self.assertGreaterEqual(after['bulkhead_add_duration_seconds_count{outcome="ok"}'], 4)
        self.assertGreater(after['bulkhead_enforce_duration_seconds_count{cause="policy"}'], 0)
        self.assertTrue(any(s.startswith('bulkhead_rule_packets_total{rule="') for s in after))
        with open(f"/proc/{self.node.agent.pid}/status") as f:
            rss = 1024 * int(re.search(r"VmRSS:\s+(\d+)", f.read())[1])
        self.assertLess(abs(after["process_resident_memory_bytes"] - rss), rss / 2)

    def test_one_way(self):
        """Many packets from a pod, and none ever to it: so it looks where something takes them past our program."""
        src, dst = self.web.ips[4], "192.0.2.1"
        frame = wire.ether(self.web.mac, self.db.mac, wire.IP4, wire.ip4(src, dst, wire.UDP, wire.udp(src, dst, 1, 9, b"x")))
        program = bpf.pinned(os.path.join(PIN_DIR, "prog_from_pod"))
        self.addCleanup(os.close, program)
        series = 'bulkhead_one_way_pods{missing="%s"}'
        told = lambda: [samples(self.scrape())[series % way] for way in ("ingress", "egress")]  # noqa: E731
        ways = lambda: next(i for i in self.node.ctl("doctor", codes=(0, 1, 5)) if i["check"] == "both ways")  # noqa: E731
        self.assertEqual((told(), ways()["health"]), ([0, 0], "ok"))

        def found():  # again where a neighbour's ARP came by in between
            with bpf.Map("bh_ep_stats") as m:
                m.update(bpf.slot_of(self.web.ifindex), b"")
            held = ctypes.create_string_buffer(frame, len(frame))
            self.assertNotEqual(bpf.test_run(program, held, self.web.ifindex, 0, 101), bpf.SHOT)
            return told() == [1, 0] and (item := ways())["health"] == "warning" and item

        item = eventually(found, 60)
        self.assertTrue(item, "nobody told")
        self.assertRegex(item["text"], r"at 1 pods .* \(1: none to the pod, 0: none from it\): shop/web$")
        self.assertIn("'Packets pass one program alone'", item["todo"])
        self.assertTrue(self.web.reaches(self.db))
        self.assertEqual((told(), ways()["health"]), ([0, 0], "ok"))

    def test_of_each_rule_and_pod(self):
        """What one rule let through, in packets and bytes, and each pod once; nobody is left out."""
        ingress = [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=["Ingress"], ingress=ingress)
        self.addCleanup(self.node.remove_policies)
        rule = '{rule="shop/db ingress[0]"}'

        def decided():
            self.assertTrue(self.web.reaches(self.db))
            now = samples(self.scrape())
            return now if now.get("bulkhead_rule_packets_total" + rule) else None

        now = eventually(decided, 10)
        self.assertGreaterEqual(now["bulkhead_rule_bytes_total" + rule], 40)
        for name in ("packets", "bytes"):
            of_rules = [s for s in now if s.startswith(f"bulkhead_rule_{name}_total")]
            self.assertEqual(of_rules, [f"bulkhead_rule_{name}_total{rule}"])
        opened = [s for s in now if s.startswith("bulkhead_pod_sessions_opened_total")]
        want = [f'bulkhead_pod_sessions_opened_total{{namespace="{p.ns}",pod="{p.pod}"}}' for p in self.node.pods]
        self.assertEqual(opened, sorted(want))
        allowed = 'bulkhead_pod_packets_total{namespace="shop",pod="db",direction="ingress",verdict="allowed"}'
        self.assertGreaterEqual(now[allowed], now["bulkhead_rule_packets_total" + rule])
        self.assertEqual([now[f'bulkhead_series_left_out{{kind="{k}"}}'] for k in ("rule", "pod")], [0, 0])

    def test_asked_for(self):
        """No panel and no alert asks for a series that nobody has."""
        with open(os.path.join(ROOT, "docs/metrics.md")) as f:
            ours = set(table(f.read()))
        with open(os.path.join(ROOT, "helm/bulkhead/files/rules.yaml")) as f:
            asked = [*dashboard(), ("the alerts", f.read())]
        for title, expression in asked:
            names = re.findall(r"\b(?:bulkhead|process)_\w+", expression)
            bare = {n if n in ours else re.sub(r"_(?:bucket|sum|count)$", "", n) for n in names}
            self.assertLessEqual(bare, ours, f"{title}: {expression}")

    def test_probes(self):
        self.assertEqual(get("/livez")[::2], (200, "ok\n"))
        self.assertEqual(get("/readyz")[::2], (200, "ok\n"))
        self.assertEqual(get("/other")[0], 404)
        self.assertEqual(get("/metrics", "POST")[0], 405)
        self.assertEqual(get("/metrics", "HEAD")[::2], (200, ""))
        os.unlink("/sys/fs/bpf/bulkhead-v3/bh_endpoints")  # put back within two seconds
        status, _, text = get("/readyz")
        self.assertEqual(status, 503)
        self.assertIn("pins: not all are under", text)
        self.assertTrue(eventually(lambda: get("/readyz")[0] == 200, 10))

    def test_flow_log(self):
        """Every attempt, with names and policy, each number once; and a file that was moved away is left."""
        self.deny_db(NOBODY)
        already = len(flows())
        ports = range(40000, 40010)
        with contextlib.ExitStack() as stack:
            for port in ports:
                s = stack.enter_context(self.web.socket())
                s.setblocking(False)
                s.bind((self.web.ips[4], port))
                s.connect_ex((self.db.ips[4], 80))
            want = {(port, "shop/web", "shop/db", "denied", "policy-denied", "shop/db") for port in ports}

            def seen():
                return {
                    (f["src_port"], f["src_name"], f["dst_name"], f["verdict"], f["reason"], *f["policies"])
                    for f in flows()[already:]
                    if f["type"] == "flow" and f.get("src_port") in ports
                }

            self.assertTrue(eventually(lambda: seen() == want, 5), f"{seen()}")
        text = flows()
        numbers = [line["seq"] - (line["unwritten"] if line["type"] == "missed" else 0) for line in text]
        self.assertEqual(numbers, list(range(len(text))))
        self.assertEqual(sum(line["lost"] for line in text if line["type"] == "missed"), 0)
        os.rename(FLOWS, FLOWS + ".1")
        self.node.agent_signal(signal.SIGHUP)
        self.assertTrue(eventually(lambda: os.path.exists(FLOWS), 2))
        os.unlink(FLOWS + ".1")

    def test_prometheus(self):
        """It comes, finds the target up, and sees the counter grow; what the dashboard and the alerts ask has an
        answer."""
        self.deny_db()
        with Prometheus() as server:
            self.assertTrue(eventually(lambda: server.value("up") == 1, 20), server.log())
            denied = 'sum(bulkhead_denied_packets_total{reason="policy-denied"})'
            before = eventually(lambda: server.value(denied), 10)
            for _ in range(3):
                self.assertFalse(self.web.reaches(self.db))
            self.assertTrue(eventually(lambda: server.value(denied) >= before + 3, 10))
            self.assertTrue(eventually(lambda: server.value(f"rate({denied[4:-1]}[5s])") is not None, 10))
            rules = eventually(server.rules, 10)
            self.assertGreater(len(rules), 5)
            self.assertEqual({r["name"]: r["lastError"] for r in rules if r.get("lastError")}, {})
            for title, expression in dashboard():
                self.assertIsNotNone(server.query(expression), f"{title}: {expression}")

    def test_who_comes_next(self):
        """Two agents and one port: the one that comes has it as soon as the other one is gone."""
        node = self.node
        waits = "Address already in use, retrying; unless an agent before this one"
        standby = node.agent_process()
        self.assertTrue(eventually(lambda: waits in node.agent_log(), 10))
        self.assertEqual(samples(self.scrape())["bulkhead_standby"], 0)
        node.agent_stop()
        node.agent = standby
        node.agent_ready()

        def ours():
            with contextlib.suppress(OSError):
                return get("/readyz")[::2] == (200, "ok\n")

        self.assertTrue(eventually(ours, 10))
        self.assertEqual(node.agent_log().count("Address already in use"), 1)


def flows():
    with open(FLOWS) as f:
        return [json.loads(line) for line in f]


def dashboard():
    """[(panel, expression)], with its variables filled in."""
    with open(os.path.join(ROOT, "helm/bulkhead/files/dashboard.json")) as f:
        panels = json.load(f)["panels"]
    found = [(p["title"], t["expr"]) for p in panels for t in p.get("targets", [])]
    return [(title, e.replace("$__rate_interval", "5s").replace("$instance", ".*")) for title, e in found]


class Prometheus:
    """The real one, in our namespaces, on loopback."""

    def __enter__(self):
        os.makedirs(PLACE)
        with open(f"{PLACE}/config.yml", "w") as f:
            f.write(CONFIG)
        argv = ["prometheus", f"--config.file={PLACE}/config.yml", f"--storage.tsdb.path={PLACE}/data"]
        argv += [f"--web.listen-address=127.0.0.1:{SERVER}", "--log.level=warn"]
        with open(f"{PLACE}/log", "w") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(PLACE)

    def log(self):
        with open(f"{PLACE}/log") as f:
            return f.read()

    def ask(self, path):
        with contextlib.suppress(OSError, http.client.HTTPException):
            status, _, text = get(path, port=SERVER)
            if status == 200:
                return json.loads(text)["data"]
        return None

    def query(self, expression):
        """Its result; None: it is refused, or nobody answers."""
        data = self.ask("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        return data and data["result"]

    def value(self, expression):
        result = self.query(expression)
        return float(result[0]["value"][1]) if result else None

    def rules(self):
        """Once each has been evaluated."""
        data = self.ask("/api/v1/rules")
        rules = [r for g in data["groups"] for r in g["rules"]] if data else []
        return rules if rules and all(r["health"] == "ok" or r.get("lastError") for r in rules) else None
