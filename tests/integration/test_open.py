# SPDX-License-Identifier: Apache-2.0
"""The emergency switch: `bulkhead-agent node open` and `close`, with and without an agent."""
import json
import os
import shutil

from case import FEW_CONFIGS, PolicedCase
from node import BUILD, RUN_DIR, CniError, differences, eventually, run

IN = ["Ingress"]
FILE = os.path.join(RUN_DIR, "open")


class Open(PolicedCase):
    configs = FEW_CONFIGS
    fresh = True
    cost = 2

    def close_db(self):
        """Nobody may reach shop/db."""
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN)
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db)

    def at_once(self, opened):
        want = self.policed(ingress=None if opened else lambda s, d, *_: d is not self.db)
        bad = differences(self.node.matrix(self.everybody, want=want), want)
        self.assertFalse(bad, "\n".join(bad[:20]))

    def open_node(self):
        code, text = self.node.switch("open", "--reason", "DNS is down")
        self.assertEqual(code, 0, text)
        return text

    def close_node(self):
        code, text = self.node.switch("close")
        self.assertEqual(code, 0, text)
        return text

    def counted(self):
        """Packets that passed because the node is open."""
        reasons = {r["reason"]: r for r in self.node.ctl("status")["reasons"]}
        r = reasons.get("node-open", {"ingress": {"packets": 0}, "egress": {"packets": 0}})
        return r["ingress"]["packets"] + r["egress"]["packets"]

    def test_without_an_agent(self):
        self.close_db()
        self.node.agent_kill()
        self.at_once(opened=False)
        self.assertEqual(self.node.switch("status"), (0, "closed\n"))
        self.assertIn("node is OPEN", self.open_node())
        self.at_once(opened=True)
        code, text = self.node.switch("status")
        self.assertEqual((code, text[:11], "DNS is down" in text), (1, "OPEN since ", True), text)
        self.assertEqual(os.stat(FILE).st_mode & 0o777, 0o600)
        self.assertIn("closed again", self.close_node())
        self.at_once(opened=False)
        self.assertIn("was not open", self.close_node())
        self.node.agent_start()
        self.at_once(opened=False)

    def test_flows_that_were_let_in_end(self):
        """Neither TCP nor UDP goes on, though shop/db itself may send to all."""
        self.close_db()
        self.node.agent_kill()
        self.open_node()
        flows = [
            self.web.start("flow", 5, proto, self.db.ips[f], port)
            for f in self.node.families
            for proto, port in (("tcp", 80), ("udp", 53))
        ]
        for m in flows:
            self.assertTrue(eventually(lambda m=m: m.report()["received"] > 20))
        self.close_node()
        before = [m.report()["received"] for m in flows]
        self.at_once(opened=False)
        self.assertEqual(before, [m.stop()["received"] for m in flows], "a flow goes on")
        self.node.agent_start()

    def test_flows_that_are_allowed_go_on(self):
        """From before, and from while it is open."""
        self.close_db()
        old = self.db.start("flow", 5, "tcp", self.web.ips[self.node.families[0]], 80)
        self.assertTrue(eventually(lambda: old.report()["received"] > 10))
        self.open_node()
        new = self.db.start("flow", 5, "udp", self.web.ips[self.node.families[0]], 53)
        self.assertTrue(eventually(lambda: new.report()["received"] > 10))
        self.close_node()
        for m in old, new:
            seen = m.report()["received"]
            self.assertTrue(eventually(lambda m=m, n=seen: m.report()["received"] > n + 20))
            last = m.stop()
            self.assertEqual(last["sent"], last["received"])

    def test_with_an_agent(self):
        """It says so, remembers it over a restart, and does not open by itself."""
        self.close_db()
        self.assertIsNone(self.node.ctl("status")["open"])
        self.open_node()
        self.at_once(opened=True)
        self.assertGreater(self.counted(), 10)
        status = self.node.ctl("status")
        self.assertEqual(status["open"]["reason"], "DNS is down")
        text = run(os.path.join(BUILD, "bulkheadctl"), "--run-dir", RUN_DIR, "status")
        self.assertEqual(text.split()[:2], ["NODE", "OPEN"])
        said = lambda what: what in self.node.agent_log(1000)  # noqa: E731
        self.assertTrue(eventually(lambda: said("node is OPEN"), 5))
        self.node.agent_kill()
        self.node.agent_start()
        self.at_once(opened=True)
        self.close_node()
        self.at_once(opened=False)
        self.assertTrue(eventually(lambda: said("node is closed again"), 5))
        self.assertIsNone(self.node.ctl("status")["open"])

    def test_explain(self):
        self.close_db()
        self.open_node()
        answer = self.node.ctl("explain", "shop/web", "shop/db", "80")
        self.assertEqual((answer["verdict"], answer["drift"]), ("allow", False))
        self.assertIn("node-open", [c["reason"] for c in answer["checks"]])
        self.close_node()

    def test_the_file_wins(self):
        """Whoever removes or makes it by hand has his way, within a tick."""
        self.close_db()
        self.open_node()
        os.unlink(FILE)
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db)
        with open(FILE, "w") as f:
            json.dump({"reason": "by hand"}, f)
        self.assert_policed()
        self.close_node()

    def wipe_pins(self):
        run("umount", "-l", "/sys/fs/bpf")
        run("mount", "-t", "bpf", "bh", "/sys/fs/bpf")

    def test_pins_made_anew(self):
        """With no pins the file alone is written, and the agent that comes sets the word."""
        self.close_db()
        self.node.agent_kill()
        self.wipe_pins()
        self.assertIn("no programs are pinned", self.open_node())
        self.node.agent_start()
        self.assertTrue(eventually(lambda: self.node.ctl("status")["open"], 5))
        self.assert_policed()
        self.close_node()
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db)

    def test_a_reboot_closes_it(self):
        self.node.agent_stop()
        self.open_node()
        for pod in list(self.node.pods):
            self.node.del_pod(pod, manifest=False)
        self.wipe_pins()
        shutil.rmtree(RUN_DIR)
        self.node.agent_start()
        self.assertIsNone(self.node.ctl("status")["open"])
        self.assertEqual(self.node.switch("status")[0], 0)

    def test_a_pod_that_starts(self):
        """Without an agent, which would be a reason not to; its policy holds once all is as it was."""
        self.close_db()
        self.node.agent_kill()
        with self.assertRaises(CniError):
            self.node.add_pod("lab", "new", {"app": "new"})
        self.open_node()
        new = self.node.add_pod("lab", "new", {"app": "new"})
        self.node.write_policy("lab", "new", subject={"app": "new"}, policyTypes=IN)
        self.at_once(opened=True)
        self.node.agent_start()
        self.close_node()
        self.assert_policed(ingress=lambda s, d, *_: d not in (self.db, new))

    def test_usage(self):
        for args in (
            [],
            ["open"],
            ["open", "--reason", ""],
            ["close", "--reason", "x"],
            ["status", "close"],
            ["toggle"],
            ["open", "--why", "x"],
        ):
            code, text = self.node.switch(*args)
            self.assertEqual(code, 2, args)
            self.assertIn("bulkhead-agent node: ", text)
        self.assertFalse(os.path.exists(FILE))
