# SPDX-License-Identifier: Apache-2.0
"""What goes wrong beside us is noticed and put right within five seconds, counted and said."""
import json
import os
import socket
import time

import bpf
import invariants
from case import FEW_CONFIGS, PolicedCase
from node import PIN_DIR, eventually, run

IN = ["Ingress"]
FROM_WEB = [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]
SOON = 5
ENDS, GOES_ON = 0, -1  # TC_ACT_OK: the walk over the programs ends; TC_ACT_UNSPEC: the next one decides


class Foreign:
    """Another tool's program on one side of a pod's veth, before ours."""

    def __init__(self, node, pod, side, verdict):
        self.node, self.pod, self.side = node, pod, side
        self.fd, self.link = bpf.load_verdict(verdict), None
        self.path = os.path.join(PIN_DIR, "foreign")
        self.handle = 0
        self.put()

    def put(self):
        if invariants.tcx_in_use(self.node):
            if self.link is not None:
                os.close(self.link)
            kind = bpf.TCX_INGRESS if self.side == "ingress" else bpf.TCX_EGRESS
            self.link = bpf.tcx_before_all(self.fd, self.pod.ifindex, kind)
            return
        if not self.handle:
            bpf.pin(self.fd, self.path)
        else:
            self.tc("del", "handle", hex(self.handle), "bpf")
        self.handle += 1
        self.tc("add", "handle", hex(self.handle), "bpf", "da", "object-pinned", self.path)

    def tc(self, verb, *more):
        run("tc", "filter", verb, "dev", self.pod.hostif, self.side, "prio", "1", "protocol", "all", *more)

    def close(self):
        """Again is fine."""
        if self.link is not None:
            os.close(self.link)
        if self.handle:
            self.tc("del", "handle", hex(self.handle), "bpf")
            os.unlink(self.path)
        if self.fd is not None:
            os.close(self.fd)
        self.fd, self.link, self.handle = None, None, 0


class Healed(PolicedCase):
    fresh = True
    cost = 3

    def isolate_db(self):
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=FROM_WEB)
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s is self.web)

    def healed(self, what):
        return self.node.ask("status")["healed"][what]

    def soon(self, what, message=""):
        began = time.monotonic()
        self.assertTrue(eventually(what, SOON), message)
        return time.monotonic() - began

    def is_first(self):
        problems = []
        invariants.check_hooks(self.node, self.db, problems)
        return not problems

    def log_says(self, *words):
        lines = self.node.agent_log(10000).splitlines()
        return any(all(w in line for w in words) for line in lines)

    def foreign(self, verdict, side="egress"):
        f = Foreign(self.node, self.db, side, verdict)
        self.addCleanup(f.close)
        return f


