# SPDX-License-Identifier: Apache-2.0
"""What changes in the API is in force on the pods, and an ADD knows what was there before it."""
import time

from case import below
from case_api import IN, ApiCase
from node import CniError, eventually
from objects import ELSEWHERE, from_pods, pod_status

FAR = [{"from": [{"podSelector": {"matchLabels": {"app": "far"}}}]}]


class Follow(ApiCase):
    cost = 2

    def world_ips(self):
        return [self.node.world.ips[f] for f in self.node.families]

    def test_policies(self):
        self.deny_db("web")
        self.only_to_db(self.web)
        self.deny_db()
        self.only_to_db()
        self.deny_db("job", name="more")  # no such pod in this namespace
        self.only_to_db()
        self.node.remove_policy("shop", "db")
        self.node.remove_policy("shop", "more")
        self.assert_policed()

    def test_labels_of_pods(self):
        """Of a peer, and of the subject."""
        self.deny_db("friend")
        self.only_to_db()
        self.node.write_pod("shop", "web", {"app": "friend"})
        self.only_to_db(self.web)
        self.node.write_pod("shop", "db", {"app": "none"})
        self.assert_policed()
        self.node.write_pod("shop", "db", {"app": "db"})
        self.only_to_db(self.web)
        self.node.write_pod("shop", "web", {})
        self.only_to_db()

    def test_labels_of_namespaces(self):
        blue = [{"from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]}]
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=blue)
        self.only_to_db(self.labweb, self.job)
        self.node.write_namespace("lab", {"team": "green"})
        self.only_to_db()
        self.node.write_namespace("shop", {"team": "blue"})
        self.only_to_db(self.web)

    def test_pods_of_other_nodes(self):
        """Known by their status; what has ended is a peer no more."""
        world = self.node.world
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=FAR)
        self.only_to_db()
        self.node.write_pod("shop", "far", {"app": "far"}, ips=self.world_ips(), nodeName=ELSEWHERE)
        self.only_to_db(world)
        self.node.api.set_status("shop", "far", pod_status(self.world_ips(), "Succeeded"))
        self.only_to_db()
        self.node.remove_pod("shop", "far")
        self.node.write_pod("shop", "far", {"app": "far"}, ips=self.world_ips(), nodeName=ELSEWHERE)
        self.only_to_db(world)
        self.node.remove_pod("shop", "far")
        self.only_to_db()

    def test_an_address_that_moves_on(self):
        """The new owner is told before the old one goes: what goes takes nothing with it."""
        world = self.node.world
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=FAR)
        self.node.write_pod("shop", "old", {"app": "old"}, ips=self.world_ips(), nodeName=ELSEWHERE)
        self.only_to_db()
        self.node.write_pod("shop", "far", {"app": "far"}, ips=self.world_ips(), nodeName=ELSEWHERE)
        self.node.remove_pod("shop", "old")
        self.only_to_db(world)
        time.sleep(0.5)
        self.still_to_db(world)
        self.node.remove_pod("shop", "far")
        self.only_to_db()

    def test_host_network_pods_are_the_node(self):
        """The address of such a pod is the node's, not a peer's."""
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN, ingress=FAR)
        self.node.write_pod(
            "shop", "far", {"app": "far"}, ips=self.world_ips(), nodeName=ELSEWHERE, hostNetwork=True
        )
        self.only_to_db()
        time.sleep(0.5)
        self.still_to_db()
        self.node.remove_pod("shop", "far")

    def test_first_packet(self):
        """Policies that were there before the pod are in force when ADD returns."""
        for i in range(5):
            self.node.write_policy(
                "shop", f"new{i}", subject={"app": f"new{i}"}, policyTypes=["Ingress", "Egress"]
            )
            pod = self.node.add_pod("shop", f"new{i}", {"app": f"new{i}"})
            answers = pod.try_all([("tcp", self.job.ips[f], 80) for f in self.node.families])
            self.assertEqual([a["error"] for a in answers], ["timeout"] * len(answers))
            self.assertFalse(self.job.reaches(pod, family=4))
            self.assertTrue(self.node.host.reaches(pod, family=4, ms=3000))
            self.node.del_pod(pod)

    def test_ports_by_name(self):
        """What a pod calls them: its sidecars too, and an init container that ends not."""
        image = {"image": "none"}
        self.node.write_pod(
            "shop",
            "named",
            {"app": "named"},
            initContainers=[
                {"name": "side", "restartPolicy": "Always", "ports": [{"name": "web", "containerPort": 80}], **image},
                {"name": "once", "ports": [{"name": "dns", "protocol": "UDP", "containerPort": 53}], **image},
            ],
        )
        named = self.node.add_pod("shop", "named", manifest=False)
        ports = [{"port": "web"}, {"port": "dns", "protocol": "UDP"}]
        for way, peer, who in (("Ingress", "ingress", {"app": "named"}), ("Egress", "egress", {"app": "web"})):
            self.node.write_policy(
                "shop", "named", subject=who, policyTypes=[way], **{peer: [{"ports": ports}]}
            )
            for family in self.node.families:
                ip = named.ips[family]
                reaches = lambda ip=ip: [a["ok"] for a in self.web.try_all([("tcp", ip, 80), ("udp", ip, 53)])]
                self.assertTrue(eventually(lambda r=reaches: r() == [True, False], 10), (way, family, reaches()))
        self.node.remove_policy("shop", "named")
        self.node.del_pod(named)

    def test_a_pod_made_anew(self):
        """Same name, another pod: an ADD of the one that is gone fails, of the new one it succeeds."""
        self.node.write_pod("shop", "new", {"app": "new"})
        old = self.node.uids["shop", "new"]
        self.node.remove_pod("shop", "new")
        self.node.write_pod("shop", "new", {"app": "new"})
        new, self.node.uids["shop", "new"] = self.node.uids["shop", "new"], old
        self.assert_add_fails(manifest=False)
        self.node.uids["shop", "new"] = new
        self.node.del_pod(self.node.add_pod("shop", "new", {"app": "new"}))

    def test_static_pods(self):
        """The kubelet knows them by the hash of their file, the API by another UID. What anybody can write says nothing."""
        said = {"kubernetes.io/config.mirror": "0123456789abcdef", "kubernetes.io/config.hash": "fedcba9876543210"}
        self.node.write_pod("shop", "static", {"app": "static"}, annotations=said, mirror=True)
        self.node.uids["shop", "static"] = said["kubernetes.io/config.hash"]
        self.assert_add_fails(name="static", manifest=False)
        self.node.uids["shop", "static"] = said["kubernetes.io/config.mirror"]
        pod = self.node.add_pod("shop", "static", manifest=False)
        self.node.write_policy("shop", "static", subject={"app": "static"}, policyTypes=IN)
        self.assert_policed(ingress=lambda s, d, *_: d is not pod)
        self.node.del_pod(pod)

    def test_a_pod_that_the_api_does_not_know(self):
        began = time.monotonic()
        with self.assertRaises(CniError):
            self.node.add_pod("shop", "nobody", manifest=False)
        self.assertLess(time.monotonic() - began, below(5))

    def test_two_policies_in_one_breath(self):
        """What was allowed before and is allowed after is allowed between."""
        self.deny_db("web")
        self.only_to_db(self.web)
        meters = [self.web.start("hammer", 5, "tcp", self.db.ips[f], 80) for f in self.node.families]
        for i in range(10):
            self.node.write_policy(
                "shop", f"n{i}", subject={"app": "db"}, policyTypes=IN, ingress=[from_pods(app="web")]
            )
            self.node.remove_policy("shop", f"n{i - 1}" if i else "db")
        for m in meters:
            last = m.stop()
            self.assertEqual((last["lost"], last["refused"]), (0, 0), last)
        self.only_to_db(self.web)
