# SPDX-License-Identifier: Apache-2.0
"""A server that answers as no real one should. Whatever it says: what is in force stays, the agent lives,
stays small and does not hurry; and when the server is good again it is followed again."""
import json
import os
import subprocess
import time

import broken
from case_api import BACK_S, ApiCase
from control import CONTROL_IP
from fake import TRAP_PORT, Fake
from node import BUILD, eventually
from node_api import replace
from objects import head, pod
from pki import Authority

MORE_MB = 24  # than before, at most
POLICIES = "networkpolicies"
EMPTY_PODS = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "999999"}, "items": []}


class FakeCase(ApiCase):
    node_args = {"make": Fake}
    cost = 2

    @classmethod
    def start(cls):
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):  # of no meaning to an agent
            os.environ[name] = f"http://{CONTROL_IP}:{TRAP_PORT}"
        super().start()

    def setUp(self):
        """A new agent each time: one that was refused often takes its time, and tests have none."""
        super().setUp()
        self.api = self.node.api
        self.node.agent_kill()
        self.node.agent_start()
        self.deny_db("web")
        self.only_to_db(self.web)

    def tearDown(self):
        super().tearDown()
        self.assertEqual(self.api.trapped, [], "somebody was sent elsewhere, and went")

    def met(self, seen, times=2, timeout=20):
        self.assertTrue(eventually(lambda: len(seen) >= times, timeout), f"asked {len(seen)} times: {seen}")

    def survives(self, act, resource=None, verbs=("list", "watch"), times=2, wait_s=20, most=10):
        """@act is met @times, in the place of @resource; then all is well again. Those that met it. No more
        than @most requests a watch are made in five seconds."""
        with open(f"/proc/{self.node.agent.pid}/clear_refs", "w") as f:
            f.write("5")  # the peak is now
        before = self.node.memory_mb()
        with self.api.rule(act, resource, verbs) as seen:
            began = time.monotonic()
            self.met(seen, times, wait_s)
            time.sleep(0.2)
            self.still_to_db(self.web)
            per_watch = self.busiest(seen, began)
        self.assertLess(per_watch, most * max(1, (time.monotonic() - began) / 5), "it hurries")
        self.assertIsNone(self.node.agent.poll())
        self.assertLess(self.node.memory_mb("VmHWM"), before + MORE_MB)
        self.deny_db()
        self.only_to_db(within=BACK_S)
        return seen

    @staticmethod
    def busiest(seen, began):
        """The most requests that one watch made: those of one path and selector."""
        count = {}
        for x in seen:
            if x.at >= began and "continue" not in x.query:
                key = x.path, x.query.get("fieldSelector")
                count[key] = count.get(key, 0) + 1
        return max(count.values(), default=0)


