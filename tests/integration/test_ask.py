# SPDX-License-Identifier: Apache-2.0
"""What people ask at night: why was that denied, what would this policy do, what does nobody need."""
import contextlib
import json
import os
import re
import subprocess
import tempfile
import time

from case import PolicedCase
from node import BUILD, READ_DIR, ROOT, RUN_DIR, eventually

FROM_WEB = {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 80, "protocol": "TCP"}]}


def network_policy(name, ns="shop", **spec):
    spec = {"podSelector": {"matchLabels": {"app": "db"}}, **spec}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": ns},
        "spec": spec,
    }


class Ask(PolicedCase):
    configs = ["bridge/1.9/dual/tcx"]
    cost = 2

    def setUp(self):
        super().setUp()
        self.addCleanup(self.node.remove_policies)

    def allow_web(self):
        """On port 80 of db; once that holds."""
        self.node.write_policy("shop", "db", subject={"app": "db"}, ingress=[FROM_WEB])
        self.assertTrue(eventually(lambda: not self.job.reaches(self.db) and self.web.reaches(self.db)))

    @contextlib.contextmanager
    def file_of(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
            f.write(text if isinstance(text, str) else json.dumps(text))
            f.flush()
            yield f.name

    def checks(self, answer, **fields):
        return [c for c in answer["checks"] if all(c[k] == v for k, v in fields.items())]

    def test_explain_names_the_closest_rule(self):
        self.allow_web()
        answer = self.node.ctl("explain", "shop/web", "shop/db", "443", codes=(1,))
        denied = self.checks(answer, at="shop/db", direction="ingress", verdict="deny")
        self.assertEqual(len(denied), len(self.node.families), answer)
        for check in denied:
            self.assertEqual(check["closest"]["rule"], "shop/db ingress[0]")
            self.assertEqual(
                check["closest"]["fields"],
                [{"field": "port", "text": "asked TCP 443, the rule has TCP 80"}],
            )
        self.assertEqual({c["closest"] for c in answer["checks"] if c["verdict"] == "allow"}, {None})
        code, text = self.node.ctl_text("explain", "lab/web", "shop/db", "80")
        self.assertEqual(code, 1, text)
        self.assertIn(
            "closest is 'shop/db ingress[0]', but for namespace (pods of namespace shop expected, lab/web is in lab)",
            text,
        )

    def test_flows_name_the_closest_rule(self):
        """As `explain` does, of what was denied before the question came, and only if asked to."""
        self.allow_web()
        self.assertTrue(eventually(lambda: not self.web.reaches(self.db, port=443)))
        told = lambda *more: self.node.ctl("flows", "--port", "443/tcp", "--policy", "shop/db", *more)  # noqa: E731
        self.assertTrue(eventually(told))
        self.assertNotIn("closest", told()[-1])
        self.assertEqual(
            told("--why")[-1]["closest"],
            {
                "rule": "shop/db ingress[0]",
                "fields": [{"field": "port", "text": "asked TCP 443, the rule has TCP 80"}],
            },
        )
        self.assertIn(
            "\n          closest is 'shop/db ingress[0]', but for port (asked TCP 443, the rule has TCP 80)\n",
            self.node.ctl_text("flows", "--why", "--port", "443/tcp")[1],
        )

    def test_flows_of_a_name_that_nobody_has(self):
        """It is said before anything else, and it goes on; what a pod elsewhere is called is known."""
        self.allow_web()
        self.node.write_pod("lab", "far", {"app": "web"}, ["10.99.0.1"], nodeName="elsewhere")
        self.addCleanup(self.node.remove_pod, "lab", "far")
        self.assertTrue(eventually(lambda: self.node.ask("names", pods=["lab/far"], policies=["db"])["items"] == []))
        names = {"pods": ["wbe", "lab/far", "shop/db"], "namespaces": ["lab", "shpo"], "policies": ["shop/bd", None]}
        self.assertEqual(
            [(i["kind"], i["name"]) for i in self.node.ask("names", **names)["items"]],
            [("pod", "wbe"), ("namespace", "shpo"), ("policy", "shop/bd")],
        )
        argv = [os.path.join(BUILD, "bulkheadctl"), "--run-dir", RUN_DIR, "flows", "-f"]
        argv += ["--pod", "shop/wbe", "--peer", "lab/far", "--policy", "db"]
        asker = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(asker.stderr.close)
        self.addCleanup(asker.wait)
        self.addCleanup(asker.kill)
        self.assertIn("no pod 'shop/wbe' is known now (did you mean 'shop/web'?); going on", asker.stderr.readline())
        self.assertIsNone(asker.poll())

    def test_flows_go_on_over_a_restart(self):
        """None twice, none lost in silence: what nobody read while no agent was there is read later, or counted."""
        self.allow_web()
        ports = range(10000, 10300)
        knock = lambda some: self.job.try_all([("udp", self.db.ips[4], p) for p in some], 100)  # noqa: E731
        lost = lambda: self.node.ask("status")["events_lost"]  # noqa: E731
        with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
            told = lambda: [json.loads(x) for x in open(out.name).read().splitlines(True) if x[-1] == "\n"]  # noqa: E731
            to = lambda port: [f for f in told() if f.get("dst_port") == port]  # noqa: E731
            argv = [os.path.join(BUILD, "bulkheadctl"), "--run-dir", RUN_DIR, "-o", "json", "flows", "-f"]
            asker = subprocess.Popen(argv, stdout=open(out.name, "w"), stderr=open(err.name, "w"))
            self.addCleanup(asker.wait)
            self.addCleanup(asker.kill)
            knock(ports[:100])
            self.assertTrue(eventually(lambda: to(ports[99])))
            before = lost()
            self.node.agent_kill()
            knock(ports[100:200])
            self.node.agent_start()
            self.assertTrue(eventually(lambda: "has restarted" in open(err.name).read(), 30), err.read())
            knock(ports[200:])
            self.assertTrue(eventually(lambda: to(ports[299])))
            said = open(err.name).read().splitlines()
            self.assertRegex(said[0], "the agent hung up without an answer; going on when it is back$")
            self.assertRegex(said[1], "the agent has restarted; what the last one had read and not passed on is not known$")
            self.assertEqual(len(said), 2, said)
            times = [(f["time"], f["src_port"], f["dst_port"]) for f in told() if f.get("proto") == "UDP"]
            self.assertEqual(len(times), len(set(times)))
            self.assertNotIn("at", told()[-1])
            self.assertEqual(sum(f.get("lost", 0) for f in told()), lost() - before)

    def test_flows_from_where_one_was(self):
        """The socket's side of it: by the number of a report in this run of the agent, what came since."""
        self.allow_web()
        since = lambda at: self.node.ask("flows", lost=True, resume=at)["items"]  # noqa: E731
        self.node.agent_kill()
        self.node.agent_start()
        ports = iter(range(20000, 60000))
        knock = lambda: self.job.try_all([("udp", self.db.ips[4], next(ports)) for _ in range(250)], 50)  # noqa: E731
        knock()
        self.assertTrue(eventually(lambda: len(since({})) > 1))
        items = since({})
        at = items[0]["at"]
        later = [f for f in since(at) if f["at"]["seq"] <= items[-1]["at"]["seq"]]
        self.assertEqual(later, items[1:])
        self.assertEqual(since({**at, "run": "another"})[: len(items)], items)
        self.assertTrue(eventually(lambda: knock() and since({})[-1]["at"]["seq"] >= 1100, 30), since({})[-1])
        first, second = since(at)[:2]
        self.assertEqual(first["lost"], second["at"]["seq"] - at["seq"] - 1)
        self.assertTrue(first["away"])
        self.assertEqual(len(since({})), 1024)

    def test_nothing_is_said_to_be_nothing(self):
        """So that nobody takes a slip in a name for a quiet night; for programs it is an empty list."""
        for words, text in (
            (["flows", "-n", "nowhere"], r"none of the \d+ flows that are known is one of those|no flow is known that"),
            (["endpoints", "--unprotected"], "every pod that is known runs with our programs"),
            (["unused"], "Nothing: every policy has pods"),
            (["policy", "list"], "no policy is known"),
            (["top", "rules", "--interval", "0.1"], "no rule was hit, and no packet of a session that one allowed"),
            (["top", "peers", "--interval", "0.1"], "no denial was reported within 100 ms"),
        ):
            # The test before has taken its policies away: "a change of policies is on its way: ask again".
            asked = eventually(lambda w=words: next((a for a in [self.node.ctl_text(*w)] if a[0] != 3), None), 10)
            self.assertTrue(asked, f"{words}: {self.node.ctl_text(*words)}")
            code, said = asked
            self.assertEqual(code, 0, f"{words}: {said}")
            self.assertRegex(said, text)
            self.assertEqual(self.node.ctl(*words), [])

    def test_one_policy(self):
        """Whose it is, and what its rule has let through."""
        self.allow_web()
        shown = lambda: self.node.ctl("policy", "show", "db")  # noqa: E731
        self.assertTrue(eventually(lambda: shown()[0]["rules"][0]["hits"]), shown())
        (policy,) = shown()
        self.assertEqual((policy["kind"], policy["subjects"]), ("NetworkPolicy", ["shop/db"]))
        self.assertEqual([(n["in_force"], n["pods"]) for n in policy["nodes"]], [(True, 1)])
        self.assertEqual([r["rule"] for r in policy["rules"]], ["shop/db ingress[0]"])
        code, text = self.node.ctl_text("policy", "show", "shop/dv")
        self.assertEqual(code, 2, text)
        self.assertIn("no agent knows a policy 'shop/dv'; did you mean 'shop/db'?", text)

    def test_explain_of_itself(self):
        """Loopback meets no program: no verdict would be true."""
        code, text = self.node.ctl_text("explain", "shop/db", self.db.ips[4], "80")
        self.assertEqual(code, 2, text)
        self.assertIn("both are 'shop/db': what a pod sends to itself never leaves it", text)

    def test_explain_of_another_node(self):
        """One end is here: the other one is named, with whom to ask; with neither there is no answer."""
        self.node.write_pod("lab", "far", {"app": "web"}, ["10.99.0.1"], nodeName="elsewhere")
        self.addCleanup(self.node.remove_pod, "lab", "far")
        half = lambda **kw: self.node.ctl("explain", "lab/far", "shop/db", "80", codes=(4,), **kw)  # noqa: E731
        self.assertTrue(eventually(lambda: half(check=False)))
        answer = half()
        self.assertEqual(answer["verdict"], "allow")
        self.assertEqual(answer["unasked"], [{"at": "lab/far", "node": "elsewhere"}])
        self.assertEqual({c["at"] for c in answer["checks"]}, {"shop/db"})
        code, text = self.node.ctl_text("explain", "lab/far", "shop/db", "80")
        self.assertEqual((code, text.splitlines()[0]), (4, "ALLOWED AS FAR AS ASKED: lab/far -> shop/db, TCP 80"))
        self.assertIn("not asked: what happens at lab/far, which is on node 'elsewhere'", text)
        code, text = self.node.ctl_text("explain", "203.0.113.9", "shop/db", "80")  # no agent would know more
        self.assertEqual((code, text.splitlines()[0]), (0, "ALLOWED: 203.0.113.9 -> shop/db, TCP 80"))
        self.node.write_pod("lab", "near", {"app": "web"}, ["10.99.0.2"], nodeName="elsewhere")
        self.addCleanup(self.node.remove_pod, "lab", "near")
        asked = lambda: self.node.ctl_text("explain", "lab/far", "lab/near", "80")  # noqa: E731
        self.assertTrue(eventually(lambda: "neither 'lab/far' nor 'lab/near' is on this node" in asked()[1]), asked())
        self.assertEqual(asked()[0], 2)

    def test_what_audited_policies_allow(self):
        """It is allowed without a rule, as is what nobody isolates: three commands tell the two apart."""
        self.allow_web()
        self.node.write_namespace("shop", {"team": "red", "policy.bulkhead.dev/mode": "Audit"})
        self.addCleanup(self.node.write_namespace, "shop", {"team": "red"})
        entries = lambda: self.node.ctl("policy", "entries", "--pod", "shop/db")  # noqa: E731
        self.assertTrue(eventually(lambda: any(e["action"] == "audit" for e in entries())), entries())
        code, text = self.node.ctl_text("explain", "shop/web", "shop/db", "80")
        self.assertEqual(code, 0, text)
        self.assertIn("allowed, isolated for ingress by shop/db, in mode Audit, and a rule of theirs allows it", text)
        text = self.node.ctl_text("policy", "entries", "--pod", "shop/db")[1]
        self.assertRegex(text, r"\(shop/web\) +TCP +80 +allow +allowed by shop/db, in mode Audit\n")
        self.assertRegex(text, r" egress +any .* allow +no policy isolates it\n")
        with self.file_of(network_policy("more", ingress=[{**FROM_WEB, "ports": [{"port": 443}]}])) as name:
            code, text = self.node.ctl_text("simulate", "-f", name)
        self.assertRegex(
            text, r"TCP 443 +audited +isolated by shop/db +allowed +allowed by shop/db, shop/more, in mode Audit\n"
        )

    def test_simulate(self):
        """It says what would be, live flows and all; nothing of it is. Applied, it is so."""
        self.allow_web()
        meter = self.web.start("flow", 5, "tcp", self.db.ips[4], 80)
        self.addCleanup(meter.kill)
        self.assertTrue(eventually(lambda: meter.report()["received"] > 5))
        before = self.node.ctl("policy", "entries")
        maps = self.node.ask("status")["maps"]
        with self.file_of(network_policy("db", ingress=[{**FROM_WEB, "ports": [{"port": 443}]}])) as name:
            told = self.node.ctl("simulate", "-f", name, codes=(1,))
            code, text = self.node.ctl_text("simulate", "-f", name)
        self.assertEqual(told["problems"], [])
        self.assertEqual((told["summary"]["added"], told["summary"]["replaced"]), (0, 1), told)
        pair = [p for p in told["pairs"] if p["pods"] == ["shop/db"] and p["peers"] == ["shop/web"]]
        changes = {
            (c["ports"][0]["proto"], c["ports"][0]["ports"]): (c["was"], c["was_rule"], c["is"], c["is_rule"])
            for p in pair
            for c in p["changes"]
        }
        rule = "shop/db ingress[0]"
        self.assertEqual(
            changes,
            {("TCP", "80"): ("allowed", rule, "denied", None), ("TCP", "443"): ("denied", None, "allowed", rule)},
        )
        self.assertEqual(len(told["pairs"]), len(pair), told["pairs"])
        cut = told["sessions"]
        self.assertTrue(cut and all(s["pod"] == "shop/db" and s["local_port"] == 80 for s in cut), told)
        self.assertTrue(all(s["was"] == "allowed" and s["is"] == "denied" for s in cut), cut)
        self.assertGreater(max(s["bytes_in"] for s in cut), 0)
        self.assertEqual(code, 1)
        self.assertIn("isolated by shop/db", text)
        self.assertIn("nothing of it is in force", text)
        self.assertEqual(self.node.ctl("policy", "entries"), before)
        self.assertEqual(self.node.ask("status")["maps"], maps)
        received = meter.report()["received"]
        self.assertTrue(eventually(lambda: meter.report()["received"] > received + 5))

    def test_simulate_what_goes(self):
        self.allow_web()
        told = self.node.ctl("simulate", "--delete", "NetworkPolicy/shop/db")
        self.assertEqual(told["summary"]["pairs_denied"], 0)
        self.assertGreater(told["summary"]["pairs_allowed"], 0)
        blocks = [{"ipBlock": {"cidr": f"10.60.{n}.0/24"}} for n in range(0, 80, 2)]
        with self.file_of(network_policy("blocks", ingress=[{"from": blocks}])) as name:
            (pair,) = self.node.ctl("simulate", "-f", name)["pairs"]
        self.assertEqual((len(pair["peers"]), pair["peers_n"], pair["peers_more"]), (32, 40, 8))
        code, text = self.node.ctl_text("simulate", "--delete", "NetworkPolicy/shop/bd")
        self.assertEqual(code, 2)
        self.assertIn("there is no NetworkPolicy 'shop/bd'; did you mean 'shop/db'?\nhint: 'bulkheadctl policy list' lists", text)

    def test_simulate_what_is_not_understood(self):
        """By object and path; and files that hold no policy, or nothing at all."""
        spec = "spec: {podSelector: {}, egres: []}\n"
        with self.file_of(
            "apiVersion: v1\nkind: Service\nmetadata: {name: s}\n---\n"
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: odd, namespace: shop}\n" + spec
        ) as name:
            code, text = self.node.ctl_text("simulate", "-f", name)
        self.assertEqual(code, 1, text)
        self.assertIn("not understood: shop/odd: spec.egres is not a known field", text)
        self.assertIn("Service 's' is no policy, ignoring", text)
        for text, what in (
            ("a: [", "flow node"),
            ("{}", ":1: what has no kind is no policy, ignoring"),
            ("", "no policy"),
            ("#" * ((4 << 20) + 1), "larger than 4194304 bytes"),
        ):
            with self.file_of(text) as name:
                code, said = self.node.ctl_text("simulate", "-f", name)
            self.assertEqual(code, 2, said)
            self.assertIn(what, said)
        code, said = self.node.ctl_text("simulate", "-f", os.path.join(os.path.dirname(name), "nowhere.yaml"))
        self.assertEqual(code, 2)
        self.assertIn("nowhere.yaml", said)

    def test_status_names_what_is_not_understood(self):
        self.node.write_policy("shop", "odd", subject={"app": "db"}, egres=[])
        said = lambda: self.node.ctl_text("status")[1]  # noqa: E731
        what = "1 hold something that is not understood, which is denied: shop/odd: spec.egres is not a known field\n"
        self.assertTrue(eventually(lambda: what in said()), said())

    def test_simulate_many(self):
        """More than a line of other requests has, by the socket and by the way that kubectl goes; not without end."""
        big = [network_policy(f"p{n}", ingress=[FROM_WEB] * 10) for n in range(1000)]
        with self.file_of("\n---\n".join(map(json.dumps, big[:300]))) as name:
            told = self.node.ctl("simulate", "-f", name, codes=(0, 1))
        self.assertEqual(told["summary"]["added"], 300)
        request = json.dumps({"v": 1, "op": "simulate", "policies": big[:300]}, separators=(",", ":"))
        self.assertGreater(len(request), 3 * 65536)
        code, said = self.node.ctl_text("request", stdin=request + "\n")
        self.assertEqual(code, 0)
        self.assertIn('"added":300,', said)
        request = json.dumps({"v": 1, "op": "unused", "policies": big[:300]}, separators=(",", ":"))
        said = self.node.ctl_text("request", stdin=request + "\n")[1]
        self.assertIn("the request is longer than 65536 bytes", said)
        with self.file_of("\n---\n".join(map(json.dumps, big))) as name:
            code, said = self.node.ctl_text("simulate", "-f", name)
        self.assertEqual(code, 2)
        self.assertRegex(said, r"1000 policies take \d{7} bytes, and the agent takes 1048575: ")

    def test_unused(self):
        """A rule that is hit, one that is not, one that others make needless, one for nobody; and a policy."""
        gone = {"from": [{"podSelector": {"matchLabels": {"app": "gone"}}}]}
        https = {**FROM_WEB, "ports": [{"port": 443}]}
        self.node.write_policy("shop", "none", subject={"app": "none"}, ingress=[{}])
        self.node.write_policy("shop", "db", subject={"app": "db"}, ingress=[FROM_WEB, https, FROM_WEB, gone])
        self.assertTrue(eventually(lambda: not self.job.reaches(self.db) and self.web.reaches(self.db)))
        told = {i.get("rule", i["policy"]): i for i in self.node.ctl("unused")}
        self.assertEqual(
            {name: i["why"] for name, i in told.items()},
            {
                "shop/none": "no-pod",
                "shop/db ingress[1]": "never-hit",
                "shop/db ingress[2]": "shadowed",
                "shop/db ingress[3]": "nobody",
            },
        )
        since = told["shop/db ingress[1]"]
        self.assertFalse(since["or_longer"])
        self.assertLess(abs(since["since"] - time.time()), 60)
        self.assertTrue(self.web.reaches(self.db, port=443))
        self.assertNotIn("shop/db ingress[1]", [i.get("rule") for i in self.node.ctl("unused")])
        text = self.node.ctl_text("unused")[1]
        self.assertIn("others decide all that it is about", text)
        self.assertIn("Of this node alone", text)

    def test_a_long_answer(self):
        """Whole, over 4 MiB, of the moment when it was asked for; and nobody else waits for its reader."""
        name, policies, rules = "n" * 200, 10, 1000
        for i in range(policies):
            self.node.write_policy("shop", f"{name}{i}", subject={"app": "db"}, ingress=[FROM_WEB] * rules)
        status = lambda: self.node.ask("status")  # noqa: E731
        self.assertTrue(eventually(lambda: status()["policies"] == policies and status()["in_force"], 60))
        with self.node.asking("unused") as lines:
            told = [lines.readline()]
            self.node.remove_policies()
            self.assertTrue(eventually(lambda: self.job.reaches(self.db), 60))
            self.assertTrue(eventually(lambda: self.node.ask("unused")["items"] == [], 60))
            while told[-1] and '"done"' not in told[-1][:20]:
                told.append(lines.readline())
        self.assertEqual(told[-1], '{"v":1,"done":true,"ok":true}\n')
        self.assertEqual(len(told), policies * (1 + rules) + 1)
        self.assertGreater(sum(map(len, told)), 4 << 20)

    def test_top(self):
        """Who moves, and who is denied; once, where nobody looks at a terminal."""
        self.allow_web()
        meter = self.web.start("flow", 5, "tcp", self.db.ips[4], 80)
        self.addCleanup(meter.kill)
        self.assertTrue(eventually(lambda: meter.report()["received"] > 5))
        told = {p["name"]: p for p in self.node.ctl("top", "pods", "--interval", "0.5")}
        self.assertGreater(told["shop/db"]["packets_s"], 50, told)
        idle = told.get("lab/job", {"packets_s": 0})  # but for what neighbours ask now and then
        self.assertLess(idle["packets_s"], told["shop/db"]["packets_s"] / 4)
        rules = {r["name"]: r for r in self.node.ctl("top", "rules", "--interval", "0.3")}
        self.assertGreater(rules["shop/db ingress[0]"]["bytes_s"], 0, rules)
        hammer = self.job.start("hammer", 20, "tcp", self.db.ips[4], 80)
        self.addCleanup(hammer.kill)
        peers = self.node.ctl("top", "peers", "--interval", "0.5")
        self.assertEqual([p["name"] for p in peers], ["lab/job -> shop/db, TCP 80"])
        code, text = self.node.ctl_text("top", "rules", "--interval", "0.2")
        self.assertEqual(code, 0)
        self.assertIn("shop/db ingress[0]", text)
        self.assertEqual(self.node.ctl_text("top", "pots")[0], 2)

    def health(self, codes=(0, 5)):
        """What is not well, by check."""
        items = self.node.ctl("doctor", codes=codes)
        return {i["check"]: i["health"] for i in items if i["health"] != "ok"}, items

    def test_who_may_only_read(self):
        """The socket beside: all that changes nothing is answered there as it is at the other, and nothing else."""
        with open(os.path.join(ROOT, "docs/socket.md")) as f:
            ops = re.findall(r"^### (\w+)$", f.read(), re.MULTILINE)
        said = {op: self.node.ask(op, READ_DIR) for op in ops}
        refused = {op for op, answer in said.items() if "is for who only reads" in answer.get("msg", "")}
        self.assertEqual(refused, {"add", "del", "simulate", "perf"})
        self.assertEqual({said[op]["code"] for op in refused}, {100})
        pods = lambda answer: {(e["namespace"], e["name"], e["container"]) for e in answer["items"]}  # noqa: E731
        self.assertEqual(len(pods(said["endpoints"])), 4)
        self.assertIn("unknown op", self.node.ask("more", READ_DIR)["msg"])
        for name in os.listdir(os.path.join(RUN_DIR, "endpoints")):
            with open(os.path.join(RUN_DIR, "endpoints", name)) as f:
                record = json.load(f)
            os.rename(f.name, f.name + ".away")  # what a DEL does before it tells
            owner = {field: record[field] for field in ("network", "container", "ifname")}
            self.assertFalse(self.node.ask("del", READ_DIR, **owner)["ok"])
            os.rename(f.name + ".away", f.name)
        self.assertEqual(pods(self.node.ask("endpoints")), pods(said["endpoints"]))
        self.assertEqual(os.stat(os.path.join(READ_DIR, "agent.sock")).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(READ_DIR).st_mode & 0o777, 0o700)
        code, text = self.node.ctl_text("perf", "--run-dir", READ_DIR)
        self.assertEqual(code, 3, text)
        self.assertIn("ask at /run/bulkhead/agent.sock", text)

    def test_doctor(self):
        """All is well but what is: another's program before ours, the node open, a policy nobody understands."""
        before, items = self.health()
        names = {i["check"] for i in items}
        self.assertLessEqual({"agent", "policy", "pods", "hooks", "drift", "maps", "source", "kernel"}, names)
        self.assertNotIn("fault", before.values(), items)
        self.assertIn("first at all 4 pods", next(i["text"] for i in items if i["check"] == "hooks"))
        self.node.write_policy("shop", "odd", egres=[])
        found = eventually(lambda: self.health()[0].get("policies") == "warning")
        self.assertTrue(found)
        code, text = self.node.ctl_text("doctor")
        self.assertEqual(code, 5, text)
        self.assertIn("'bulkheadctl policy list' says what", text)
        self.node.remove_policy("shop", "odd")
        self.node.switch("open", "--reason", "a test")
        self.addCleanup(self.node.switch, "close")
        self.assertTrue(eventually(lambda: self.health((0, 1, 5))[0].get("emergency") == "fault"))
        self.assertEqual(self.node.ctl_text("doctor")[0], 1)
