# SPDX-License-Identifier: Apache-2.0
"""What one pod does to its sessions costs no other pod one: floods, scans, growth, and what is used again."""
import contextlib
import json
import os
import select
import socket
import time

import bpf
from case import PolicedCase
from node import PROBE, PATIENCE, eventually

LONG = "BH_LONG" in os.environ
FLOOD_S = 60 if LONG else 3
FLOOD = os.path.join(os.path.dirname(PROBE), "flood")
IDLE = 100  # far fewer than a newcomer has room for
BOTH = ["Ingress", "Egress"]


def evicted(sessions):
    return sessions["evicted_unanswered"], sessions["evicted_answered"]


class Sessions(PolicedCase):
    configs = ["bridge/1.9/v4/tcx", "ptp/1.1/v6/clsact"]
    cost = 3

    @classmethod
    def start(cls):
        super().start()
        cls.f = cls.node.families[0]
        cls.inet = socket.AF_INET if cls.f == 4 else socket.AF_INET6

    def setUp(self):
        """shop/db takes from everybody and opens nothing: what has lost its session there is lost."""
        super().setUp()
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=BOTH, ingress=[{}])
        self.assertTrue(eventually(lambda: not self.db.reaches(self.web, family=self.f), 5))

    def of(self, pod):
        """What the agent says of a pod's sessions."""
        items = self.node.ask("endpoints")["items"]
        return next(i["sessions"] for i in items if (i["namespace"], i["name"]) == (pod.ns, pod.pod))

    def slice_of(self, pod):
        return self.of(pod)[f"ipv{self.f}"]

    def connect(self, pod, to, port=80, n=IDLE):
        """@n TCP connections that have been answered once."""
        made = []
        for _ in range(n):
            s = pod.socket(self.inet, socket.SOCK_STREAM)
            s.settimeout(5)
            s.connect((to.ips[self.f], port))
            made.append(s)
        self.assertEqual(self.alive(made), n)
        return made

    def alive(self, connections, wait_s=3):
        """How many still get an answer."""
        waiting, n, end = {s.fileno(): s for s in connections}, 0, time.monotonic() + wait_s * PATIENCE
        poll = select.poll()
        for s in connections:
            with contextlib.suppress(OSError):
                s.send(b"?")
            poll.register(s, select.POLLIN)
        while waiting and time.monotonic() < end:
            for fd, _ in poll.poll(100):
                poll.unregister(fd)
                with contextlib.suppress(OSError):
                    n += waiting.pop(fd).recv(16) == b"?"
        return n

    def next_hop(self, pod, to):
        """The MAC address that @pod's packets to @to go to."""
        self.assertTrue(pod.reaches(to, family=self.f))
        route = json.loads(pod.run("ip", "-j", f"-{self.f}", "route", "get", to.ips[self.f]))[0]
        via = route.get("gateway", to.ips[self.f])
        known = json.loads(pod.run("ip", "-j", f"-{self.f}", "neigh", "show", via))
        return next(n["lladdr"] for n in known if "lladdr" in n)

    def flood(self, pod, to, first, last, seconds=FLOOD_S):
        out = pod.run(
            FLOOD, seconds, pod.ifname, pod.ips[self.f], to.ips[self.f], self.next_hop(pod, to), first, last,
            timeout=seconds + 30,
        )
        return json.loads(out)

    def meters(self):
        made = [self.web.start("flow", 20, p, self.db.ips[self.f], port) for p, port in (("tcp", 80), ("udp", 53))]
        for m in made:
            self.assertTrue(eventually(lambda m=m: m.report()["received"] > 10))
        return made

    def unharmed(self, to, first, last):
        """lab/job floods @to. Flows of shop/web to shop/db, active and idle ones, go on; a new one is possible."""
        idle, meters = self.connect(self.web, self.db), self.meters()
        mine = self.connect(self.job, self.labweb, 443, 50)
        told = self.flood(self.job, to, first, last)
        for m in meters:
            last_words = m.stop()
            self.assertEqual(last_words["error"], "")
            if m.name.count(" tcp "):
                self.assertEqual(last_words["received"], last_words["sent"])
        self.assertEqual(self.alive(idle), IDLE, "idle flows were broken")
        self.assertTrue(self.web.reaches(self.db, family=self.f, ms=3000))
        own = self.alive(mine)
        self.assertEqual(evicted(self.of(self.web))[1], 0)
        with open(self.node.log_path, "a") as log:
            log.write(
                f"FLOOD {told['sent']} SYNs in {told['seconds']:.0f} s, own flows alive: {own} of 50; "
                f"flooder {self.of(self.job)}, target {self.of(to)}, db {self.of(self.db)}\n"
            )
        for s in idle + mine:
            s.close()

    def test_flood(self):
        """SYNs from each port to one that listens, at a third pod."""
        self.unharmed(self.labweb, 80, 80)

    def test_flood_of_the_same_pod(self):
        """At the very pod that others have flows to."""
        self.unharmed(self.db, 443, 443)

    def test_scan(self):
        self.unharmed(self.labweb, 1, 65535)

    def test_a_flood_buys_no_room(self):
        """The flooder's own flows are no victims of it, and its slice stays as small as it was."""
        before = self.slice_of(self.labweb)["size"]
        mine = self.connect(self.job, self.labweb, 443, 50)
        size = self.slice_of(self.job)["size"]
        self.flood(self.job, self.labweb, 81, 81, 2)  # a port that nobody listens at
        self.assertEqual(self.alive(mine), 50)
        time.sleep(2.5)  # the agent has looked
        self.assertEqual(self.slice_of(self.job)["size"], size)
        self.assertEqual(self.slice_of(self.labweb)["size"], before)
        self.assertGreater(evicted(self.of(self.job))[0] + self.of(self.job)["evicted_answered"], 10000)
        for s in mine:
            s.close()

    def test_grows_under_live_flows(self):
        """Far more flows than a newcomer has room for, while others go on: nothing is lost."""
        new = self.node.add_pod("shop", "new", {"app": "new"})
        size, losses = self.slice_of(new)["size"], self.losses_of(new, self.labweb)
        meters = [new.start("flow", 5, p, self.labweb.ips[self.f], port) for p, port in (("tcp", 80), ("udp", 53))]
        made, steps = [], [200, 400, 800]
        for n in steps:
            made += self.connect(new, self.labweb, 443, n)
            time.sleep(1.5)
        self.assertTrue(eventually(lambda: self.slice_of(new)["size"] > size, 15))
        self.assertEqual(self.alive(made), sum(steps))
        losses.assert_none(self, meters)
        for s in made:
            s.close()
        self.node.del_pod(new)

    def test_growth_outlives_agents(self):
        """Killed again and again while slices grow."""
        new = self.node.add_pod("shop", "new", {"app": "new"})
        size, made = self.slice_of(new)["size"], []
        for _ in range(4):
            made += self.connect(new, self.labweb, 443, 300)
            time.sleep(1.0)
            self.node.agent_kill()
            self.node.agent_start()
        self.assertEqual(self.alive(made), 1200)
        self.assertTrue(eventually(lambda: self.slice_of(new)["size"] > size, 15))
        for s in made:
            s.close()
        self.node.del_pod(new)

    def test_no_session_outlives_its_pod(self):
        """After DEL its lines are empty; another pod with its address starts with none."""
        new = self.node.add_pod("shop", "new", {"app": "new"})
        made = self.connect(new, self.labweb, 443, 20)
        name, ifindex = f"bh_sess{self.f}", new.ifindex
        runs = bpf.slices()[name][ifindex]
        held = sum(len(bpf.sessions(name).get(s, ())) for base, sets in runs for s in range(base, base + sets))
        self.assertGreaterEqual(held, 20)
        for s in made:
            s.close()
        self.node.del_pod(new)
        empty = lambda: not any(  # noqa: E731
            s in bpf.sessions(name) for base, sets in runs for s in range(base, base + sets)
        )
        self.assertTrue(eventually(empty, 3))
        again = self.node.add_pod("shop", "again", {"app": "again"})
        told = self.node.ask("sessions", pod="shop/again")["items"]
        self.assertFalse([s for s in told if s.get("local_port") and s["remote_port"] == 443], told)
        self.node.del_pod(again)

    def test_sessions_are_forgotten_in_time(self):
        """A time-out of its own, and the sweep frees the line."""
        self.node.agent_args = ["--session-timeout", "udp=2", "--session-timeout", "udp_stream=2"]
        try:
            self.node.agent_stop()
            self.node.agent_start()
            self.assertEqual(self.node.ask("status")["session_timeouts"]["udp"], 2)
            self.assertTrue(self.web.reaches(self.db, "udp", 53, self.f, sport=33333))
            of_udp = lambda: [  # noqa: E731
                s for s in self.node.ask("sessions", pod="shop/web")["items"] if s.get("local_port") == 33333
            ]
            self.assertTrue(of_udp())
            self.assertTrue(eventually(lambda: not of_udp(), 5))
        finally:
            self.node.agent_args = []
            self.node.agent_stop()
            self.node.agent_start()
