# SPDX-License-Identifier: Apache-2.0
"""The agent dies and comes back: allowed traffic does not notice, denied traffic never passes, and what
changed meanwhile is in force afterwards."""
import os
import time

from case import FEW_CONFIGS, LiveTraffic, PolicedCase
from node import differences, eventually

IN = ["Ingress"]
FROM_WEB = [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]


class Restart(PolicedCase):
    configs = FEW_CONFIGS
    fresh = True
    cost = 3

    def isolate_db(self, ingress=FROM_WEB):
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=list(ingress))
        allowed = (self.web,) if ingress else ()
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s in allowed)

    def only_to_db(self, *allowed):
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s in allowed)

    def at_once(self, want):
        """As assert_matrix, without any time to get there."""
        bad = differences(self.node.matrix(self.everybody, want=want), want)
        self.assertFalse(bad, "\n".join(bad[:20]))

    def reuse_addresses(self):
        """The next pod gets the lowest address that is free."""
        directory = "/var/lib/cni/networks/podnet"
        for name in os.listdir(directory):
            if name.startswith("last_reserved_ip"):
                os.unlink(os.path.join(directory, name))

    def under_traffic(self, end):
        self.isolate_db()
        traffic = LiveTraffic(self, self.db, [self.web], self.job)
        for _ in range(3):
            end()
            time.sleep(0.3)
            self.node.agent_start()
            time.sleep(0.2)
        traffic.stop()

    def test_killed_under_traffic(self):
        self.under_traffic(self.node.agent_kill)

    def test_stopped_under_traffic(self):
        self.under_traffic(self.node.agent_stop)

    def test_nothing_changes_while_it_is_dead(self):
        """The programs go on without it."""
        self.isolate_db()
        self.node.agent_kill()
        self.at_once(self.policed(ingress=lambda s, d, *_: d is not self.db or s is self.web))
        self.node.agent_start()
        self.at_once(self.policed(ingress=lambda s, d, *_: d is not self.db or s is self.web))

    def test_allowing_policy_deleted_meanwhile(self):
        """Afterwards neither a new flow nor one that lives through it is allowed."""
        self.node.write_policy("shop", "all", subject={"app": "db"}, policyTypes=IN)
        self.isolate_db()
        meters = [self.web.start("flow", 10, "tcp", self.db.ips[f], 80) for f in self.node.families]
        for m in meters:
            self.assertTrue(eventually(lambda m=m: m.report()["received"] > 5))
        self.node.agent_kill()
        self.node.remove("policy-shop-db.json")
        self.node.agent_start()
        self.only_to_db()
        before = [m.report()["received"] for m in meters]
        time.sleep(0.3)
        self.assertEqual(
            before, [m.stop()["received"] for m in meters], "a flow outlived the policy that allowed it"
        )

    def test_policy_made_meanwhile(self):
        self.node.agent_kill()
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=FROM_WEB)
        self.node.agent_start()
        self.only_to_db(self.web)

    def test_pod_gone_meanwhile(self):
        """Its DEL finds no agent; the agent finds no pod."""
        self.isolate_db()
        self.node.agent_kill()
        self.node.del_pod(self.web)
        self.node.agent_start()
        self.assert_invariants()
        self.only_to_db()

    def test_address_reused_meanwhile(self):
        """A pod that was allowed goes, one that is not gets its address: what was allowed to the address is
        not allowed to the newcomer, from its first packet on."""
        self.isolate_db()
        self.assertTrue(all(self.web.reaches(self.db, family=f) for f in self.node.families))
        old = dict(self.web.ips)
        self.node.agent_kill()
        self.node.del_pod(self.web)
        self.reuse_addresses()
        self.node.agent_start()
        evil = self.node.add_pod("shop", "evil", {"app": "evil"})
        self.assertEqual(evil.ips, old, "the addresses were not reused: the test shows nothing")
        self.at_once(self.policed(ingress=lambda s, d, *_: d is not self.db))

    def test_address_reused_while_it_is_dead(self):
        """The same with the ADD before the restart, which is only possible where isolation is enough."""
        self.isolate_db()
        old = dict(self.web.ips)
        self.node.set_conf({"failMode": "isolate"})
        self.node.agent_kill()
        self.node.del_pod(self.web)
        self.reuse_addresses()
        evil = self.node.add_pod("shop", "evil", {"app": "evil"})
        self.assertEqual(evil.ips, old, "the addresses were not reused: the test shows nothing")
        self.at_once(
            self.policed(
                ingress=lambda s, d, *_: d not in (self.db, evil), egress=lambda s, *_: s is not evil
            )
        )
        self.node.agent_start()
        self.only_to_db()

    def test_address_reused_under_the_agent(self):
        """No restart at all: DEL, ADD of another pod with the same address."""
        self.isolate_db()
        old = dict(self.web.ips)
        meters = [self.web.start("flow", 10, "udp", self.db.ips[f], 53, 4000) for f in self.node.families]
        for m in meters:
            self.assertTrue(eventually(lambda m=m: m.report()["received"] > 5))
            m.stop()
        self.node.del_pod(self.web)
        self.reuse_addresses()
        evil = self.node.add_pod("shop", "evil", {"app": "evil"})
        self.assertEqual(evil.ips, old, "the addresses were not reused: the test shows nothing")
        self.at_once(self.policed(ingress=lambda s, d, *_: d is not self.db))
        for f in self.node.families:  # the very flow of its predecessor
            self.assertFalse(
                evil.reaches(self.db, "udp", 53, f, sport=4000), "it goes on with the old pod's session"
            )

    def test_killed_in_the_middle_of_changes(self):
        """Killed at any moment of a change and restarted, it ends where the files are."""
        for i in range(8):
            self.node.write_policy(
                "shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=FROM_WEB if i % 2 else []
            )
            time.sleep(0.007 * i)
            self.node.agent_kill()
            self.node.agent_start()
            allowed = (self.web,) if i % 2 else ()
            self.only_to_db(*allowed)
            self.assert_invariants()
