# SPDX-License-Identifier: Apache-2.0
"""The rows of the table "Fail modes" in docs/cni.md that need no API server: what pods that run keep, what
new ones get, and where it is seen. (The agent that is away: test_away.py, test_restart.py; the API server:
tests/api/test_faults.py, test_fake.py.)"""
import json
import os
import shutil
import socket

import bpf
import invariants
from case import FEW_CONFIGS, PolicedCase
from node import PIN_DIR, WORLD_ADDR, CniError, eventually

IN = ["Ingress"]
FROM_WEB = [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]


class FailCase(PolicedCase):
    """shop/db is for shop/web alone, before anything goes wrong."""

    configs = FEW_CONFIGS
    fresh = True

    @classmethod
    def start(cls):
        super().start()
        cls.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=FROM_WEB)

    def only_web_reaches_db(self):
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s is self.web)

    def add_fails(self, code=11):
        """The message; and nothing is left of it."""
        self.node.write_pod("shop", "new", {"app": "new"})
        pod = self.node.new_pod("shop", "new")
        prev = self.node.add_main(pod)
        got, out = self.node.ours("ADD", pod, prev)
        self.assertNotIn(pod.key() + ".json", invariants.names(invariants.RECORDS))
        self.node.ours("DEL", pod)
        self.node.del_main(pod)
        self.node.del_netns(pod.netns)
        self.node.remove_pod("shop", "new")
        self.assertEqual(got, code, out)
        return out["msg"]

    def add_works(self):
        self.node.del_pod(self.node.add_pod("shop", "new", {"app": "new"}))


class MapFull(FailCase):
    """A map that is too small for what is wanted: made so before the agent starts, which keeps its size."""

    configs = ["bridge/1.9/v4/tcx"]

    @classmethod
    def start(cls):
        """Nothing yet: each test says which map is small."""
        cls.node.write_namespace("shop", {"team": "red"})
        cls.node.write_namespace("lab", {"team": "blue"})
        cls.node.agent_start()

    def small(self, name, entries):
        self.node.agent_kill()
        with bpf.Map(name) as like:
            shutil.rmtree(PIN_DIR)
            os.mkdir(PIN_DIR, 0o700)
            bpf.make_map(os.path.join(PIN_DIR, name), like, entries)
        FailCase.start.__func__(type(self))

    def failing(self):
        return self.node.ask("status")["failing"] or ""

    def too_much(self, name, **spec):
        """A policy on lab/web that does not fit."""
        self.only_web_reaches_db()
        self.node.write_policy("lab", "big", subject={"app": "web"}, policyTypes=IN, **spec)
        self.assertTrue(eventually(lambda: name in self.failing(), 5), f"status says '{self.failing()}'")
        self.assertIn("; most by policy lab/big: ", self.failing())
        self.only_web_reaches_db()  # all of it as it was, and nothing of the big one
        message = self.add_fails()
        self.assertIn(name, message)
        self.assertIn("lab/big", message)
        self.assertEqual(self.node.ours("CHECK", self.web, self.web.result), (0, ""))
        self.node.remove_policy("lab", "big")
        self.assertTrue(eventually(lambda: not self.failing(), 5))
        self.add_works()
        self.only_web_reaches_db()

    def test_prefixes(self):
        self.small("bh_cidrs", 8)
        blocks = [{"ipBlock": {"cidr": f"203.0.{n}.0/24"}} for n in range(20)]
        self.too_much("bh_cidrs", ingress=[{"from": blocks}])

    def test_addresses(self):
        self.small("bh_addrs", 16)
        for n in range(20):
            self.node.write_pod("shop", f"far{n}", {"app": "far"}, ips=[f"10.99.0.{n + 1}"])
        peer = {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "far"}}}
        self.too_much("bh_addrs", ingress=[{"from": [peer]}])

    def test_rows(self):
        self.small("bh_rows", 8)
        rules = [
            {"from": [{"ipBlock": {"cidr": f"203.0.{n}.0/24"}}], "ports": [{"port": 1000 + n}]}
            for n in range(20)
        ]
        self.too_much("bh_rows", ingress=rules)

    def test_ranges(self):
        self.small("bh_ranges", 8)
        self.too_much("bh_ranges", ingress=[{"ports": [{"port": 1000 + 2 * n} for n in range(20)]}])


