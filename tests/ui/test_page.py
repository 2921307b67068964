# SPDX-License-Identifier: Apache-2.0
"""The page, with real hands: a real agent, real sessions and denials, and a made-up cluster that is large."""
import json
import os
import subprocess
import unittest

import canned
from case import PolicedCase, Talk
from node import LOGS, READ_DIR, RUN_DIR, eventually, run
from page import CTL, Beside, Page, Ui

ODD = "<img src=x onerror=document.title=1>"
FROM_WEB = {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 80, "protocol": "TCP"}]}


class Live(PolicedCase):
    """shop/web talks to shop/db:80, as a rule allows; lab/job may not."""

    configs = ["bridge/1.9/dual/tcx"]

    @classmethod
    def start(cls):
        super().start()
        cls.node.write_policy("shop", "db", subject={"app": "db"}, ingress=[FROM_WEB])
        eventually(lambda: any(e["name"] == "db" and e["ingress_policies"] for e in cls.node.ctl("endpoints")), 10)
        assert not cls.job.reaches(cls.db)
        cls.talk = Talk(cls.web, cls.db, 4)
        cls.ui = Ui(RUN_DIR)
        cls.page = Page(cls.ui)
        cls.browser = cls.page.browser

    @classmethod
    def shut(cls):
        try:
            cls.talk.close()
            cls.page.close()
            assert cls.ui.close() == 0, "it is ended by a signal, and that is no failure"
        finally:
            super().shut()

    def setUp(self):
        super().setUp()
        self.browser.wait("bulkhead.data.edges.length >= 2")
        for key in ("Escape", "Escape"):
            self.browser.press(key)
        self.addCleanup(lambda: self.assertEqual(self.browser.log, [], "the page complains"))

    def test_edges_are_what_is_said(self):
        edges = {(e[0], e[1]): e for e in self.page.edges()}
        self.assertEqual(edges["shop/web", "shop/db"][2:], [80, "allowed"])
        self.assertEqual(edges["lab/job", "shop/db"][2:], [80, "denied"])
        web = self.browser.js("bulkhead.data.nodes.find((n) => n.id === 'shop/web').labels")
        self.assertEqual(web, {"app": "web", "tier": "front"})

    def test_lines_are_drawn(self):
        for source, verdict in (("shop/web", "allowed"), ("lab/job", "denied")):
            x, y = self.page.point(source, "shop/db", verdict)
            self.assertGreater(self.page.inked(x, y, verdict), 8, verdict)
        x, y = self.page.point("shop/web", "shop/db", "allowed")
        self.assertEqual(self.page.inked(x, y, "denied"), 0)

    def test_told_apart_without_colour(self):
        """What is allowed is one line, what is denied is broken."""
        self.assertEqual(self.page.gaps("shop/web", "shop/db", "allowed"), 0)
        self.assertGreater(self.page.gaps("lab/job", "shop/db", "denied"), 3)

    def test_boxes_by_a_label(self):
        boxes = "bulkhead.map.plan.groups.map((g) => g.name).sort()"
        self.assertLessEqual({"lab", "shop"}, set(self.browser.js(boxes)))
        self.page.choose("group", "app")
        self.assertLessEqual({"app=db", "app=job", "app=web"}, set(self.browser.js(boxes)))
        self.assertNotIn("shop", self.browser.js(boxes))
        name = "bulkhead.map.plan.places.get('lab/web').name"
        self.assertEqual(self.browser.js(name), "lab/web", "another than shop/web, in the same box")
        self.browser.screenshot(os.path.join(LOGS, "boxes-by-app.png"))
        self.page.choose("group", "")
        self.assertEqual(self.browser.js(name), "web")
        self.assertLessEqual({"lab", "shop"}, set(self.browser.js(boxes)))

    def test_time_window(self):
        for seconds in ("60", "300"):
            self.page.choose("window", seconds)
            self.browser.wait(f"bulkhead.data.window === {seconds}")
            self.assertIn(["shop/web", "shop/db", 80, "allowed"], self.page.edges())

    def test_click_on_a_line(self):
        """Its rule, its flows, and what `explain` says of it."""
        self.browser.click(*self.page.point("lab/job", "shop/db", "denied"))
        self.assertIn("lab/job → shop/db 80/TCP", self.browser.wait("document.querySelector('#panel h2')?.textContent"))
        self.assertIn("shop/db", self.page.text("#panel dl"))
        self.assertIn("policy-denied", self.page.text("#panel dl"))
        self.assertTrue(self.browser.js("document.getElementById('tip').hidden"), "the map has moved away from under it")
        flow = self.browser.wait("document.querySelector('#flows li')?.textContent")
        self.assertIn(f"lab/job {self.job.ips[4]}:", flow)
        self.browser.js("document.getElementById('explain').click()")
        said = self.browser.wait("document.querySelector('#why pre')?.textContent")
        self.assertEqual(said, self.node.ctl_text("explain", "lab/job", "shop/db", "80/tcp")[1])
        self.assertIn("DENIED: lab/job -> shop/db, TCP 80", said)

    def test_click_on_a_workload(self):
        x, y = self.browser.js("""(() => { const p = bulkhead.map.plan.places.get('shop/db'), v = bulkhead.map.view,
            box = bulkhead.map.canvas.getBoundingClientRect();
            return [(p.x + 20) * v.k + v.x + box.left, (p.y + 12) * v.k + v.y + box.top]; })()""")
        self.browser.click(x, y)
        self.browser.wait("document.querySelector('#panel h2')?.textContent === 'shop/db'")
        self.assertIn("← shop/web 80/TCP — allowed", self.page.text("#panel"))
        self.assertIn("← lab/job 80/TCP × denied", self.page.text("#panel"))

    def test_try_a_policy(self):
        """Which lines would change, and why; nothing is applied."""
        b, policy = self.browser, {
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "db", "namespace": "shop"},
            "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"ports": [{"port": 443}]}]},
        }
        self.page.try_policy(json.dumps(policy))
        said = b.wait("document.querySelector('#tried p:not(.dim)')?.textContent")
        self.assertIn("0 added, 1 replaced, 0 deleted", said)
        self.assertIn("shop/web → shop/db 80/TCP would be denied", self.page.text("#tried"))
        self.assertEqual(b.js("bulkhead.map.changes.map((l) => [l.from.id, l.to.id, l.verdict])"), [["shop/web", "shop/db", "denied"]])
        x, y = self.page.point("shop/web", "shop/db", "allowed")
        self.assertGreater(self.page.inked(x, y, "denied", 12), 8, "the line shows nothing of it")
        self.assertTrue(self.web.reaches(self.db), "it is in force")
        self.page.try_policy("kind: [")
        self.assertIn("stdin", b.wait("document.querySelector('#tried pre')?.textContent"))
        b.press("Escape")
        b.wait("bulkhead.map.changes.length === 0")

    def test_search_and_filters(self):
        self.browser.press("/")
        self.assertEqual(self.browser.js("document.activeElement.id"), "search")
        self.browser.type("app=job")
        self.browser.wait("bulkhead.chosen.edges.length === 1")
        self.assertEqual(self.page.edges(), [["lab/job", "shop/db", 80, "denied"]])
        self.assertIn("(of ", self.page.text("#count"))
        self.browser.press("Escape")
        self.browser.wait("bulkhead.chosen.edges.length >= 2")
        tick = "document.querySelector('#verdicts input[value=denied]').click()"
        self.browser.js(tick)
        self.assertNotIn("denied", {e[3] for e in self.page.edges()})
        self.assertIsNone(self.page.point("lab/job", "shop/db", "denied"))
        self.browser.js(tick)
        self.page.choose("namespace", "lab")
        self.assertTrue(all("lab/" in e[0] + e[1] for e in self.page.edges()))
        self.page.choose("namespace", "")

    def test_keys_alone(self):
        """From the top to a workload's connections, to the table, to help, and back."""
        self.browser.js("document.getElementById('map').focus()")
        for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
            self.browser.press(key)
        focused = self.browser.js("bulkhead.map.focused")
        self.assertIn(f"{focused}, ", self.page.text("#said"))
        self.browser.press("Enter")
        self.browser.wait(f"document.querySelector('#panel h2')?.textContent === {focused!r}")
        self.browser.press("Escape")
        self.browser.wait("document.getElementById('panel').hidden && document.activeElement.id === 'map'")
        self.browser.press("t")
        rows = self.browser.wait("[...document.querySelectorAll('#rows tr')].map((r) => r.textContent)")
        self.assertTrue(any("lab/job" in r and "× denied" in r for r in rows), rows)
        self.assertTrue(any("shop/web" in r and "shop/db ingress[0]" in r for r in rows), rows)
        self.browser.press("t")
        self.browser.press("?")
        self.browser.wait("document.getElementById('helping').open")
        self.browser.press("Escape")
        self.browser.wait("!document.getElementById('helping').open")

    def test_explained_by_keys_alone(self):
        """From a workload to its connection, to what `explain` says of it."""
        b = self.browser
        b.press("/")
        b.type("app=job")
        b.wait("bulkhead.chosen.edges.length === 1")
        b.js("document.getElementById('map').focus()")
        self.press_until("ArrowRight", "bulkhead.map.focused === 'lab/job'")
        b.press("Enter")
        b.wait("document.activeElement.matches('button.row')")
        b.press("Enter")
        b.wait("document.getElementById('explain')?.disabled === false")
        self.press_until("Tab", "document.activeElement.id === 'explain'")
        b.press("Enter")
        self.assertIn("DENIED: lab/job -> shop/db, TCP 80", b.wait("document.querySelector('#why pre')?.textContent"))
        for key in ("Escape", "/", "Escape"):
            b.press(key)

    def press_until(self, key, there):
        for _ in range(40):
            if self.browser.js(there):
                return
            self.browser.press(key)
        self.fail(f"no {key} leads to {there}")

    def test_who_may_ask(self):
        """Who has the link, from a page of this address alone; nothing else is read, and nothing is changed."""
        status, headers, body = self.ui.get("api/graph")
        self.assertEqual((status, headers["Content-Security-Policy"].split(";")[0]), (200, "default-src 'self'"))
        self.assertIn("shop/db", body)
        self.assertEqual(self.ui.get("//api/graph")[0], 404, "without the secret")
        self.assertEqual(self.ui.get("//" + "0" * 32 + "/api/graph")[0], 404, "with another one")
        self.assertEqual(self.ui.get("api/graph", Host="attacker.example")[0], 403, "a name that leads here")
        self.assertEqual(self.ui.get("api/graph", Origin="http://attacker.example")[0], 403, "a page of elsewhere")
        self.assertEqual(self.ui.get("api/graph", Origin=f"http://{self.ui.host}")[0], 200)
        self.assertEqual(self.ui.get("api/graph", "POST", **{"Content-Length": "0"})[0], 405)
        self.assertEqual(self.ui.get("api/simulate", "POST", **{"Content-Length": "1048577"})[0], 413)
        policies = "---\n".join(f"{{kind: NetworkPolicy, metadata: {{name: p{n}}}}}\n" for n in range(4000))
        self.assertGreater(len(policies), 2 * 65536)
        self.assertEqual(self.ui.get("api/simulate", "POST", body=policies)[0], 202, "the agents are asked")
        self.assertEqual(self.ui.get("api/simulate", "POST", Origin="http://attacker.example", **{"Content-Length": "0"})[0], 403)
        self.assertEqual(self.ui.get("api/simulate")[0], 404, "by GET")
        self.assertEqual(self.ui.get("../../etc/passwd")[0], 404)
        self.assertEqual(self.ui.get("api/explain?src=-A&dst=x&port=1")[0], 400)

    def test_which_node(self):
        name = self.node.ctl("config")["options"]["node-name"]
        self.assertEqual(self.browser.wait("document.querySelector('#where').textContent"), f" · node {name} alone")
        self.assertIn(name, self.browser.js("document.title"))
        self.assertFalse(self.browser.js("document.getElementById('trial').hidden"))

    def test_beside_an_agent(self):
        """Without rights, at a port that another one has at first; it answers GET, and no policy can be tried."""
        before = Ui(RUN_DIR)
        beside = Beside(READ_DIR, before.host)
        try:
            self.assertIn("Address already in use", beside.process.stderr.readline())
            before.close()
            beside.read_link()
            self.assertIn(
                f"kubectl -n bulkhead port-forward bulkhead-agent-x2v4z {beside.port}", beside.process.stderr.readline()
            )
            self.assertEqual((beside.host, beside.get("//api/graph")[0]), (before.host, 404))
            self.assertEqual(beside.get("api/simulate", "POST", **{"Content-Length": "0"})[0], 405)
            status = f"/proc/{beside.process.pid}/status"
            with open(status) as f:
                caps = [line.split()[1] for line in f if line.startswith(("CapPrm", "CapEff", "CapBnd"))]
            self.assertEqual({int(c, 16) for c in caps}, {0})
            page = Page(beside)
            self.addCleanup(page.close)
            page.browser.wait("bulkhead.data.edges.length >= 2")
            self.assertIn(["lab/job", "shop/db", 80, "denied"], page.edges())
            self.assertTrue(page.browser.js("document.getElementById('trial').hidden"))
            self.assertEqual(page.browser.wait("document.querySelector('#where').textContent")[-6:], " alone")
            self.assertEqual(page.browser.log, [])
        finally:
            code = beside.close()
        self.assertEqual(code, 0)

    def test_not_where_others_are(self):
        for address in ("0.0.0.0:0", "192.0.2.1:8080", "[::]:0"):
            done = subprocess.run([CTL, "ui", "--listen", address], capture_output=True, text=True, timeout=10)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("others could reach this address", done.stderr)
        done = subprocess.run([CTL, "ui", "--listen", self.ui.host], capture_output=True, text=True, timeout=10)
        self.assertEqual(done.returncode, 2)
        self.assertIn("Address already in use", done.stderr)


