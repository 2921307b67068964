# SPDX-License-Identifier: Apache-2.0
"""What the agent tells the cluster's people: Events that a real API server takes and gives back. None of it holds
up what the agent is there for."""
import os
import re
import time

from case_api import BACK_S, ApiCase
from control import RULES
from node import PIN_DIR, eventually
from objects import ELSEWHERE, NODE
from test_metrics import PORT, get, judged

TICK_S = 2  # of the agent: when it looks at its pins


class EventsCase(ApiCase):
    def events(self, reason, ns="default"):
        found = self.node.api.admin.list("Event", ns)["items"]
        return [e for e in found if e["reason"] == reason]

    def posts(self):
        return self.node.ask("status")["posts"]

    def lose_pins(self):
        """Which the agent mends, and tells of: in the same words each time."""
        pin = os.path.join(PIN_DIR, "bh_endpoints")
        os.unlink(pin)
        self.assertTrue(eventually(lambda: os.path.exists(pin), 3 * TICK_S), "the pin was not put back")


class Told(EventsCase):
    def test_object(self):
        """As it is read back, in either API."""
        event = eventually(lambda: self.events("Started"), 10)[0]
        self.assertEqual(event["regarding"], {"apiVersion": "v1", "kind": "Node", "name": NODE, "uid": NODE})
        self.assertEqual(event["reportingController"], "bulkhead.dev/agent")
        self.assertEqual(event["reportingInstance"], NODE)
        self.assertEqual((event["type"], event["action"]), ("Normal", "Started"))
        self.assertIn("listening at", event["note"])
        self.assertRegex(event["eventTime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        name = event["metadata"]["name"]
        self.assertTrue(re.fullmatch(rf"{NODE}\.[0-9a-f]{{16}}", name), name)
        old = self.node.api.admin.request("GET", f"/api/v1/namespaces/default/events/{name}")
        self.assertEqual((old["involvedObject"]["name"], old["message"]), (NODE, event["note"]))

    def test_the_same_again(self):
        """Three times the same in a minute is one Event."""
        for _ in range(3):
            self.lose_pins()
        self.assertEqual(self.posts()["repeated"], 2)
        events = eventually(lambda: self.events("PinsRestored"), 10)
        time.sleep(1)
        self.assertEqual(len(self.events("PinsRestored")), 1)
        self.assertEqual(events[0]["type"], "Warning")
        self.assertIn(PIN_DIR, events[0]["note"])


class Away(EventsCase):
    def test_kept_until_it_is_back(self):
        eventually(lambda: self.posts()["posted"] == 1, 10)
        self.node.api.kill()
        self.lose_pins()
        self.assertEqual((self.posts()["waiting"], self.posts()["lost"]), (1, 0))
        self.still_to_db(*(p for p in self.everybody if p is not self.db))
        self.node.api.start()
        self.assertTrue(eventually(lambda: self.events("PinsRestored"), BACK_S), "it was not posted")
        self.assertEqual(self.posts()["waiting"], 0)


class Refused(EventsCase):
    def test_told_once(self):
        """No right to make Events: one line in the log, and all else as ever."""
        eventually(lambda: self.posts()["posted"] == 1, 10)
        self.addCleanup(self.node.api.grant, RULES)
        self.node.api.grant([r for r in RULES if r["resources"] != ["events"]])
        time.sleep(1)  # until the server has heard of it
        self.lose_pins()
        self.log_says("Events are refused", "HTTP 403", "cannot create resource")
        self.node.agent_kill()
        self.node.agent_start()
        eventually(lambda: self.posts()["lost"] == 1, 10)
        self.lose_pins()
        eventually(lambda: self.posts()["lost"] == 2, 10)
        self.assertEqual((self.posts()["posted"], self.posts()["waiting"]), (0, 0))
        with open(self.node.log_path) as f:
            self.assertEqual(f.read().count("Events are refused"), 2, "once in each agent's life")
        self.deny_db("web")
        self.only_to_db(self.web)
        self.add_and_del()


class Denied(EventsCase):
    """What a tenant sees of a denied flow, without a right on any node."""

    node_args = {"agent_args": ["--flow-events", "--metrics-address", f"127.0.0.1:{PORT}"]}

    def told(self, ns):
        """{pod: note} of Events of that namespace; each has the pod's UID, and each is there once."""
        found = self.events("FlowDenied", ns)
        notes = [(e["regarding"]["name"], e["note"]) for e in found]
        self.assertEqual(len(notes), len(set(notes)))
        for e in found:
            self.assertEqual((e["type"], e["regarding"]["kind"]), ("Warning", "Pod"))
            self.assertEqual(e["regarding"]["uid"], self.node.uids[ns, e["regarding"]["name"]])
        return set(notes)

    def test_both_ends(self):
        """Of pods here and elsewhere: the node that has denied it tells the other end, too. The same again is no
        new Event."""
        self.node.write_pod("lab", "far", {"app": "far"}, ips=[self.node.world.ips[4]], nodeName=ELSEWHERE)
        self.addCleanup(self.node.remove_pod, "lab", "far")
        self.deny_db("nobody")
        self.assertTrue(eventually(lambda: not self.labweb.reaches(self.db), 10))
        for _ in range(10):
            self.assertFalse(self.node.world.reaches(self.db))
            self.assertFalse(self.labweb.reaches(self.db))
        db, web, far = (h.ips[4] for h in (self.db, self.labweb, self.node.world))
        rule = "no rule of policy 'shop/db' allows it (ingress)"
        there = f"TCP port 80 to shop/db ({db}) was denied there: {rule}"
        self.assertTrue(eventually(lambda: self.told("lab") == {("web", there), ("far", there)}, 15), self.told("lab"))
        here = {f"TCP port 80 from lab/web ({web}) was denied: {rule}"}
        here.add(f"TCP port 80 from lab/far ({far}) was denied: {rule}")
        self.assertEqual(self.told("shop"), {("db", note) for note in here})
        self.assertFalse(self.events("FlowDenied"))

    def samples(self):
        """{metric with labels: value} of what is there with an API server alone."""
        lines = re.findall(r"^(bulkhead_(?:watch|kubernetes_events|denied_events)_.+) (\S+)$", get("/metrics")[2], re.M)
        return {name: float(value) for name, value in lines}

    def test_metrics(self):
        """As many as docs/metrics.md says; and that the API server goes away is counted."""
        self.assertTrue(eventually(lambda: self.posts()["posted"] >= 1, 10))
        self.assertEqual(judged(get("/metrics")[2]), (0, ""))
        before = self.samples()
        self.assertEqual(len(before), 93 + 3)
        self.assertEqual(before['bulkhead_watch_synced{watch="networkpolicies"}'], 1)
        self.assertGreaterEqual(before['bulkhead_watch_lists_total{watch="networkpolicies"}'], 1)
        self.assertGreaterEqual(before['bulkhead_kubernetes_events_total{result="posted"}'], 1)
        self.assertLess(before['bulkhead_watch_age_seconds{watch="networkpolicies"}'], 120)
        failed = 'bulkhead_watch_failures_total{watch="networkpolicies"}'
        self.node.api.kill()
        self.assertTrue(eventually(lambda: self.samples()[failed] > before[failed], 20))
        self.node.api.start()
        watching = 'bulkhead_watch_state{watch="networkpolicies",state="watching"}'
        self.assertTrue(eventually(lambda: self.samples()[watching] == 1, BACK_S))