class NotUnderstood(FailCase):
    def test_policy(self):
        """It isolates what it selects, pods that run and new ones alike, and allows nothing by that rule."""
        peer = {"podSelector": {"matchLabels": {"app": "web"}}, "colour": "red"}
        self.node.write_policy(
            "shop", "odd", subject={"odd": "yes"}, policyTypes=IN, ingress=[{"from": [peer]}]
        )
        self.node.write_pod("shop", "web", {"app": "web", "odd": "yes"})
        new = self.node.add_pod("shop", "new", {"app": "new", "odd": "yes"})
        self.assertFalse(self.web.reaches(new, family=self.node.families[0]))  # from its first moment on
        self.assert_policed(
            ingress=lambda s, d, *_: d not in (new, self.web) and (d is not self.db or s is self.web)
        )
        self.assertEqual(self.node.ask("status")["policies_with_problems"], 1)


class Unknown(FailCase):
    def test_peer(self):
        """An address in the pods' network that nobody knows is in no peer set: of no pod, of no namespace."""
        stranger = self.node.new_pod("shop", "stranger")
        self.node.add_main(stranger)
        stranger.look()
        self.node.extra_links = [self.node.link_name(stranger.ifindex)]
        stranger.serve()
        everybody = [{"from": [{"namespaceSelector": {}}]}]
        self.node.write_policy("lab", "all", subject={"app": "web"}, policyTypes=IN, ingress=everybody)
        before = bpf.stats()["denied", bpf.INGRESS]
        want = self.policed(
            ingress=lambda s, d, *_: (d is not self.db or s is self.web)
            and (d is not self.labweb or s not in (stranger, self.node.world))
        )
        self.assert_matrix(want, [*self.everybody, stranger])
        self.assertGreater(bpf.stats()["denied", bpf.INGRESS], before)
        stranger.stop_serving()
        self.node.del_main(stranger)
        self.node.del_netns(stranger.netns)


class FewSessions(FailCase):
    """A session table that is too small for all flows at once: the others are decided by policy alone. It never
    refuses one more, for another one of the same pod makes room."""

    node_args = {"agent_args": ["--sessions", "2048"]}

    def test_more_flows_than_sessions(self):
        with bpf.Map("bh_sess4") as m:
            self.assertEqual(m.max_entries * bpf.WAYS, 2048)
        self.only_web_reaches_db()
        f = self.node.families[0]
        flows = [("tcp", self.db.ips[f], 80, 20000 + n) for n in range(200)]
        answers = self.web.try_all(flows, 3000)
        self.assertEqual([a["error"] for a in answers if not a["ok"]], [])
        denied = self.job.try_all(flows)
        self.assertEqual({a["ok"] for a in denied}, {False})
        meter = self.web.start("flow", 5, "tcp", self.db.ips[f], 443)
        self.assertTrue(eventually(lambda: meter.report()["received"] > 20))
        self.assertEqual(meter.stop()["error"], "")
        self.assertEqual(self.node.ask("status")["sessions_failed"], 0)


class RingFull(FailCase):
    """Nobody reads the events of denials."""

    configs = ["bridge/1.9/v4/tcx"]
    PAGE = os.sysconf("SC_PAGESIZE")
    LOG = "/run/bh-ring-full.log"
    node_args = {"agent_args": ["--flow-log", LOG]}

    @classmethod
    def start(cls):
        """With a ring of one page."""
        node = cls.node
        node.write_namespace("shop", {"team": "red"})
        node.agent_start()
        node.agent_kill()
        with bpf.Map("bh_events") as like:
            shutil.rmtree(PIN_DIR)
            os.mkdir(PIN_DIR, 0o700)
            bpf.make_map(os.path.join(PIN_DIR, "bh_events"), like, cls.PAGE)
        super().start()

    def knock(self, first, n):
        """One datagram each to @n ports of shop/db, from shop/job, which may not."""
        s = self.job.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for port in range(first, first + n):
            s.sendto(b"x", (self.db.ips[4], port))
        s.close()

    def test_verdicts_stay(self):
        self.addCleanup(os.unlink, self.LOG)
        self.only_web_reaches_db()
        before = self.node.ask("status")
        self.node.agent_pause()
        denied = bpf.stats()["denied", bpf.INGRESS]
        self.knock(10000, 1000)
        self.assertEqual(bpf.stats()["denied", bpf.INGRESS] - denied, 1000)
        self.assertTrue(self.web.reaches(self.db, ms=2000))
        self.assertFalse(self.job.reaches(self.db))
        self.node.agent_resume()
        after = self.node.ask("status")
        lost = after["events_lost"] - before["events_lost"]
        self.assertGreater(lost, 800)  # a page holds fewer than the rest
        told = sum(10000 <= d.get("dst_port", 0) < 11000 for d in self.node.ask("flows", follow=False)["items"])
        throttled = after["events_throttled"] - before["events_throttled"]
        all_of_them = bpf.stats()["denied", bpf.INGRESS] - denied  # with what shop/job tried after it
        self.assertEqual(told + lost + throttled, all_of_them)
        self.without_an_agent()

    def without_an_agent(self):
        """The next one's flow log tells how many no agent has told of."""
        lost = lambda: self.node.ask("status")["events_lost"]  # noqa: E731
        self.assertTrue(eventually(lambda: self.totals()[-1] == lost(), 10), self.totals())
        before = lost()
        self.node.agent_kill()
        self.knock(20000, 1000)
        self.node.agent_start()
        after = lost()
        self.assertGreater(after - before, 800)
        self.assertEqual(self.totals()[-2:], [before, after])

    def totals(self):
        with open(self.LOG) as f:
            return [line["lost_total"] for line in map(json.loads, f) if "lost_total" in line]


