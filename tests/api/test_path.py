# SPDX-License-Identifier: Apache-2.0
"""The path between node and API server fails in silence: as a whole, for the connections that there are, or
for one watch among others."""
import time

from case_api import ApiCase
from node import CniError, eventually
from objects import NODE

NOTICED_S = 60
OTHERS = {"namespaces", "nodes", "networkpolicies", "services", "endpointslices"}
# Not installed here: asked for again now and then.
ABSENT = {"clusternetworkpolicies", "segmentationpolicies", "clustersegmentationpolicies"}


class Path(ApiCase):
    cost = 9  # begun first, for they wait most of the time

    def denied_within(self, began):
        """shop/db is shut to all at the latest a minute after @began."""
        self.assertTrue(eventually(lambda: not self.web.reaches(self.db), NOTICED_S + 5, 0.2), "still open")
        self.assertLessEqual(time.monotonic() - began, NOTICED_S)
        self.only_to_db()


class Cut(Path):
    def test_both_ways(self):
        """A minute without a packet either way, and a deny meanwhile."""
        self.deny_db("web")
        self.only_to_db(self.web)
        self.node.api.path.cut()
        self.deny_db()
        self.assert_add_fails(manifest=False)
        time.sleep(55)
        self.still_to_db(self.web)
        self.node.api.path.heal()
        self.denied_within(time.monotonic())
        self.add_and_del()


class CutShort(Path):
    def test_both_ways(self):
        """Too short for anybody to notice: the connections live."""
        self.deny_db("web")
        self.only_to_db(self.web)
        self.node.api.path.cut()
        self.deny_db()
        time.sleep(5)
        self.node.api.path.heal()
        self.denied_within(time.monotonic())


class HalfOpen(Path):
    def test_half_open(self):
        """The connections are dead and nobody says so. A new one would work."""
        self.deny_db("web")
        self.only_to_db(self.web)
        self.assertGreater(self.node.api.path.cut_connections(), 0)
        began = time.monotonic()
        self.deny_db()
        self.denied_within(began)
        self.node.api.path.heal()


class Frozen(Path):
    node_args = {"proxied": True}

    def test_acknowledged_and_no_more(self):
        """A machine between takes every packet and passes nothing on: the path looks well to the kernel."""
        self.deny_db("web")
        self.only_to_db(self.web)
        self.node.proxy.freeze()
        began = time.monotonic()
        self.deny_db()
        time.sleep(20)
        self.still_to_db(self.web)
        self.node.proxy.freeze(False)
        self.denied_within(began)


class FrozenForGood(Path):
    node_args = {"proxied": True}

    def test_a_new_connection_is_tried(self):
        """The same, and it does not pass; whoever begins anew is served. ADD, too."""
        self.deny_db("web")
        self.only_to_db(self.web)
        self.node.proxy.freeze_for_good()
        began = time.monotonic()
        self.deny_db()
        self.denied_within(began)
        self.add_and_del()


class OneWatch(ApiCase):
    """Only some answers are held back, on a connection on which all others come."""

    node_args = {"proxied": True}
    cost = 2

    def hold(self, *resources, lists=False, gets=False):
        def held(r):
            named = "/pods/" in r.path and gets and "pods" in resources
            return named or (r.resource in resources and (r.watch or lists))

        self.node.proxy.held = held

    def tearDown(self):
        self.node.proxy.held = None
        self.node.proxy.delay_s = 0.0
        self.node.proxy.cut()
        super().tearDown()

    def test_pods(self):
        """ADD asks for the pod by name."""
        self.hold("pods")
        self.node.write_policy("shop", "new", subject={"app": "new"}, policyTypes=["Ingress", "Egress"])
        pod = self.node.add_pod("shop", "new", {"app": "new"})
        self.assertFalse(self.job.reaches(pod))
        self.assertFalse(pod.reaches(self.job))
        self.assertTrue(self.node.host.reaches(pod, ms=3000))
        self.assertTrue(
            [r for r in self.node.proxy.requests if r.resource == "new"], "nobody asked for it by name"
        )
        self.node.proxy.held = None
        self.node.del_pod(pod)

    def test_policies(self):
        """ADD asks for the policies of the namespace: the pod's first packet meets them."""
        self.hold("networkpolicies")
        for i in range(3):
            self.node.write_policy(
                "shop", "new", subject={"app": f"new{i}"}, policyTypes=["Ingress", "Egress"]
            )
            pod = self.node.add_pod("shop", f"new{i}", {"app": f"new{i}"})
            self.assertFalse(pod.reaches(self.job))
            self.assertFalse(self.job.reaches(pod))
            self.node.del_pod(pod)

    def test_nothing_about_pods(self):
        """Neither by watch nor by name: ADD fails in time, and the kubelet tries again."""
        self.hold("pods", lists=True, gets=True)
        self.assert_add_fails()
        self.node.proxy.held = None
        self.add_and_del()

    def test_no_list_of_policies(self):
        self.hold("networkpolicies", lists=True)
        self.assert_add_fails()
        self.node.proxy.held = None
        self.add_and_del()

    def test_namespaces(self):
        """A namespace that is not known yet: its pod is not open, at no time."""
        self.hold("namespaces", lists=True)
        self.node.write_namespace("fresh", {"team": "red"})
        try:
            pod = self.node.add_pod("fresh", "new", {"app": "new"})
        except CniError:
            self.node.remove_pod("fresh", "new")
            return
        self.assertFalse(self.job.reaches(pod))
        self.assertFalse(pod.reaches(self.job))
        self.assertTrue(self.node.host.reaches(pod, ms=3000))
        self.node.proxy.held = None
        self.node.proxy.cut()
        self.assert_policed()
        self.node.del_pod(pod)

    def test_late_answers(self):
        """Half a second for each answer is long, and enough."""
        self.node.proxy.delay_s = 0.4
        self.node.write_policy("shop", "new", subject={"app": "new"}, policyTypes=["Ingress", "Egress"])
        pod = self.node.add_pod("shop", "new", {"app": "new"})
        self.assertFalse(pod.reaches(self.job))
        self.node.del_pod(pod)

    def test_what_is_watched(self):
        """Own pods and the others apart, all else once; over one connection."""
        self.node.proxy.cut()
        began = time.monotonic()
        self.deny_db()
        self.only_to_db(within=30)
        want = {(resource, None) for resource in OTHERS}
        want |= {("pods", f"spec.nodeName={NODE}"), ("pods", f"spec.nodeName!={NODE}")}

        def watched():
            seen = [r for r in self.node.proxy.requests if r.watch and r.at >= began and r.resource not in ABSENT]
            self.assertEqual({(r.resource, r.query.get("fieldSelector")) for r in seen}, want)
            return seen

        watches = eventually(watched, 30)
        self.assertTrue(eventually(lambda: len(self.node.proxy.sessions) == 1))
        for r in watches:
            self.assertIn("true", r.query.get("allowWatchBookmarks", ""), r)
            self.assertTrue(240 <= int(r.query.get("timeoutSeconds", 0)) <= 300, r)
