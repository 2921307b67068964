# SPDX-License-Identifier: Apache-2.0
"""ADD and DEL while the agent is away, hangs, or has lost its pins; and each failMode."""
import os
import threading
import time

import bpf
import invariants
from case import FEW_CONFIGS, PolicedCase, below
from node import PIN_DIR, CniError, eventually, run

IN = ["Ingress"]


class Away(PolicedCase):
    configs = FEW_CONFIGS
    fresh = True
    cost = 3

    def add_fails(self, ns="shop", name="new"):
        """An ADD that must fail with code 11, in time, and leave nothing: by cnitool, and by hand."""
        began = time.monotonic()
        with self.assertRaises(CniError):
            self.node.add_pod(ns, name, {"app": name})
        took = time.monotonic() - began
        self.assertLess(took, below(4), "ADD took too long")
        pod = self.node.new_pod(ns, name)
        prev = self.node.add_main(pod)
        code, out = self.node.ours("ADD", pod, prev)
        self.nothing_left()  # before any DEL
        self.node.ours("DEL", pod)
        self.node.del_main(pod)
        self.node.del_netns(pod.netns)
        self.assertEqual(code, 11, out)
        self.assertEqual(out["cniVersion"], self.node.version)
        return out["msg"] + " " + out.get("details", "")

    def isolated(self, pod):
        """Only the node reaches @pod, and it reaches only the node."""
        return self.policed(ingress=lambda s, d, *_: d is not pod, egress=lambda s, *_: s is not pod)

    def nothing_left(self):
        self.assertEqual(invariants.names(invariants.RECORDS), {p.key() + ".json" for p in self.node.pods})
        problems = []
        invariants.check_links(self.node, self.node.pods, problems)
        self.assertFalse(problems)

    def test_stopped_agent_closed(self):
        """SIGSTOP: the socket takes the request and nobody answers."""
        self.node.agent_pause()
        text = self.add_fails()
        self.assertIn("agent.sock", text)
        self.nothing_left()
        self.node.agent_resume()
        self.assert_invariants()
        self.assert_policed()
        self.node.add_pod("shop", "new", {"app": "new"})
        self.assert_policed()

    def test_stopped_agent_takes_two_seconds(self):
        """As long as the documented wait, no longer; longer only when the configuration says so."""
        self.node.agent_pause()
        pod = self.node.new_pod("shop", "new")
        prev = self.node.add_main(pod)
        for conf, least, most in (({}, 1.5, 3.5), ({"timeoutMs": 500}, 0.3, 1.8)):
            began = time.monotonic()
            code, out = self.node.ours("ADD", pod, prev, **conf)
            took = time.monotonic() - began
            self.assertEqual(code, 11, out)
            self.assertGreater(took, least)
            self.assertLess(took, below(most))
        self.node.ours("DEL", pod)
        self.node.del_main(pod)
        self.node.del_netns(pod.netns)
        self.node.agent_resume()

    def test_dead_agent_closed(self):
        self.node.agent_kill()
        text = self.add_fails()
        self.assertIn("agent.sock", text)
        self.nothing_left()
        self.node.agent_start()

    def test_stopped_agent_isolate(self):
        self.node.set_conf({"failMode": "isolate"})
        self.node.agent_pause()
        pod = self.node.add_pod("shop", "new", {"app": "new"})
        self.assert_matrix(self.isolated(pod), self.everybody)
        self.node.agent_resume()
        self.assert_policed()

    def test_dead_agent_isolate(self):
        """The next agent finds the pod by its state file."""
        self.node.set_conf({"failMode": "isolate"})
        self.node.agent_kill()
        pod = self.node.add_pod("shop", "new", {"app": "new"})
        self.assert_matrix(self.isolated(pod), self.everybody)
        self.node.write_policy(
            "lab",
            "job",
            subject={"app": "job"},
            ingress=[{"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "new"}}}]}],
        )
        self.node.agent_start()
        self.assert_policed(ingress=lambda s, d, *_: d is not self.job or s is pod)

    def test_dead_agent_open(self):
        """The pod has the network at once, and the policy as soon as there is an agent."""
        self.node.set_conf({"failMode": "open"})
        self.node.agent_kill()
        self.node.write_policy("shop", "new", subject={"app": "new"}, policyTypes=IN)
        pod = self.node.add_pod("shop", "new", {"app": "new"})
        self.assert_policed()
        self.node.agent_start()
        self.assert_policed(ingress=lambda s, d, *_: d is not pod)

    def test_namespace_that_may_start_without_us(self):
        self.node.set_conf({"failOpenNamespaces": ["kube-system", "lab"]})
        self.node.agent_kill()
        pod = self.node.add_pod("lab", "new", {"app": "new"})
        self.assert_policed()
        with self.assertRaises(CniError):
            self.node.add_pod("shop", "new", {"app": "new"})
        self.node.agent_start()
        self.node.write_policy("lab", "new", subject={"app": "new"}, policyTypes=IN)
        self.assert_policed(ingress=lambda s, d, *_: d is not pod)

    def test_pod_that_nobody_knows(self):
        """No manifest names it: closed fails, so that the runtime tries again; isolate lets it start,
        and it is as open as its policies say once the manifest is there."""
        with self.assertRaises(CniError):
            self.node.add_pod("shop", "late", {"app": "late"}, manifest=False)
        self.assert_invariants()
        self.node.set_conf({"failMode": "isolate"})
        pod = self.node.add_pod("shop", "late", {"app": "late"}, manifest=False)
        self.assert_matrix(self.isolated(pod), self.everybody)
        self.node.write_pod("shop", "late", pod.labels)
        self.assert_policed()

    def test_manifest_that_comes_during_the_add(self):
        """The API is a little behind the runtime: ADD waits for it."""
        timer = threading.Timer(0.5, self.node.write_pod, ("shop", "late", {"app": "late"}))
        timer.start()
        began = time.monotonic()
        self.node.add_pod("shop", "late", {"app": "late"}, manifest=False)
        self.assertGreater(time.monotonic() - began, 0.4)
        timer.join()
        self.assert_policed()

    def test_first_packet_of_an_isolated_pod(self):
        """The policy is complete when ADD returns: the very first attempts are denied."""
        self.node.write_policy("shop", "p", policyTypes=IN + ["Egress"])
        self.assert_policed(
            ingress=lambda s, d, *_: not d.name.startswith("shop/"),
            egress=lambda s, *_: not s.name.startswith("shop/"),
        )
        for i in range(5):
            pod = self.node.add_pod("shop", f"new{i}", {"app": "new"})
            answers = pod.try_all([("tcp", self.job.ips[f], 80) for f in self.node.families])
            self.assertEqual([a["error"] for a in answers], ["timeout"] * len(answers))
            self.assertFalse(self.job.reaches(pod, family=self.node.families[0]))


class NoPins(PolicedCase):
    """A node on which no agent has run since bpffs was made: after a reboot."""

    configs = FEW_CONFIGS
    fresh = True

    @classmethod
    def start(cls):
        cls.node.write_namespace("shop", {"team": "red"})

    def code_of_add(self, **conf):
        pod = self.node.new_pod("shop", "new")
        prev = self.node.add_main(pod)
        code, out = self.node.ours("ADD", pod, prev, **conf)
        self.node.ours("DEL", pod)
        self.node.del_main(pod)
        self.node.del_netns(pod.netns)
        return code, out

    def status(self):
        return self.node.plugin("STATUS", {**self.node.our_conf(), "cniVersion": "1.1.0"})

    def wipe(self):
        run("umount", "-l", "/sys/fs/bpf")
        run("mount", "-t", "bpf", "bh", "/sys/fs/bpf")

    def test_before_the_first_agent(self):
        for conf, want in (
            ({}, 11),
            ({"failMode": "closed"}, 11),
            ({"failMode": "isolate"}, 11),
            ({"failMode": "open"}, 0),
        ):
            code, out = self.code_of_add(**conf)
            self.assertEqual(code, want, f"{conf}: {out}")
        code, out = self.status()
        self.assertNotEqual(code, 0)
        self.assertIn('"code": 50' if '"code": ' in out else '"code":50', out)
        self.node.agent_start()
        self.assertEqual(self.status(), (0, ""))
        self.node.add_pod("shop", "web")
        self.assert_policed()

    def test_status_is_quick_and_does_not_ask(self):
        """A slow STATUS would hold up the runtime: a hanging agent must not matter."""
        self.node.agent_start()
        self.node.agent_pause()
        began = time.monotonic()
        self.assertEqual(self.status(), (0, ""))
        self.assertLess(time.monotonic() - began, below(0.3))
        self.node.agent_resume()

    def test_bpffs_wiped(self):
        """Pins and agent gone: what runs goes on, an ADD fails; both work again with the next agent."""
        self.node.agent_start()
        web, db = self.node.add_pod("shop", "web", {"app": "web"}), self.node.add_pod(
            "shop", "db", {"app": "db"}
        )
        self.node.agent_kill()
        self.wipe()
        code, out = self.code_of_add()
        self.assertEqual(code, 11, out)
        self.assertNotEqual(self.status()[0], 0)
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN)
        self.node.agent_start()
        self.assertEqual(self.status(), (0, ""))
        self.assert_policed(ingress=lambda s, d, *_: d is not db)
        self.node.add_pod("shop", "new")
        self.assert_policed(ingress=lambda s, d, *_: d is not db)
        self.assertTrue(web.reaches(self.node.host, family=self.node.families[0]))

    def test_bpffs_wiped_under_the_agent(self):
        """It puts its pins back by itself."""
        self.node.agent_start()
        self.node.add_pod("shop", "web", {"app": "web"})
        self.wipe()
        self.assertTrue(eventually(lambda: os.path.exists(os.path.join(PIN_DIR, "prog_from_pod")), 15))
        self.assertTrue(eventually(lambda: self.status() == (0, ""), 5))
        self.node.add_pod("shop", "db", {"app": "db"})
        self.assert_policed()

    def test_hook_emptied_under_the_agent(self):
        """Somebody takes our programs off: the agent puts them back."""
        self.node.agent_start()
        self.node.write_policy("shop", "web", subject={"app": "web"}, policyTypes=IN)
        web, db = self.node.add_pod("shop", "web", {"app": "web"}), self.node.add_pod(
            "shop", "db", {"app": "db"}
        )
        self.assert_policed(ingress=lambda s, d, *_: d is not web)
        if invariants.tcx_in_use(self.node):
            for side in ("from", "to"):
                bpf.link_detach(os.path.join(invariants.LINKS, f"{web.key()}_{side}"))
        else:
            run("tc", "qdisc", "del", "dev", web.hostif, "clsact")
        self.assert_matrix(self.policed(ingress=lambda s, d, *_: d is not web), self.everybody, timeout=15)
        self.assertFalse(db.reaches(web, family=self.node.families[0]))
