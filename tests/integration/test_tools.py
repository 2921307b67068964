# SPDX-License-Identifier: Apache-2.0
"""What people ask the agent of a node in doubt: is the program true to the tables, what does it cost, what was
lost on the way to them."""
import ctypes
import json
import os
import select
import struct
import subprocess

import bpf
import wire
from case import PolicedCase
from node import BUILD, LOGS, PATIENCE, PIN_DIR, RUN_DIR, eventually

SECONDS = os.environ.get("BH_PERF_SECONDS")  # of `make test-perf`

ALLOW_80 = {"subject": {"app": "db"}, "ingress": [{"ports": [{"port": 80, "protocol": "TCP"}]}]}
ROW_RANGE = 16  # offset of bh_row.range
RANGE_ACTION = 12  # of bh_range.action


class SelfCheck(PolicedCase):
    configs = ["bridge/1.9/dual/tcx"]

    def status(self):
        return self.node.ask("status")["self_check"]

    def rows_with_a_range(self):
        with bpf.Map("bh_rows") as m:
            return [(k, v) for k, v in m.items() if struct.unpack_from("<I", v)[0]]

    def put(self, rows):
        with bpf.Map("bh_rows") as m:
            for key, value in rows:
                m.update(key, value)

    def test_asks_after_each_change(self):
        """Some dozens of flows, and all answers are as they should be."""
        self.node.write_policy("shop", "db", **ALLOW_80)
        self.addCleanup(self.node.remove_policies)
        self.assertTrue(eventually(self.rows_with_a_range))
        before = self.status()
        self.node.write_policy("lab", "other", **ALLOW_80)
        self.assertTrue(eventually(lambda: self.status()["asked"] >= before["asked"] + 48))
        self.assertEqual(self.status()["differ"], before["differ"])

    def test_a_broken_row_is_an_alarm(self):
        """A row that somebody else has changed in the pinned map."""
        self.node.write_policy("shop", "db", **ALLOW_80)
        self.addCleanup(self.node.remove_policies)
        rows = eventually(self.rows_with_a_range)
        self.node.broken_by_hand = True
        at = ROW_RANGE + RANGE_ACTION
        self.put([(k, v[:at] + struct.pack("<I", 0) + v[at + 4 :]) for k, v in rows])
        for n in range(20):  # each change asks 48 flows by chance
            self.node.write_policy("lab", "another", ingress=[{"ports": [{"port": 1000 + n}]}])
            found = eventually(lambda: self.status()["differ"] and self.status(), 2)
            if found:
                break
        self.assertTrue(found, "nobody noticed")
        self.assertIn("the program says denied", found["last"])
        self.assertIn("the tables allowed by 'shop/db ingress[0]'", found["last"])
        self.assertIn("TCP 80", found["last"])
        log = self.node.agent_log(1000)
        self.assertIn("self-check: ", log)
        self.assertIn("the data plane does not decide as it was told to", log)
        self.assertIn("DIFFER from the tables", self.node.ctl_text("status")[1])
        drift = next(i for i in self.node.ctl("doctor", codes=(1,)) if i["check"] == "drift")
        self.assertEqual(drift["health"], "fault")
        self.assertRegex(drift["text"], r"[1-9]\d* of \d+ answers .* differ from the tables, last \d+ s ago: .*TCP 80")
        self.put(rows)
        self.node.remove_policy("lab", "another")
        asked, differ = (self.status()[k] for k in ("asked", "differ"))
        self.assertTrue(eventually(lambda: self.status()["asked"] > asked, 10))
        self.assertEqual(self.status()["differ"], differ, "goes on although the row is what it was")