KUBECTL = """\
#!/bin/sh
case " $* " in *' get pods '*) cat /run/bin/pods; exit ;; esac
case " $* " in *' n3-'*) echo 'Error from server (Forbidden): no pods/exec' >&2; exit 1 ;; esac
exec {ctl} request --run-dir /run/canned
"""


def agent_pod(node):
    return {
        "metadata": {"namespace": "bulkhead-system", "name": f"{node}-agent"}, "status": {"phase": "Running"},
        "spec": {"nodeName": node, "containers": [{"name": "agent"}]},
    }


class Nodes(unittest.TestCase):
    """Through a kubectl: two nodes that see the same sessions, and one that may not be asked."""

    @staticmethod
    def title(config):
        return "page.Nodes"

    @classmethod
    def setUpClass(cls):
        run("ip", "link", "set", "lo", "up")
        run("mount", "-t", "tmpfs", "bh", "/run")
        os.mkdir("/run/bin")
        with open("/run/bin/kubectl", "w") as f:
            f.write(KUBECTL.format(ctl=CTL))
        os.chmod("/run/bin/kubectl", 0o755)
        with open("/run/bin/pods", "w") as f:
            json.dump({"items": [agent_pod(n) for n in ("n1", "n2", "n3")]}, f)
        os.environ["PATH"] = f"/run/bin:{os.environ['PATH']}"
        cls.agent = canned.large("/run/canned", 40, 100)
        cls.ui = Ui()
        cls.page = Page(cls.ui)

    @classmethod
    def tearDownClass(cls):
        cls.page.close()
        cls.ui.close()
        cls.agent.shutdown()

    def test_seen_by_two_is_one(self):
        edges = self.page.browser.js("bulkhead.data.edges.map((e) => [e.sessions, e.denied + e.audited])")
        self.assertEqual(sum(e[0] for e in edges), 90)
        self.assertEqual(sum(e[1] for e in edges), 20, "a report of each node, though they are alike")
        pods = self.page.browser.js("bulkhead.data.nodes.map((n) => n.pods)")
        self.assertEqual(pods, [2] * 40)

    def test_which_nodes(self):
        self.assertEqual(self.page.browser.wait("document.querySelector('#where').textContent"), " · nodes n1, n2")

    def test_who_is_missing_is_named(self):
        self.assertIn("node n3: ", self.page.text("#trouble"))
        self.assertIn("Forbidden", self.page.text("#trouble"))