class Order(Healed):
    """Programs that were put before ours, or ours taken off."""

    configs = FEW_CONFIGS

    def test_program_that_ends_the_walk(self):
        self.isolate_db()
        self.foreign(ENDS)
        # By UDP, whose answer opens the flow from the pod's own end: on that side ours are alone.
        reaches = lambda: self.job.reaches(self.db, "udp", 53, self.node.families[0])  # noqa: E731
        self.assertTrue(reaches(), "it does not end the walk")
        code, out = self.node.ours("CHECK", self.db, self.db.result)
        self.assertEqual(code, 102, out)
        self.soon(self.is_first, "ours is not first again")
        self.assertFalse(reaches())
        self.assertEqual(self.healed("hooks_displaced"), 1)
        self.soon(lambda: self.log_says("shop/db", "runs before", "ours is first again"))
        self.assertEqual(self.node.ours("CHECK", self.db, self.db.result)[0], 0)

    def test_program_that_ends_the_walk_from_the_pod(self):
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=["Egress"])
        self.assert_policed(egress=lambda s, *_: s is not self.db)
        reaches = lambda: self.db.reaches(self.web, "udp", 53, self.node.families[0])  # noqa: E731
        with self.node.agent_paused():
            self.foreign(ENDS, "ingress")
            self.assertTrue(reaches(), "it does not end the walk")
        self.soon(self.is_first, "ours is not first again")
        self.assertFalse(reaches())
        self.assertEqual(self.healed("hooks_displaced"), 1)

    def test_not_a_moment_without(self):
        """The other program lets ours decide; while ours go to the head no denied packet passes and no
        allowed one is lost."""
        self.isolate_db()
        ip = self.db.ips[self.node.families[0]]
        denied = [self.job.start("hammer", 1, *what) for what in (("udp", ip, 53), ("tcp", ip, 80))]
        losses, flow = self.losses_of(self.web, self.db), self.web.start("flow", 2, "udp", ip, 53)
        self.assertTrue(eventually(lambda: flow.report()["received"] > 10))
        f = self.foreign(GOES_ON)
        self.soon(self.is_first)
        f.put()
        self.soon(lambda: self.healed("hooks_displaced") == 2)
        self.assertTrue(self.is_first())
        for m in denied:
            last = m.stop()
            self.assertEqual(last["answered"], 0, f"denied packets passed: {last}")
            self.assertGreater(last["tried"], 100)
        losses.assert_none(self, [flow])

    def test_fight(self):
        """Against one that does the same we do not turn faster and faster, and say so."""
        f = self.foreign(GOES_ON)
        began = time.monotonic()

        def told():
            if self.is_first():
                f.put()
            return self.log_says("shop/db", "again and again")

        self.assertTrue(eventually(told, 30, 0.1))
        self.assertGreater(time.monotonic() - began, 1 + 2 + 4, "seconds between its answers")
        self.assertIn(self.healed("hooks_displaced"), (4, 5))

        def displaced():
            if self.is_first():  # it may have had its turn just now
                f.put()
            return self.node.ask("status")["displaced"] == 1

        self.soon(displaced)
        item = [i for i in self.node.ask("endpoints")["items"] if i["name"] == "db"][0]
        self.assertTrue(item["displaced"])
        hooks = [i for i in self.node.ctl("doctor", codes=(1,)) if i["check"] == "hooks"][0]
        self.assertEqual(hooks["health"], "fault")
        self.assertIn("at 1 pods another program runs before ours: shop/db: ", hooks["text"])
        f.close()
        self.soon(lambda: self.node.ask("status")["displaced"] == 0)

    def test_taken_off(self):
        """The links detached, or the qdisc deleted with all that is on it."""
        self.isolate_db()
        with self.node.agent_paused():
            if invariants.tcx_in_use(self.node):
                for side in ("from", "to"):
                    bpf.link_detach(os.path.join(invariants.LINKS, f"{self.db.key()}_{side}"))
            else:
                run("tc", "qdisc", "del", "dev", self.db.hostif, "clsact")
            self.assertTrue(self.job.reaches(self.db, family=self.node.families[0]), "nothing was taken off")
        self.soon(self.is_first)
        self.assertFalse(self.job.reaches(self.db, family=self.node.families[0]))
        self.assertEqual(self.healed("hooks_restored"), 1)
        self.assertTrue(self.log_says("shop/db", "put back"))


    def take_off(self, side):
        """One of ours alone."""
        if invariants.tcx_in_use(self.node):
            name = f"{self.db.key()}_{'to' if side == 'egress' else 'from'}"
            bpf.link_detach(os.path.join(invariants.LINKS, name))
        else:
            run("tc", "filter", "del", "dev", self.db.hostif, side)

    def test_one_taken_off(self):
        for n, side in enumerate(("ingress", "egress"), 1):
            with self.node.agent_paused():
                self.take_off(side)
                self.assertFalse(self.is_first(), "nothing was taken off")
            self.soon(self.is_first, side)
            self.assertEqual(self.healed("hooks_restored"), n)


