# SPDX-License-Identifier: Apache-2.0
"""Upgrades to a version whose maps have another layout, and back: a standby is ready beside the one that works,
takes its sessions over, and no packet meets a hook without programs."""
import os
import threading

import bpf
from case import FEW_CONFIGS, LiveTraffic, Pair, PolicedCase, Talk
from node import BUILD, LAYOUT, PIN_DIR, CniError, eventually, pin_dir

BOTH = ["Ingress", "Egress"]

# System calls at which the agent that takes over is killed, one start each: as its programs are pinned, between the
# two of one interface, between one interface and another, and while what is left is removed.
END = [("rmdir", 1), ("unlinkat", 1), ("unlinkat", 5), ("rmdir", 2)]
KILLS = {
    "tcx": [("rename", 1), ("rename", 2), ("rename", 2), ("rename", 2), ("rename", 4), *END],
    "clsact": [("rename", 1), ("unlink", 2), ("unlink", 3), ("sendto", 11), ("sendto", 13), ("sendto", 22), *END],
}


class LayoutCase(PolicedCase):
    configs = FEW_CONFIGS
    fresh = True
    cost = 3

    def setUp(self):
        self.addCleanup(setattr, bpf, "PIN_DIR", PIN_DIR)  # last: the node is looked at where it is
        super().setUp()

    def one_way(self):
        """web may ask db, and neither may begin anything else: an answer stands on its session alone."""
        web, db = {"app": "web"}, {"app": "db"}
        asks = [{"podSelector": {"matchLabels": {"app": "db"}}}]
        asked = [{"podSelector": {"matchLabels": {"app": "web"}}}]
        self.node.write_policy("shop", "web", subject=web, policyTypes=BOTH, egress=[{"to": asks}])
        self.node.write_policy("shop", "db", subject=db, policyTypes=BOTH, ingress=[{"from": asked}])
        self.assert_one_way()

    def assert_one_way(self):
        def ingress(s, d, *_):
            return d is not self.web and (d is not self.db or s is self.web)

        def egress(s, d, *_):
            return s is not self.db and (s is not self.web or d is self.db)

        self.assert_matrix(self.policed(ingress, egress), [self.web, self.db, self.labweb, self.job])

    def standby(self, build):
        process = self.node.agent_process(build)
        self.assertTrue(
            eventually(lambda: self.node.probe("readyz", process) == (0, []), 30), self.node.agent_log()
        )
        return process

    def changed(self, process, build):
        """@process is the node's agent now, and its plugin is installed."""
        self.node.agent = process
        self.node.agent_ready()
        bpf.PIN_DIR = pin_dir(build)
        self.node.install(build)

    def change(self, build, kill=False):
        process = self.standby(build)
        (self.node.agent_kill if kill else self.node.agent_stop)()
        self.changed(process, build)