def change(was, **more):
    ruled = {"was_rule": None, "was_isolated_by": [], "is": "denied", "is_rule": None, "is_isolated_by": ["team-00/deny"]}
    return {"ports": [{"proto": "TCP", "ports": "0-79"}], "but": [], "was": was, **ruled, **more}


def pairs(n):
    """The first of them has more of everything than an agent tells."""
    alike = {
        "kind": "pairs", "direction": "ingress", "pods": ["a/x"], "pods_n": 1, "peers": ["a/y"], "peers_n": 2, "peers_more": 0,
        "changes": [change("allowed")], "changes_more": 0,
    }
    ports = [{"proto": "TCP", "ports": "80"}, {"proto": "UDP", "ports": "any"}, {"proto": "0-5", "ports": "any"}]
    changes = [change("audited", but=ports, was_isolated_by=["a/p", "a/q"]), change("allowed", was_rule="a/p ingress[0]")]
    yield {**alike, "pods_n": 4000, "peers_n": 9000, "peers_more": 8999, "changes": changes, "changes_more": 7}
    yield from (alike for _ in range(n - 1))


def simulated(request):
    """An agent with too little memory for two of three questions."""
    name = request["policies"][0]["metadata"]["name"]
    done = {"added": 1, "replaced": 0, "deleted": 0, "sessions": 0, "sessions_denied": 0}
    if name == "many":
        yield from pairs(201)
    yield {"kind": "summary", **done, "complete": name == "idle"}