class Behind(PolicedCase):
    """Another tool's program behind ours: it sees what ours let through, and only that."""

    configs = FEW_CONFIGS
    SIZES = {"ingress": 333, "egress": 335}

    def behind(self, side):
        counter = bpf.Counter(14 + 20 + 8 + self.SIZES[side])
        self.addCleanup(counter.close)
        if invariants.tcx_in_use(self.node):
            kind = bpf.TCX_INGRESS if side == "ingress" else bpf.TCX_EGRESS
            self.addCleanup(os.close, bpf.tcx_behind_all(counter.fd, self.db.ifindex, kind))
            return counter
        path, where = os.path.join(PIN_DIR, "foreign"), ("dev", self.db.hostif, side, "prio", "60000")
        bpf.pin(counter.fd, path)
        run("tc", "filter", "add", *where, "protocol", "all", "bpf", "da", "object-pinned", path)
        os.unlink(path)
        self.addCleanup(run, "tc", "filter", "del", *where)
        return counter

    def send(self, sender, to, size):
        with sender.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"x" * size, (to.ips[4], 54))  # nobody answers

    def test_sees_what_passes(self):
        selector = {"podSelector": {"matchLabels": {"app": "web"}}}
        both = {"policyTypes": ["Ingress", "Egress"], "ingress": [{"from": [selector]}], "egress": [{"to": [selector]}]}
        self.node.write_policy("shop", "db", subject={"app": "db"}, **both)
        self.assert_policed(
            ingress=lambda s, d, *_: d is not self.db or s is self.web,
            egress=lambda s, d, *_: s is not self.db or d is self.web,
        )
        to, out = self.behind("egress"), self.behind("ingress")
        for n in (1, 2):  # a new flow each, and denied ones between
            self.send(self.job, self.db, self.SIZES["egress"])
            self.send(self.db, self.job, self.SIZES["ingress"])
            self.send(self.web, self.db, self.SIZES["egress"])
            self.send(self.db, self.web, self.SIZES["ingress"])
            self.assertTrue(eventually(lambda n=n: (to.count(), out.count()) == (n, n), 2), (to.count(), out.count()))


class Overtaken(Healed):
    """Our filters, on a kernel that has what runs before any filter."""

    configs = ["ptp/1.1/dual/clsact"]

    def test_tcx_before_filters(self):
        """Nothing that we can do about: it is said, and shown."""
        if bpf.tcx_programs(1, bpf.TCX_INGRESS) is None:
            self.skipTest("no tcx in this kernel")
        fd = bpf.load_verdict(GOES_ON)
        link = bpf.tcx_before_all(fd, self.db.ifindex, bpf.TCX_EGRESS)
        try:
            self.soon(lambda: self.node.ask("status")["displaced"] == 1)
            said = self.node.ctl_text("status")[1]
            self.assertRegex(said, r"1 pods have another program before ours, which decides first, \w+/\w+ for one: ")
            self.assertTrue(self.log_says("shop/db", "hangs by tcx"))
        finally:
            os.close(link)
            os.close(fd)
        self.soon(lambda: self.node.ask("status")["displaced"] == 0)