class Perf(PolicedCase):
    configs = ["bridge/1.9/dual/tcx"]

    @classmethod
    def start(cls):
        super().start()
        cls.node.write_policy("shop", "db", **ALLOW_80)
        assert eventually(lambda: not cls.web.reaches(cls.db, port=443))

    def load(self):
        """Flows that live, flows that are new, and attempts that are denied."""
        ips = [self.db.ips[f] for f in self.node.families]
        pause = 0 if SECONDS else 1
        meters = [self.web.start("flow", pause, "tcp", ip, 80) for ip in ips for _ in range(2)]
        meters += [self.web.start("hammer", 20, "tcp", ip, port) for ip in ips for port in (80, 443)]
        for m in meters:
            self.addCleanup(m.kill)
        return meters

    def test_under_load(self):
        """What it counts adds up. `make test-perf` takes longer, and shows the table."""
        self.load()
        told = self.node.ctl("perf", "--duration", "1", "--interval", "0.5", codes=(0, 1))
        first, second = told["intervals"]
        for name in ("packets", "allowed", "denied", "hits", "new_sessions"):
            self.assertEqual(first[name] + second[name], told["total"][name], name)
            self.assertGreater(told["total"][name], 0, name)
        self.assertEqual(told["total"]["packets"], told["total"]["allowed"] + told["total"]["denied"])
        self.assertGreater(told["total"]["sessions"], 0)
        self.assertGreater(told["total"]["packet_ns"], 0)
        self.assertGreater(told["cost"]["hot_ns"], 0)
        self.assertGreater(told["cost"]["denied_ns"], 0)
        self.assertEqual(
            [v["name"] for v in told["verdicts"]], ["hit_rate", "core_packets_s", "hot", "cold", "cpu"]
        )
        code, text = self.node.ctl_text("perf", "--duration", SECONDS or 1, "--interval", "1")
        with open(os.path.join(LOGS, "perf.txt"), "w") as f:
            f.write(text)
        self.assertIn("MISSED" if code else "met", text)
        self.assertEqual(len([line for line in text.splitlines() if " s  " in line[:12]]), int(SECONDS or 1))

    NUMBERS = ("hits", "allowed", "denied", "opened", "redecided", "evicted")

    def sample(self, **fields):
        """What has been counted, of all pods or of one."""
        return self.node.ask("perf", duration_ms=100, interval_ms=100, **fields)["items"][-1]

    @staticmethod
    def counted(item):
        """The same by what `endpoints` says of a pod."""
        packets = {r["reason"]: r["packets_in"] + r["packets_out"] for r in item["reasons"]}
        denials = {r["reason"] for r in item["reasons"] if r["action"] == "deny"}
        denied = sum(n for reason, n in packets.items() if reason in denials)
        return {
            "hits": packets.get("session", 0) - item["sessions"]["redecided"],
            "allowed": sum(packets.values()) - denied,
            "denied": denied,
            "opened": item["sessions"]["opened"],
            "redecided": item["sessions"]["redecided"],
            "evicted": item["sessions"]["evicted_answered"],
            "policy": packets.get("policy", 0),
            "host": packets.get("host", 0),
        }

    def pod(self, pod):
        return self.counted(self.node.ctl("endpoints", "--pod", f"{pod.ns}/{pod.pod}")[0])

    def test_of_one_pod(self):
        """Every packet is of one pod or the other, and `perf` counts a pod as `endpoints` does."""

        def counts():
            return self.sample(), [self.counted(i) for i in self.node.ctl("endpoints")], self.sample()

        first, meters = counts(), self.load()
        told = self.node.ctl(
            "perf", "--pod", "shop/db", "--duration", "0.4", "--interval", "0.2", codes=(0, 1)
        )
        for name in ("packets", "hits", "denied", "new_sessions", "sessions"):
            self.assertGreater(told["total"][name], 0, name)
        self.assertIsNone(told["total"]["cold_ns"], "that is of all pods")
        idle = self.node.ctl("perf", "--interface", self.job.hostif, "--duration", "0.2", "--interval", "0.1")
        self.assertEqual([idle["total"][n] for n in ("hits", "denied", "new_sessions")], [0, 0, 0])
        text = self.node.ctl_text("perf", "--pod", "shop/db", "--duration", "0.1", "--interval", "0.1")[1]
        self.assertTrue(text.startswith("shop/db, "), text)
        for m in meters:
            m.kill()
        last = counts()
        for name in self.NUMBERS:
            least = last[0][name] - first[2][name]
            most = last[2][name] - first[0][name]
            of_pods = sum(p[name] for p in last[1]) - sum(p[name] for p in first[1])
            self.assertTrue(least <= of_pods <= most, name)
        before, db, after = self.pod(self.db), self.sample(pod="shop/db"), self.pod(self.db)
        for name in self.NUMBERS:
            self.assertTrue(before[name] <= db[name] <= after[name], name)
        db = self.pod(self.db)  # what the node sends to a group opens nothing
        self.assertTrue(db["policy"] <= db["opened"] <= db["policy"] + db["host"], db)
        self.assertGreater(db["policy"], 0)
        table = self.node.ctl_text("stats", "--pod", "shop/db")[1]
        self.assertRegex(table, r"(?m)^shop/db +policy-denied +deny +[1-9][0-9]* +0$")
        self.assertRegex(table, r"(?m)^shop/db +session +allow +[1-9][0-9]* +[1-9][0-9]*$")
        self.assertNotIn("shop/web", table)

    def test_decided_afresh(self):
        """The first packet of a live flow after a change that may deny is no hit, and is allowed."""
        meter = self.web.start("flow", 5, "tcp", self.db.ips[4], 80)
        self.addCleanup(meter.kill)
        self.assertTrue(eventually(lambda: meter.report()["received"] > 10))
        before = self.sample(pod="shop/db")
        self.assertTrue(self.web.reaches(self.db, port=80))
        self.node.write_policy("shop", "db", **ALLOW_80, policyTypes=["Ingress", "Egress"])
        after = eventually(lambda: (s := self.sample(pod="shop/db"))["redecided"] > before["redecided"] and s)
        self.node.write_policy("shop", "db", **ALLOW_80)
        self.assertTrue(after, "nothing was decided afresh")
        self.assertLessEqual(after["hits"] + after["redecided"], after["allowed"])
        meter.kill()
        self.assertEqual(self.pod(self.db)["redecided"], self.sample(pod="shop/db")["redecided"])

    def test_a_pod_that_goes(self):
        """Who asks about it is told, and not what the next one in its place does."""
        gone = self.node.add_pod("lab", "gone", {"app": "gone"})
        with self.node.asking("perf", interface=gone.hostif, duration_ms=60000, interval_ms=100) as answer:
            self.node.del_pod(gone)
            last = next(line for line in map(json.loads, answer) if line.get("done"))
        self.assertEqual(last["code"], 101)
        self.assertIn("the pod is gone", last["msg"])

    def test_the_agent_ends(self):
        """What another process counts is no end of what this one has begun."""
        argv = [os.path.join(BUILD, "bulkheadctl"), "--run-dir", RUN_DIR, "perf", "--duration", "60", "--interval", "0.1"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asker:
            self.addCleanup(asker.kill)
            self.assertTrue(any(" s  " in line[:12] for line in asker.stdout))
            self.node.agent_kill()
            self.node.agent_start()
            text, said = asker.communicate(timeout=20 * PATIENCE)
        self.assertEqual(asker.returncode, 3, said)
        self.assertIn("the agent ended meanwhile", said)
        self.assertRegex(text, r"^( +\d+\.\d s [^\n]*\n)*$")
        self.assertNotRegex(text, r"\d{12}|-\d")

    def test_the_agent_stands_still(self):
        argv = [os.path.join(BUILD, "bulkheadctl"), "--run-dir", RUN_DIR, "perf", "--duration", "60", "--interval", "0.1"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asker:
            self.addCleanup(asker.kill)
            self.assertTrue(any(" s  " in line[:12] for line in asker.stdout))
            self.node.agent_pause()
            self.addCleanup(self.node.agent_resume)
            said = asker.communicate(timeout=50)[1]
        self.assertEqual(asker.returncode, 3, said)
        self.assertIn("no answer in time", said)

    def held(self):
        """The agent's descriptors but for connections, of which the last one may still be closing."""
        return [name for name in self.node.agent_fds() if name != "socket"]

    def test_statistics_are_off_again(self):
        """They cost every packet some nanoseconds: nobody asks, nobody pays."""
        idle = lambda: (held := self.held()) and not any(n.startswith("pipe:") for n in held) and held  # noqa: E731
        before = eventually(idle)  # the process that answered the last question may not have ended
        self.assertTrue(before, self.held())
        self.assertNotIn("anon_inode:bpf-stats", before)
        self.node.ctl("perf", "--duration", "0.2", "--interval", "0.1", codes=(0, 1))
        self.assertTrue(eventually(lambda: self.held() == before), (before, self.held()))
        with self.node.asking("perf", duration_ms=60000):  # who asks goes away in the middle
            self.assertTrue(eventually(lambda: "anon_inode:bpf-stats" in self.held()), self.held())
        self.assertTrue(eventually(lambda: self.held() == before), (before, self.held()))

    def test_nobody_else_waits(self):
        """The kernel checks the programs anew before they can be measured: half a second in which others are answered."""
        with self.node.asking("perf", duration_ms=100, interval_ms=100) as answer:
            self.assertTrue(self.node.ask("status"))
            self.assertFalse(select.select([answer], [], [], 0)[0], "the agent has measured first")
            self.assertIn("hot_ns", json.loads(answer.readline())["item"]["cost"])

    def test_what_makes_no_sense(self):
        for fields, code in (
            ({"interface": "uplink"}, 101),
            ({"interface": "none"}, 101),
            ({"pod": "shop/none"}, 101),
            ({"pod": "shop/web", "interface": self.web.hostif}, 6),
            ({"interval_ms": 99}, 6),
            ({"interval_ms": "1"}, 6),
            ({"duration_ms": 200, "interval_ms": 300}, 6),
        ):
            self.assertEqual(self.node.ask("perf", **fields)["code"], code, fields)
        self.assertEqual(self.node.ctl_text("perf", "--duration", "x")[0], 2)
        self.assertEqual(self.node.ctl_text("status", "--duration", "1")[0], 2)


class Events(PolicedCase):
    configs = ["bridge/1.9/dual/tcx"]

    FLOWS = 50000
    REPEAT = 20  # packets of each

    def tearDown(self):
        self.node.agent_resume()
        self.node.remove_policies()

    def deny_a_million(self):
        """Packets of shop/web that its policy denies, by test runs of the program that hangs there."""
        src, dst = self.web.ips[4], self.node.world.ips[4]
        packet = wire.ip(src, dst, wire.UDP, wire.udp(src, dst, 1, 9, b"x"))
        frame = bytearray(wire.ether(self.web.mac, self.db.mac, wire.ethertype(packet), packet))
        held = (ctypes.c_char * len(frame)).from_buffer(frame)
        port = len(frame) - 9  # 8 bytes of UDP and one of data
        program = bpf.pinned(os.path.join(PIN_DIR, "prog_from_pod"))
        try:
            for n in range(self.FLOWS):
                struct.pack_into("!HH", frame, port, n % 65000 + 1, 9 + n // 65000)
                self.assertEqual(bpf.test_run(program, held, self.web.ifindex, 0, self.REPEAT), bpf.SHOT)
        finally:
            os.close(program)

    def told(self):
        """(denials that ask for an event, events read, lost, throttled) as one answer of the agent has them."""
        s = self.node.ask("status")
        asked = sum(
            r["ingress"]["packets"] + r["egress"]["packets"]
            for r in s["reasons"]
            if r["action"] == "deny" and not r["reason"].startswith(("spoofed-", "not-own-"))
        )
        return asked, s["events_read"], s["events_lost"], s["events_throttled"]

    def test_every_denial_is_accounted_for(self):
        """The agent sleeps while a million packets are denied: read, lost and throttled are all of them."""
        self.node.write_policy("shop", "shut", subject={"app": "web"}, policyTypes=["Egress"])
        self.assertTrue(eventually(lambda: not self.web.reaches(self.db)))
        self.assertTrue(eventually(lambda: (t := self.told())[0] == sum(t[1:])))
        before = self.told()
        self.node.agent_pause()
        self.deny_a_million()
        self.node.agent_resume()
        self.assertTrue(eventually(lambda: (t := self.told())[0] == sum(t[1:])), self.told())
        asked, read, lost, throttled = (now - was for now, was in zip(self.told(), before))
        self.assertGreaterEqual(asked, self.FLOWS * self.REPEAT)
        self.assertGreater(read, 1000)  # what the ring holds
        self.assertGreater(lost, 1000)
        self.assertGreaterEqual(throttled, self.FLOWS * (self.REPEAT - 1))
        self.assertIn(f"{self.told()[2]} lost", self.node.ctl_text("status")[1])
        flows = self.node.ctl("flows")
        self.assertEqual(sum(f.get("lost", 0) for f in flows), lost)
        self.assertIn("LOST", self.node.ctl_text("flows")[1])
        self.assertFalse([i for i in self.node.ask("flows")["items"] if "lost" in i], "who did not ask is told")
        self.assertRegex("{health}: {text}".format(**self.reports()), rf"warning: \d+ read, {self.told()[2]} lost .*, last \d+ s ago")
        self.node.agent_kill()  # what another one did not read is no trouble of the next one
        self.node.agent_start()
        self.assertGreaterEqual(self.told()[2], lost)
        self.assertRegex("{health}: {text}".format(**self.reports()), r"ok: \d+ read, 0 lost for want of room$")

    def reports(self):
        return next(i for i in self.node.ctl("doctor", codes=(0, 1, 5)) if i["check"] == "reports")


class Rules(PolicedCase):
    configs = ["bridge/1.9/dual/tcx"]

    def told(self):
        return {r["rule"]: r for r in self.node.ctl("policy", "rules")}

    def test_hits_and_sessions_of_each_rule(self):
        self.node.write_policy(
            "shop", "db", subject={"app": "db"}, ingress=[*ALLOW_80["ingress"], {"ports": [{"port": 443}]}]
        )
        self.addCleanup(self.node.remove_policies)
        self.assertTrue(eventually(lambda: not self.web.reaches(self.db, port=8080)))
        meter = self.web.start("flow", 5, "tcp", self.db.ips[4], 80)
        self.addCleanup(meter.kill)
        self.assertTrue(eventually(lambda: meter.report()["received"] > 10))
        used, unused = (self.told()[f"shop/db ingress[{i}]"] for i in (0, 1))
        self.assertEqual((used["hits"], used["sessions"]), (1, 1))
        self.assertGreater(used["packets"], 10)
        self.assertGreater(used["bytes"], 10 * 60)
        self.assertFalse([unused[k] for k in unused if k != "rule" and unused[k]])
        self.assertTrue(self.web.reaches(self.db, port=443))
        self.assertEqual(self.told()["shop/db ingress[1]"]["hits"], 1)
        self.assertIn("shop/db ingress[0]", self.node.ctl_text("policy", "rules")[1])

    def test_what_ended_sessions_carried(self):
        """A pod goes, and its sessions with it: the rule keeps what they carried, to the last packet."""
        self.node.write_policy("shop", "db", **ALLOW_80)
        self.addCleanup(self.node.remove_policies)
        second = self.node.add_pod("shop", "second", {"app": "db"})
        self.assertTrue(eventually(lambda: not self.web.reaches(second, port=443)))
        meter = self.web.start("flow", 5, "tcp", second.ips[4], 80)
        self.addCleanup(meter.kill)
        self.assertTrue(eventually(lambda: meter.report()["received"] > 10))
        meter.stop()

        def same():
            """The rule's sums if they are those of its sessions, which are all live."""
            rule = self.told()["shop/db ingress[0]"]
            own = [s for s in self.node.ctl("sessions") if s["rule"] == rule["rule"]]
            packets = sum(s["packets_in"] + s["packets_out"] for s in own)
            size = sum(s["bytes_in"] + s["bytes_out"] for s in own)
            return (rule["packets"], rule["bytes"], rule["sessions"]) == (packets, size, len(own)) and rule

        before = eventually(same)
        self.assertTrue(before, self.told())
        self.node.del_pod(second)

        def rule():
            return self.told()["shop/db ingress[0]"]

        gone = eventually(lambda: (r := rule())["sessions"] < before["sessions"] and r)
        self.assertTrue(gone)
        kept = eventually(lambda: (r := rule())["packets"] == before["packets"] and r)
        self.assertTrue(kept, (before, gone))
        self.assertEqual(kept["bytes"], before["bytes"])