class Large(unittest.TestCase):
    """2,000 workloads and 20,000 connections, and one whose name would be markup."""

    @staticmethod
    def title(config):
        return "page.Large"

    @classmethod
    def setUpClass(cls):
        run("ip", "link", "set", "lo", "up")
        run("mount", "-t", "tmpfs", "bh", "/run")
        cluster = canned.Cluster(2000, 20000)
        odd = cluster.session(1, ("odd", ODD, "10.9.9.9"), cluster.pods[0], 80)
        replies = {name: list(getattr(cluster, name)()) for name in ("endpoints", "sessions", "flows")}
        replies["sessions"].append(odd)
        ops = {name: lambda _, r=r: r for name, r in replies.items()}
        cls.agent = canned.Agent("/run/canned", {**ops, "simulate": simulated})
        cls.ui = Ui("/run/canned")
        cls.page = Page(cls.ui)
        cls.browser = cls.page.browser

    @classmethod
    def tearDownClass(cls):
        cls.page.close()
        cls.ui.close()
        cls.agent.shutdown()

    def test_all_of_it(self):
        """And how quick that was, for whoever wants to know."""
        self.assertEqual(self.page.text("#count"), "2,001 workloads, 20,001 connections")
        b = self.browser
        timing = b.js("""(async () => {
            const began = performance.now(), text = await (await fetch('api/graph?window=300')).text(), read = performance.now();
            const map = bulkhead.map, frames = [];
            map.render();
            const drawn = performance.now();
            const moving = performance.now();
            for (let i = 0, last = moving; i < 90; i++) {
                if (i % 30 < 20) map.pan(3, 1); else map.zoom(1.01);
                const now = await new Promise(requestAnimationFrame);
                frames.push(now - last);
                last = now;
            }
            const moved = performance.now() - moving;
            frames.sort((x, y) => x - y);
            const paint = performance.getEntriesByType('paint').find((p) => p.name === 'first-contentful-paint');
            return { graph_bytes: text.length, graph_ms: read - began, draw_ms: drawn - read, frames: frames.length,
                frames_per_second: frames.length * 1000 / moved, frame_ms_median: frames[45], frame_ms_95: frames[85],
                frame_ms_slowest: frames[89], first_paint_ms: paint && paint.startTime, asking_ms: bulkhead.data.took_ms };
        })()""")
        timing["command_peak_kb"] = self.ui.peak_kb()
        timing["machine"] = {"load": os.getloadavg(), "cpus": os.cpu_count()}
        with open(os.path.join(LOGS, "figures.json"), "w") as f:
            json.dump(timing, f, indent=1)
        self.assertEqual(timing["frames"], 90)
        self.assertGreater(timing["command_peak_kb"], 0)
        b.press("0")

    def test_load(self):
        """The page anew, when the agents have answered: until the map is drawn."""
        b = self.browser
        b.go(self.ui.url)
        b.wait("document.body.dataset.loaded === 'yes' && bulkhead.map.drawn")
        ms = b.js("performance.getEntriesByName('drawn')[0].startTime")
        with open(os.path.join(LOGS, "load.json"), "w") as f:
            json.dump({"load_ms": ms, "machine": {"load": os.getloadavg(), "cpus": os.cpu_count()}}, f)
        self.assertEqual(self.page.text("#count"), "2,001 workloads, 20,001 connections")

    def test_from_afar_and_near(self):
        """Boxes with sums first; a click enters one."""
        b = self.browser
        b.js("bulkhead.map.fit()")
        self.assertTrue(b.js("bulkhead.map.far"))
        counts = b.js("bulkhead.map.plan.groups.map((g) => g.counts.denied + g.counts.audited)")
        self.assertEqual(sum(counts), 2000)
        x, y = b.js("(() => { const m = bulkhead.map, g = m.plan.groups[7], box = m.canvas.getBoundingClientRect();"
                    "return [(g.x + 30) * m.view.k + m.view.x + box.left, (g.y + 30) * m.view.k + m.view.y + box.top]; })()")
        b.click(x, y)
        b.wait("!bulkhead.map.far")
        b.js("bulkhead.map.fit()")

    def test_search(self):
        b = self.browser
        b.press("/")
        b.type("ns:team-07 port:443")
        b.wait("bulkhead.chosen.edges.length > 0 && bulkhead.chosen.edges.every((e) => e.port === 443)")
        edges = self.page.edges()
        self.assertTrue(edges)
        self.assertTrue(all("team-07/" in e[0] + e[1] and e[2] == 443 for e in edges))
        b.press("Escape")
        b.wait("bulkhead.chosen.edges.length > 20000")

    def test_what_a_trial_leaves_out(self):
        """Of long lists how long they are; of half an answer that it is one."""
        text = self.tried("many")
        for part in (
            "a/x and 3,999 more ← a/y and more: 9,000 addresses and blocks",
            "any but TCP 80, UDP, protocols 0-5: audited (isolated by a/p, a/q) → denied (isolated by team-00/deny)",
            "TCP 0-79: allowed (a/p ingress[0]) → denied (isolated by team-00/deny)and 7 more",
            "a/x ← a/yTCP 0-79: allowed (nobody isolates it) → denied (isolated by team-00/deny)a/x",
            "Incomplete: an agent ran out of memory",
            "Pods and peers (201)",
        ):
            self.assertIn(part, text)
        self.assertTrue(text.endswith("denied (isolated by team-00/deny)and 1 more"), text[-100:])
        self.assertIn("Incomplete", self.tried("short"))
        self.assertNotIn("nothing.", self.page.text("#tried"))
        self.assertIn("It would change nothing.", self.tried("idle"))
        self.assertNotIn("Incomplete", self.page.text("#tried"))
        self.assertRegex(self.tried("x" * (1 << 20)), r"Cannot simulate: the policies have 1048\d{3} bytes, and at most 1048576 are taken")
        self.browser.press("Escape")

    def tried(self, name):
        """What the page says of a policy of that name."""
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}, "spec": {}}
        self.page.try_policy(json.dumps(policy))
        self.browser.wait("!!document.querySelector('#tried p:not(.dim)')")
        return self.page.text("#tried")

    def test_table_is_bounded(self):
        b = self.browser
        b.js("document.getElementById('view').click()")
        self.assertEqual(b.wait("document.querySelectorAll('#rows tr').length"), 200)
        b.js("document.getElementById('more').click()")
        self.assertEqual(b.js("document.querySelectorAll('#rows tr').length"), 400)
        self.assertTrue(b.js("[...document.querySelectorAll('#rows tr')].every((r) => r.textContent.includes('× denied'))"))
        b.js("document.getElementById('view').click()")

    def test_names_are_text(self):
        """Of the cluster, everywhere on the page."""
        b = self.browser
        b.js("bulkhead.map.on.node(bulkhead.data.nodes.find((n) => n.ns === 'odd'))")
        self.assertEqual(self.page.text("#panel h2"), f"odd/{ODD}")
        b.js("document.querySelector('#panel li button').click()")
        b.wait("!!document.querySelector('#flows li')")
        self.assertIn(ODD, self.page.text("#flows"))
        b.js("document.getElementById('view').click()")
        b.js("document.getElementById('search').value = 'ns:odd'; document.getElementById('search').dispatchEvent(new Event('input'))")
        b.wait("document.querySelectorAll('#rows tr').length === 1")
        self.assertIn(ODD, self.page.text("#rows"))
        self.assertEqual(b.js("document.images.length + document.querySelectorAll('#panel script').length"), 0)
        self.assertIn("Bulkhead", b.js("document.title"))
        b.js("document.getElementById('view').click(); document.getElementById('search').value = ''; document.getElementById('search').dispatchEvent(new Event('input'))")
        b.press("Escape")
        self.assertEqual(b.log, [])
