# SPDX-License-Identifier: Apache-2.0
"""What changes while the agent is dead: nothing of it before its first full sync, all of it after."""
import os
import time

from case_api import IN, ApiCase, Traffic
from node import eventually
from objects import ELSEWHERE, from_pods

FAR = [from_pods(app="far")]


class Dead(ApiCase):
    cost = 2

    def world_ips(self):
        return [self.node.world.ips[f] for f in self.node.families]

    def restart_without_and_with_the_server(self, before):
        """Started while there is no server, it leaves all as it was; @before: who reaches shop/db then."""
        self.still_to_db(*before)
        self.node.api.kill()
        self.node.agent_start(wait=False)
        time.sleep(3)
        self.still_to_db(*before)
        self.assertFalse(self.node.synced())
        self.node.api.start()
        self.node.agent_ready()

    def test_probes(self):
        """Alive whatever the server does; ready once all was known, and then for as long as it runs."""
        self.assertTrue(eventually(lambda: self.node.probe("readyz") == (0, []), 10))
        self.node.api.kill()
        time.sleep(3)
        self.assertEqual(self.node.probe("readyz"), (0, []))
        self.node.agent_kill()
        self.node.agent_start(wait=False)
        self.assertTrue(eventually(lambda: self.node.probe("livez") == (0, []), 10))
        code, lines = self.node.probe("readyz")
        self.assertEqual((code, lines[0].split(": ")[0]), (1, "source kubernetes"), lines)
        self.node.api.start()
        self.node.agent_ready()
        self.assertTrue(eventually(lambda: self.node.probe("readyz") == (0, []), 10))

    def test_policy_deleted(self):
        """One that allowed: also a flow that has lived through it all ends."""
        self.deny_db()
        self.deny_db("web", name="more")
        self.only_to_db(self.web)
        flows = [self.web.start("flow", 10, "tcp", self.db.ips[f], 80) for f in self.node.families]
        self.node.agent_kill()
        self.node.remove_policy("shop", "more")
        self.restart_without_and_with_the_server([self.web])
        self.only_to_db(within=3)
        before = [m.report()["received"] for m in flows]
        time.sleep(0.3)
        self.assertEqual(before, [m.report()["received"] for m in flows], "a flow goes on that nobody allows")
        for m in flows:
            m.stop()

    def test_policy_made(self):
        self.deny_db("web")
        self.only_to_db(self.web)
        self.node.agent_kill()
        self.node.write_policy("lab", "job", subject={"app": "job"}, policyTypes=IN)
        traffic = Traffic(self, self.web, self.job)
        self.node.agent_start()
        self.assert_matrix(
            self.policed(ingress=lambda s, d, *_: d is not self.job and (d is not self.db or s is self.web)),
            self.everybody,
            timeout=3,
        )
        traffic.stop()

    def test_address_under_other_labels(self):
        """Of another node's pod: the name is another, the labels are, the address is the same."""
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=FAR)
        self.node.write_pod("shop", "far", {"app": "far"}, ips=self.world_ips(), nodeName=ELSEWHERE)
        self.only_to_db(self.node.world)
        self.node.agent_kill()
        self.node.remove_pod("shop", "far")
        self.node.write_pod("shop", "other", {"app": "other"}, ips=self.world_ips(), nodeName=ELSEWHERE)
        self.restart_without_and_with_the_server([self.node.world])
        self.only_to_db(within=3)
        self.node.remove_pod("shop", "other")

    def test_address_of_a_pod_here_under_other_labels(self):
        """The runtime took the pod down and gave its address to another one, all while we were dead."""
        self.deny_db("friend")
        friend = self.node.add_pod("shop", "friend", {"app": "friend"})
        self.only_to_db(friend)
        ips = dict(friend.ips)
        self.node.agent_kill()
        self.node.del_pod(friend)
        self.reuse_addresses()
        self.node.set_conf({"failMode": "isolate"})
        self.addCleanup(self.node.set_conf, {})
        other = self.node.add_pod("shop", "other", {"app": "other"})
        self.assertEqual(other.ips, ips)
        self.assertFalse(other.reaches(self.db))
        self.node.agent_start()
        self.only_to_db(within=3)
        self.node.del_pod(other)

    @staticmethod
    def reuse_addresses():
        """The next pod gets the lowest address that is free."""
        directory = "/var/lib/cni/networks/podnet"
        for name in os.listdir(directory):
            if name.startswith("last_reserved_ip"):
                os.unlink(os.path.join(directory, name))

    def test_namespace_relabelled(self):
        blue = [{"from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]}]
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=blue)
        self.only_to_db(self.labweb, self.job)
        self.node.agent_kill()
        self.node.write_namespace("lab", {"team": "green"})
        self.restart_without_and_with_the_server([self.labweb, self.job])
        self.only_to_db(within=3)

    def test_pod_deleted(self):
        """A pod that the API has no more, and whose DEL came while we were dead."""
        pod = self.node.add_pod("shop", "new", {"app": "new"})
        self.node.agent_kill()
        self.node.del_pod(pod)
        self.node.agent_start()
        self.assert_policed()