class CannotLoad(FailCase):
    def test_what_is_pinned_has_another_layout(self):
        """The agent says which and ends. The programs of before go on; a new pod does not start."""
        self.only_web_reaches_db()
        self.node.agent_kill()
        path = os.path.join(PIN_DIR, "bh_node_ports")
        with bpf.Map("bh_node_ports") as like:
            os.rename(path, path + "_kept")
            bpf.make_map(path, like, like.max_entries, value_size=8)
        with self.assertRaises(RuntimeError) as failed:
            self.node.agent_start()
        self.assertIn("bh_node_ports", str(failed.exception))
        self.only_web_reaches_db()
        self.assertIn("agent.sock", self.add_fails())
        status = {**self.node.our_conf(), "cniVersion": "1.1.0"}
        self.assertEqual(self.node.plugin("STATUS", status), (0, ""))  # the next agent may be a better one
        os.unlink(path)
        os.rename(path + "_kept", path)
        self.node.agent_start()
        self.node.fds_empty = None
        self.only_web_reaches_db()
        self.add_works()

    def test_no_room_for_the_programs(self):
        """An interface on which they cannot hang: the pod does not start, whatever the failMode."""
        if self.node.attach == "tcx":
            return self.hooks_taken_by_another()
        self.node.write_pod("shop", "new", {"app": "new"})
        pod = self.node.new_pod("shop", "new")
        prev = self.node.add_main(pod)
        pod.look()
        self.node.host.run("tc", "qdisc", "add", "dev", self.node.link_name(pod.ifindex), "ingress")
        self.refused_in_each_mode(pod, prev)

    def hooks_taken_by_another(self):
        """The program hangs there already, by somebody's link."""
        self.node.write_pod("shop", "new", {"app": "new"})
        pod = self.node.new_pod("shop", "new")
        prev = self.node.add_main(pod)
        pod.look()
        fd = bpf.tcx_link(os.path.join(PIN_DIR, "prog_to_pod"), pod.ifindex, bpf.TCX_EGRESS)
        try:
            self.refused_in_each_mode(pod, prev)
        finally:
            os.close(fd)

    def refused_in_each_mode(self, pod, prev):
        for mode in ("closed", "isolate", "open"):
            code, out = self.node.ours("ADD", pod, prev, failMode=mode)
            self.assertEqual(code, 101, out)
            self.assertEqual(self.node.ours("DEL", pod), (0, ""))
        self.node.del_main(pod)
        self.node.del_netns(pod.netns)
        self.node.remove_pod("shop", "new")


class OpenNamespaces(FailCase):
    """failOpenNamespaces: what the agent may depend on starts without it, counted, and is protected later."""

    def start_without(self, end, begin):
        self.node.set_conf({"failOpenNamespaces": ["lab"]})
        self.node.write_policy("lab", "new", subject={"app": "new"}, policyTypes=IN)
        end()
        pod = self.node.add_pod("lab", "new", {"app": "new"})
        pod.unprotected = True
        f = self.node.families[0]
        self.assertTrue(self.job.reaches(pod, family=f))
        self.assertEqual(self.node.ours("CHECK", pod, pod.result, failOpenNamespaces=["lab"])[0], 102)
        with self.assertRaises(CniError):
            self.node.add_pod("shop", "new", {"app": "new"})
        begin()
        pod.unprotected = False
        self.assert_policed(
            ingress=lambda s, d, *_: d is not pod and (d is not self.db or s is self.web)
        )
        self.assertTrue(eventually(lambda: self.node.ask("status")["unprotected"] == 0))
        self.assertEqual(self.node.ours("CHECK", pod, pod.result), (0, ""))
        self.assertTrue(pod.reaches(WORLD_ADDR[f], family=f))

    def test_dead_agent(self):
        self.start_without(self.node.agent_kill, self.node.agent_start)

    def test_stopped_agent(self):
        self.start_without(self.node.agent_pause, self.node.agent_resume)