class Change(LayoutCase):
    def note(self, what):
        with open(self.node.log_path, "a") as log:
            print(what, file=log)

    def test_under_traffic(self):
        self.one_way()
        traffic = LiveTraffic(self, self.db, [self.web], self.job)
        self.change(LAYOUT)
        self.assert_invariants()
        self.note(f"layout changed: {traffic.stop(least=20)}: nothing lost, none let in")
        self.assert_one_way()

    def test_idle_flows(self):
        """What was silent for ten minutes goes on as if nothing had happened, and what is over stays over."""
        self.one_way()
        families = self.node.families
        talks = [Talk(self.web, self.db, f) for f in families]
        over = [Pair(self.web, self.db, f) for f in families]
        bpf.age_sessions(540)
        pairs = [Pair(self.web, self.db, f, first=7000) for f in families]
        bpf.age_sessions(60)
        for s in (*talks, *over, *pairs):
            self.addCleanup(s.close)
        self.change(LAYOUT, kill=True)
        idle = [s["idle_ms"] / 1000 for s in self.node.ctl("sessions") if s["proto"].lower() == "tcp"]
        self.assertEqual(sum(600 <= s < 630 for s in idle), 2 * len(families), idle)
        for t in talks:
            self.assertTrue(t.goes_on())
        for p in pairs:
            self.assertTrue(p.heard(p.server, p.client))
        for p in over:
            self.assertFalse(p.heard(p.server, p.client))

    def test_back(self):
        """A version that cannot read the sessions of a newer layout enforces all the same."""
        self.one_way()
        self.change(LAYOUT)
        traffic = LiveTraffic(self, self.db, [self.web], self.job)
        self.change(BUILD)
        for m in traffic.flows:
            m.kill()
        traffic.flows = []
        self.assert_invariants()
        for m in traffic.denied:
            self.assertEqual(m.stop()["answered"], 0)
        for m in traffic.fresh:
            m.kill()
        self.assert_one_way()

    def test_killed_on_the_way(self):
        """Again and again, a little further each time; what is started at last brings it to its end."""
        self.one_way()
        traffic, died = LiveTraffic(self, self.db, [self.web], self.job), 0
        self.node.agent_stop()
        for call, n in KILLS[self.node.attach]:
            process = self.node.agent_process(LAYOUT, inject=f"{call}:signal=SIGKILL:when={n}")
            eventually(lambda p=process: p.poll() is not None or self.node.ask("status"), 30)
            died += process.poll() == -9
            process.kill()
            process.wait(20)
        self.changed(self.node.agent_process(LAYOUT), LAYOUT)
        self.assertEqual(died, len(KILLS[self.node.attach]))
        self.assert_invariants()
        # A flow that begins while its interface has one program of either layout waits for the next start.
        said = traffic.stop(least=20, begun=False)
        self.note(f"killed {died} times on the way: {said}: no flow lost, none let in")
        self.assert_one_way()

    def test_pods_added_during_it(self):
        """By the plugin of before: what succeeds is protected, all else is told to try again."""
        refused, added, end = [], [], threading.Event()
        self.one_way()

        def add():
            while not end.is_set():
                name = f"new{len(added) + len(refused)}"
                try:
                    added.append(self.node.add_pod("shop", name, {"app": name}, serve=False))
                except CniError as e:
                    refused.append(e)

        thread = threading.Thread(target=add)
        thread.start()
        try:
            eventually(lambda: len(added) > 1)
            process = self.standby(LAYOUT)
            self.node.agent_stop()
            self.node.agent = process
            eventually(lambda: refused, 20)
        finally:
            end.set()
            thread.join()
        self.changed(process, LAYOUT)
        odd = [e for e in refused if "try again later" not in e.output]
        self.assertFalse(odd, odd[:3])
        self.assertGreater(len(added), 1)
        self.assert_invariants()  # of each pod that was told to be there
        self.assert_one_way()

    def test_programs_of_the_other_layout(self):
        """A plugin that hangs them all the same, as one that had opened them in time: its ADD is refused."""
        self.change(LAYOUT)
        os.mkdir(PIN_DIR)
        for name in ("prog_from_pod", "prog_to_pod"):
            fd = bpf.load_verdict(-1)
            bpf.pin(fd, os.path.join(PIN_DIR, name))
            os.close(fd)
        self.node.install(BUILD)
        with self.assertRaises(CniError) as refused:
            self.node.add_pod("shop", "new", {"app": "new"})
        self.assertIn("has not attached this version's programs", refused.exception.output)
        self.assertIn("try again later", refused.exception.output)
        self.node.install(LAYOUT)
        self.node.agent_kill()
        self.changed(self.node.agent_process(LAYOUT), LAYOUT)
        self.node.add_pod("shop", "new", {"app": "new"})
        self.assert_policed()

    def test_opened_by_the_command_of_before(self):
        """The emergency switch finds whichever layout decides, with no agent to ask."""
        self.one_way()
        self.change(LAYOUT)
        self.node.agent_kill()
        self.assertFalse(self.job.reaches(self.db))
        self.assertEqual(self.node.switch("open", "--reason", "test")[0], 0)
        self.assertTrue(self.job.reaches(self.db))
        self.assertEqual(self.node.switch("close")[0], 0)
        self.assertFalse(self.job.reaches(self.db))
        self.changed(self.node.agent_process(LAYOUT), LAYOUT)