class Text(FakeCase):
    """What is no JSON, or no list, or not the one that was asked for."""

    cost = 7

    def survives_both(self, act, resource=None):
        """In the place of streaming lists, and of those in pages."""
        for how, one in (("stream", act), ("pages", broken.by_lists(act))):
            with self.subTest(how=how):
                self.survives(one, resource, times=3)
                self.deny_db("web")
                self.only_to_db(self.web)

    def test_malformed(self):
        self.survives_both(broken.mangled(lambda b: b.replace(b'"metadata": {', b'"metadata": }{')))

    def test_truncated(self):
        """Well ended as HTTP, and half of what it should be."""
        self.survives_both(broken.mangled(lambda b: b[: len(b) // 2]))

    def test_no_json(self):
        self.survives_both(broken.answer("no"))

    def test_html(self):
        self.survives(
            broken.answer("<!DOCTYPE html><html><body>Please log in</body></html>", kind="text/html")
        )

    def test_nothing(self):
        self.survives_both(broken.answer(b""))

    def test_an_object_that_is_no_list(self):
        """Not the end of all policies."""
        for body in ({}, [], None, {"items": []}, {"kind": "Status", "status": "Success"}):
            with self.subTest(body=body):
                self.survives_both(broken.answer(body))

    def test_another_list(self):
        """Of pods, where policies were asked for: by its own kind, or by that of what is in it."""
        mixed = {**EMPTY_PODS, "kind": "NetworkPolicyList", "apiVersion": "networking.k8s.io/v1"}
        for body in (EMPTY_PODS, {**mixed, "items": [pod("shop", "odd")]}):
            with self.subTest(kind=body["kind"]):
                self.survives_both(broken.answer(body), POLICIES)

    def test_byte_order_mark(self):
        self.survives(broken.mangled(lambda b: b"\xef\xbb\xbf" + b), times=1)

    def test_nul(self):
        self.survives(broken.mangled(lambda b: b.replace(b'"kind"', b'\0"kind"')))

    def test_bad_utf8(self):
        self.survives(
            broken.mangled(lambda b: b.replace(b'"app"', b'"ap\xff"').replace(b"name", b"n\xe2\x28me"))
        )

    def test_something_behind_the_end(self):
        self.survives_both(broken.mangled(lambda b: b + b"]}"))

    def test_carriage_returns(self):
        """White space, in JSON: understood."""
        with self.api.rule(broken.mangled(lambda b: b.replace(b"\n", b"\r\n\r\n").replace(b", ", b",\r\n"))):
            self.deny_db()
            self.only_to_db(within=BACK_S)

    def test_depth(self):
        self.survives(broken.answer('{"items":' + "[" * 100000))

    def test_bomb(self):
        self.survives(broken.bomb(100))

    def test_one_line_of_100_mb(self):
        self.survives(broken.endless(b"a" * 65536, 1600), POLICIES, times=1)

    def test_100_mb_of_white_space(self):
        self.survives(broken.answer(b" " * (100 << 20)), POLICIES, times=1, wait_s=30)

    def test_every_byte_by_itself(self):
        with self.api.rule(broken.in_pieces(1), verbs=("list", "watch", "get")):
            self.deny_db()
            self.only_to_db(within=BACK_S)
            self.deny_db("web")
            self.only_to_db(self.web, within=BACK_S)
            self.node.write_pod("shop", "web", {"app": "other"})
            self.only_to_db(within=BACK_S)

    def test_slow_loris(self):
        """A byte every second: the others go on, and an ADD does not wait for it."""
        with self.api.rule(broken.in_pieces(1, 1.0), POLICIES, times=3) as seen:
            self.met(seen, 1)
            self.node.write_pod("shop", "web", {"app": "other"})
            self.only_to_db(within=BACK_S)
            self.node.write_pod("shop", "web", {"app": "web"})
            self.only_to_db(self.web)
            self.assert_add_fails()
        self.deny_db()
        self.only_to_db(within=BACK_S)


class Objects(FakeCase):
    """One bad object amid good ones stands for itself alone."""

    def isolates_itself(self, *bad, named=None, resource=POLICIES):
        with self.api.rule(broken.more_items(*bad), resource) as seen:
            self.met(seen, 1)
            self.deny_db()
            self.only_to_db(within=BACK_S)
            self.deny_db("web")
            self.only_to_db(self.web, within=BACK_S)
        if named:
            self.log_says(named)
        self.assertIsNone(self.node.agent.poll())

    @staticmethod
    def bad_policy(name, spec='{"podSelector":{}}', meta=""):
        """As text: the API's own order, kind first. In a namespace without pods."""
        return (
            f'{{"kind":"NetworkPolicy","apiVersion":"networking.k8s.io/v1","metadata":{{"name":"{name}",'
            f'"namespace":"void","uid":"{name}","resourceVersion":"7"{meta}}},"spec":{spec}}}'
        )

    def test_too_large(self):
        """Where nobody looks that is a matter of passing over it; where somebody does, of not taking it in."""
        much = "x" * (5 << 20)
        self.isolates_itself(self.bad_policy("huge1", meta=f',"annotations":{{"a":"{much}"}}'))
        spec = '{"podSelector":{"matchLabels":{"a":"%s"}}}' % much
        self.isolates_itself(self.bad_policy("huge2", spec), named="huge2")

    def test_too_deep(self):
        self.isolates_itself(self.bad_policy("deep", spec="[" * 100000 + "]" * 100000), named="deep")

    def test_a_number_beyond_64_bits(self):
        spec = '{"podSelector":{},"ingress":[{"ports":[{"port":%d}]}]}'
        self.isolates_itself(
            self.bad_policy("number1", spec % 2**63),
            self.bad_policy("number2", spec % 2**70),
            self.bad_policy("number3", spec.replace("%d", "1e999")),
            named="number2",
        )

    def test_duplicate_keys(self):
        spec = (
            '{"podSelector":{},"ingress":[{}],"ingress":[],"podSelector":{"matchLabels":{"a":"b","a":"c"}}}'
        )
        self.isolates_itself(self.bad_policy("double", spec))

    def test_many_keys(self):
        labels = ",".join(f'"k{i}":"v"' for i in range(50000))
        self.isolates_itself(self.bad_policy("many", '{"podSelector":{"matchLabels":{%s}}}' % labels))

    def test_bad_utf8(self):
        self.isolates_itself(
            self.bad_policy("utf8", '{"podSelector":{"matchLabels":{"a":"').encode() + b'\xff"}}}}'
        )

    def test_escaped_nul(self):
        self.isolates_itself(self.bad_policy("nul", '{"podSelector":{"matchLabels":{"a":"b\\u0000c"}}}'))

    def test_policies_without_a_name(self):
        """Which one is missing then? Such a list is not believed at all."""
        for bad in ({"metadata": {}}, {"metadata": {"name": "", "namespace": "shop"}}, {"metadata": []}, 7):
            with self.subTest(bad=bad):
                self.survives(broken.more_items(bad), POLICIES)
                self.deny_db("web")
                self.only_to_db(self.web)

    def test_a_spec_that_is_none(self):
        self.isolates_itself({"spec": 5, **head("NetworkPolicy", "void", "odd")}, named="odd")

    def test_bad_pods(self):
        bad = [
            {**head("Pod", "void", f"p{i}"), "spec": spec, "status": status}
            for i, (spec, status) in enumerate(
                (
                    ({"nodeName": 7}, {}),
                    ({"nodeName": "elsewhere"}, {"podIPs": "no", "podIP": 5}),
                    ([], []),
                    (
                        {"nodeName": "elsewhere"},
                        {"podIPs": [{"ip": "300.1.1.1"}, {"ip": "::ffff:1.2.3.4"}, None]},
                    ),
                    (
                        {"nodeName": "elsewhere", "containers": [{"ports": {"a": []}}]},
                        {"podIPs": [{"ip": "10.9.9.9"}]},
                    ),
                )
            )
        ]
        self.isolates_itself(*bad, resource="pods")

    def test_a_policy_in_force_that_cannot_be_read_any_more(self):
        """It does not go away: what it denied stays denied."""
        big = b'"annotations": {"a": "' + b"x" * (5 << 20) + b'"}, "name": "db", "namespace": "shop"'
        with self.api.rule(
            broken.mangled(lambda b: b.replace(b'"name": "db", "namespace": "shop"', big)), POLICIES
        ) as seen:
            self.met(seen, 1)
            traffic = [self.job.start("hammer", 10, "tcp", self.db.ips[f], 80) for f in self.node.families]
            time.sleep(2)
            for m in traffic:
                last = m.stop()
                self.assertEqual(last["answered"], 0, last)
        self.deny_db()
        self.only_to_db(within=BACK_S)


class Flow(FakeCase):
    """Status codes, and how long to wait."""

    def gaps(self, seen):
        at = sorted(x.at for x in seen)
        return [b - a for a, b in zip(at, at[1:])]

    def test_too_many_requests(self):
        for code, reason in ((429, "TooManyRequests"), (503, "ServiceUnavailable")):
            with self.subTest(code=code):
                seen = self.survives(broken.refuse(code, reason, ["Retry-After: 3"]), POLICIES, times=3)
                self.assertGreater(min(self.gaps(seen)), 2.9)
                self.deny_db("web")
                self.only_to_db(self.web)

    def test_retry_after_next_year(self):
        """Is not believed."""
        self.survives(broken.refuse(503, "ServiceUnavailable", ["Retry-After: 31536000"]), POLICIES, times=1)

    def test_errors(self):
        for code, reason in (
            (500, "InternalError"),
            (502, ""),
            (418, ""),
            (400, "BadRequest"),
            (409, "Conflict"),
        ):
            with self.subTest(code=code):
                self.survives(broken.refuse(code, reason), POLICIES)
                self.deny_db("web")
                self.only_to_db(self.web)

    def test_what_is_not_needed(self):
        """Forbidden or not there: each degrades alone, and is asked for again some time."""
        for resource, code, reason in (
            ("services", 403, "Forbidden"),
            ("endpointslices", 404, "NotFound"),
            ("nodes", 403, "Forbidden"),
        ):
            with self.subTest(resource=resource), self.api.rule(
                broken.refuse(code, reason), resource
            ) as seen:
                self.met(seen, 1, BACK_S)
                self.deny_db()
                self.only_to_db(within=BACK_S)
                self.add_and_del()
                self.deny_db("web")
                self.only_to_db(self.web)

    def test_pods_forbidden(self):
        self.survives(broken.refuse(403, "Forbidden"), "pods", times=2)

    def test_a_pod_by_name(self):
        """What answers an ADD's question is as little to be trusted."""
        for act in (
            broken.answer("no"),
            broken.answer({}),
            broken.bomb(20),
            broken.refuse(500, "InternalError"),
            broken.answer(EMPTY_PODS),
            broken.endless(b"a" * 65536, 100),
        ):
            with self.api.rule(broken.refuse(500, "InternalError"), "pods"), self.api.rule(
                act, "pods", ("get",)
            ) as seen:
                self.assert_add_fails()
                self.assertTrue(seen)
        self.assertIsNone(self.node.agent.poll())
        eventually(self.node.synced, BACK_S)
        self.add_and_del()


class Streams(FakeCase):
    """Watches that end, lists in pages, versions."""

    def test_expired_pages(self):
        """The list's second page is gone: begun anew, and nothing that only that page has is dropped."""
        self.deny_db("job", name="later")
        self.survives(broken.expired_pages)

    def test_errors_in_a_stream(self):
        for code, reason in ((410, "Expired"), (410, "Gone"), (500, "InternalError"), (504, "Timeout")):
            with self.subTest(code=code, reason=reason):
                self.survives(broken.error_event(code, reason), POLICIES)
                self.deny_db("web")
                self.only_to_db(self.web)

    def test_watches_that_end_at_once(self):
        """Empty, with 200, over and over: asked for less and less often."""
        self.survives(broken.empty, times=12, most=14)

    def test_no_streaming_lists(self):
        """Refused: lists, by pages; and no bookmark ever."""
        with self.api.rule(broken.only_lists) as seen:
            self.deny_db()
            self.only_to_db(within=BACK_S)
            self.node.write_pod("shop", "web", {"app": "other"})
            self.deny_db("other")
            self.only_to_db(self.web, within=BACK_S)
            self.assertTrue([x for x in seen if "continue" in x.query], "no list had pages")
            self.assertTrue([x for x in seen if x.verb == "watch" and not x.streaming_list])

    def test_no_marker(self):
        """A streaming list whose initial events have no end is not waited for without end."""
        with self.api.rule(broken.without_marker):
            self.deny_db()
            self.only_to_db(within=60)

    def test_versions_that_go_back(self):
        """As after a restore of etcd. Too large a version is asked for once, then none."""
        self.api.go_back(20)
        self.api.reset()
        self.deny_db()
        self.only_to_db(within=BACK_S)

    def test_reset_in_mid_list(self):
        self.survives(broken.cut_after(300), POLICIES, verbs=("list", "watch"))


class Trust(FakeCase):
    """Only over TLS, only to the server that was named, only with a certificate by its CA."""

    def untrusted(self, pair):
        good = self.api.ca.server("fake", f"IP:{CONTROL_IP}")
        before = len(self.api.seen)
        self.api.serve_by(pair)
        try:
            self.deny_db()
            time.sleep(3)
            self.still_to_db(self.web)
            self.assertEqual(len(self.api.seen), before, "asked, and the token given away")
            self.assertIn("certificate", self.node.trouble())
        finally:
            self.api.serve_by(good)
        self.only_to_db(within=BACK_S)

    def test_another_name(self):
        self.untrusted(self.api.ca.server("elsewhere", "DNS:elsewhere.example", "IP:198.51.100.1"))

    def test_another_ca(self):
        self.untrusted(Authority("/run/bh-other-ca", "ca").server("fake", f"IP:{CONTROL_IP}"))

    def test_redirects(self):
        """The token is for one server. The trap is looked at after each test."""
        for where in (f"https://{CONTROL_IP}:{TRAP_PORT}", f"http://{CONTROL_IP}:{TRAP_PORT}", "file://"):
            with self.subTest(where=where):
                self.survives(broken.redirect(where))
                self.deny_db("web")
                self.only_to_db(self.web)

    def test_what_is_sent(self):
        """The token of the file as it is now, and no wish that an answer be packed or in another form."""
        self.node.set_token("another")
        self.addCleanup(self.node.set_token, self.api.token())
        before = len(self.api.seen)
        self.api.reset()
        self.deny_db()
        self.only_to_db(within=BACK_S)
        self.add_and_del()
        for x in self.api.seen:
            self.assertEqual(x.method, "POST" if x.resource == "events" else "GET", x)
            self.assertEqual(x.headers.get("accept"), "application/json")
            self.assertNotIn("accept-encoding", x.headers)
        sent = {x.headers.get("authorization") for x in self.api.seen[before:]}
        self.assertEqual(sent, {"Bearer another"})

    def test_one_401(self):
        """The token's file is read again, and the question put again, at once."""
        before = self.failures()
        with self.api.rule(broken.refuse(401, "Unauthorized"), POLICIES, times=1) as seen:
            self.met(seen, 1)
            self.deny_db()
            self.only_to_db()
            self.assertEqual(self.failures() - before, 1, "no more than the end of the connection")

    def failures(self):
        """Of the policies' watch, so far: those that were followed by a pause."""
        watches = self.node.ask("status")["watches"]
        return next(w["failures"] for w in watches if w["name"] == POLICIES)

    def refused(self, text):
        """A kubeconfig that the agent does not take: what it says."""
        path = "/run/bh-account/refused"
        replace(path, text)
        argv = [
            os.path.join(BUILD, "bulkhead-agent"),
            "--source",
            "kubernetes",
            "--kubeconfig",
            path,
            "--node-name",
            "node",
            "--run-dir",
            "/run/bh-refused",
            "--pin-dir",
            "/sys/fs/bpf/bh-refused",
        ]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_kubeconfigs_that_are_refused(self):
        with open("/run/bh-account/kubeconfig") as f:
            good = f.read()
        self.assertIn("https", self.refused(good.replace("https://", "http://")))
        self.assertIn(
            "insecure-skip-tls-verify",
            self.refused(
                good.replace(
                    "certificate-authority: /run/bh-account/ca.crt", "insecure-skip-tls-verify: true"
                )
            ),
        )
        self.assertIn(
            "proxy-url", self.refused(good.replace("{server:", "{proxy-url: http://127.0.0.1:1, server:"))
        )


class Start(FakeCase):
    """The agent starts before such a server: what its predecessor put in force stays until all is known."""

    def started_before(self, act, resource=None, verbs=("list", "watch")):
        self.node.agent_kill()
        self.deny_db()
        with self.api.rule(act, resource, verbs) as seen:
            self.node.agent_start(wait=False)
            self.met(seen, 2)
            time.sleep(1)
            self.still_to_db(self.web)
            self.assertFalse(self.node.synced())
            self.assert_add_fails(manifest=False)
        self.only_to_db(within=BACK_S)

    def test_malformed(self):
        self.started_before(broken.mangled(lambda b: b.replace(b'"metadata": {', b'"metadata": }{')))

    def test_truncated_policies(self):
        self.started_before(broken.mangled(lambda b: b[: len(b) // 2]), POLICIES)

    def test_no_pods(self):
        self.started_before(broken.refuse(500, "InternalError"), "pods")

    def test_no_namespaces(self):
        self.started_before(broken.refuse(403, "Forbidden"), "namespaces")

    def test_empty_object(self):
        self.started_before(broken.answer(json.dumps({})))