class Over(Healed):
    """Endpoints of which something has ended, and nobody said so."""

    configs = FEW_CONFIGS

    def forget_pod(self, pod):
        pod.stop_serving()
        self.node.pods.remove(pod)

    def test_missed_del(self):
        """The sandbox goes and nobody says so."""
        self.forget_pod(self.job)
        self.node.del_netns(self.job.netns)
        self.soon(lambda: not invariants.problems_of(self.node), invariants.problems_of(self.node))
        self.assertEqual(self.healed("endpoints_gone"), 1)
        self.assertTrue(self.log_says("lab/job", "went without a DEL"))

    def test_vanished_veth(self):
        self.forget_pod(self.job)
        run("ip", "link", "del", self.job.hostif)
        self.soon(lambda: not invariants.problems_of(self.node), invariants.problems_of(self.node))
        self.assertEqual(self.healed("endpoints_gone"), 1)

    def test_vanished_while_the_agent_was_away(self):
        """Its record and its pins, which hang nowhere."""
        self.node.agent_kill()
        self.forget_pod(self.job)
        run("ip", "link", "del", self.job.hostif)
        self.node.agent_start()
        self.soon(lambda: not invariants.problems_of(self.node), invariants.problems_of(self.node))

    def test_pod_gone_from_the_api(self):
        """Its sandbox may still run something: it stays what it is without a Pod, isolated."""
        self.node.remove_pod("lab", "job")
        self.assert_policed(
            ingress=lambda s, d, *_: d is not self.job, egress=lambda s, *_: s is not self.job
        )
        time.sleep(2.5)
        items = {i["name"]: i for i in self.node.ask("endpoints")["items"] if i["namespace"] == "lab"}
        self.assertFalse(items["job"]["known"])
        self.assert_invariants()

    def new_veth(self, index):
        """Not a pod's, with an index that was one."""
        self.node.new_netns("bh-other")
        peer = ("peer", "name", "other1", "netns", "bh-other")
        run("ip", "link", "add", "other0", "index", index, "type", "veth", *peer)
        self.addCleanup(run, "ip", "link", "del", "other0", check=False)
        self.node.extra_links = ("other0",)

    def test_index_reused_while_the_agent_was_away(self):
        index = self.job.ifindex
        self.node.agent_kill()
        self.forget_pod(self.job)
        run("ip", "link", "del", self.job.hostif)
        self.new_veth(index)
        self.node.agent_start()
        self.soon(lambda: not invariants.problems_of(self.node), invariants.problems_of(self.node))
        for kind in (bpf.TCX_INGRESS, bpf.TCX_EGRESS):
            self.assertFalse(bpf.tcx_programs(index, kind), "our programs are on somebody else's interface")
        self.assertFalse(invariants.filters("other0", "ingress"))

    def test_index_reused_under_the_agent(self):
        """The same interface, seen from us, leads to another namespace now. It stays closed."""
        self.node.new_netns("bh-other")
        self.forget_pod(self.job)
        self.job.run("ip", "link", "set", "eth0", "netns", "bh-other")
        self.soon(lambda: self.healed("interfaces_reused") == 1)
        self.assertTrue(self.log_says("lab/job", "another one now"))
        self.assertNotIn(self.job.key() + ".json", invariants.names(invariants.RECORDS))
        self.soon(lambda: self.job.ifindex not in bpf.endpoints())
        run("ip", "link", "del", self.job.hostif)
        self.soon(lambda: not invariants.problems_of(self.node), invariants.problems_of(self.node))

    def test_address_reused(self):
        """The addresses were given away while the veth is still there: who had them has none any more."""
        old = self.job
        for ip in old.ips.values():
            os.unlink(os.path.join("/var/lib/cni/networks/podnet", ip))
        for name in os.listdir("/var/lib/cni/networks/podnet"):
            if name.startswith("last_reserved_ip"):
                os.unlink(os.path.join("/var/lib/cni/networks/podnet", name))
        if self.node.main == "ptp":  # its route to the old one
            for f, ip in old.ips.items():
                run("ip", f"-{f}", "route", "del", ip, "dev", old.hostif)
        self.forget_pod(old)
        new = self.node.add_pod("lab", "new", {"app": "new"})
        self.assertEqual(new.ips, old.ips, "the addresses were not reused: the test shows nothing")
        self.assertEqual(self.healed("addresses_reused"), 1)
        self.assertTrue(self.log_says("lab/job", "lab/new"))
        self.assertNotIn(old.key() + ".json", invariants.names(invariants.RECORDS))
        self.soon(lambda: old.ifindex not in bpf.endpoints())
        self.assertFalse(old.reaches(self.web, family=self.node.families[0]), "the old one still sends")
        run("ip", "link", "del", old.hostif)
        self.soon(lambda: not invariants.problems_of(self.node), invariants.problems_of(self.node))

    def test_status_for_people(self):
        """Everything that was healed, in the answer of the CLI."""
        told = self.node.ctl("status")
        self.assertEqual(set(told["healed"].values()), {0})
        self.assertEqual((told["unprotected"], told["unprotected_reasons"], told["displaced"]), (0, {}, 0))
        self.assertIsInstance(json.dumps(told), str)
