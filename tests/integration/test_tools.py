# SPDX-License-Identifier: Apache-2.0
"""What people ask the agent of a node in doubt: is the program true to the tables, what does it cost, what was
lost on the way to them."""
import struct

import bpf
from case import PolicedCase
from node import eventually

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
        self.node.write_policy("lab", "another", ingress=[])
        found = eventually(lambda: self.status()["differ"] and self.status(), 30)
        self.assertTrue(found, "nobody noticed")
        self.assertIn("the program says denied", found["last"])
        self.assertIn("the tables allowed by 'shop/db ingress[0]'", found["last"])
        self.assertIn("TCP 80", found["last"])
        log = self.node.agent_log(1000)
        self.assertIn("self-check: ", log)
        self.assertIn("the data plane does not decide as it was told to", log)
        self.assertIn("DIFFER from the tables", self.node.ctl_text("status"))
        self.put(rows)
        self.node.remove_policy("lab", "another")
        asked, differ = (self.status()[k] for k in ("asked", "differ"))
        self.assertTrue(eventually(lambda: self.status()["asked"] > asked, 10))
        self.assertEqual(self.status()["differ"], differ, "goes on although the row is what it was")
