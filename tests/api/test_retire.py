# SPDX-License-Identifier: Apache-2.0
"""Uninstalling: `bulkhead-agent retire` marks the agents' pods, each agent leaves its node and says so. The node
is as if it had never been there, but for the plugin's binary."""
import json
import os
import signal
import subprocess
import threading
import time

import bpf
from case import NodeCase
from control import CONTROL_IP, PORT, SYSTEM
from invariants import LINKS, RECORDS, filters, names
from node import BUILD, PIN_DIR, RUN_DIR, CniError, eventually, run
from node_api import KUBECONFIG, ApiNode, replace
from objects import NODE, head, pod, pod_status

LABELS = {"app.kubernetes.io/name": "bulkhead", "app.kubernetes.io/component": "agent"}
MARK = "bulkhead.dev/retire"
OWN = "bulkhead-agent-x"
BIN_DIR = "/run/bh-bin"
ACCOUNT = "bulkhead-retire"
RULES = [  # what the chart's Role allows, and nothing else
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "patch"]},
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["list"]},
]
ADMITTED_S = 10  # what a runtime reads again, and what an agent waits for it


class RetireCase(NodeCase):
    """The agent has put itself into the chain, and knows which pod it is."""

    node_class = ApiNode
    chained = False
    fresh = True
    cost = 2

    @classmethod
    def open(cls):
        conf_dir = "/run/bh-net.d"
        cls.node_args = {"agent_args": ["--cni-conf-dir", conf_dir, "--cni-bin-dir", BIN_DIR]}
        os.environ.update(POD_NAME=OWN, POD_NAMESPACE=SYSTEM, POD_UID="")
        super().open()

    @classmethod
    def start(cls):
        node = cls.node
        os.makedirs(BIN_DIR)
        cls.conf = os.path.join(node.net_dir, "10-podnet.conflist")
        cls.original = cls.conflist()
        cls.agent_pod(OWN)
        cls.account()
        node.write_namespace("shop", {})
        node.agent_start()
        if not eventually(cls.is_chained, 10):
            raise RuntimeError(f"the agent does not enter the chain\n{node.agent_log()}")
        cls.web, cls.db = (node.add_pod("shop", name, {"app": name}) for name in ("web", "db"))
        node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=["Ingress"], ingress=[])
        if not eventually(lambda: not cls.web.reaches(cls.db), 10):
            raise RuntimeError("shop/db is open")

    # ---- what there is ------------------------------------------------------------------------

    @classmethod
    def conflist(cls):
        with open(cls.conf) as f:
            return json.load(f)

    @classmethod
    def is_chained(cls):
        return cls.conflist()["plugins"][-1]["type"] == "bulkhead"

    @classmethod
    def agent_pod(cls, name, node=NODE, phase="Running", running=False, ready=False, **labels):
        """running, ready: what its container says, if it says anything."""
        api = cls.node.api
        api.apply(pod(SYSTEM, name, {**LABELS, **labels}, nodeName=node, hostNetwork=True))
        status = pod_status(["198.18.0.1"], phase)
        if running:
            container = {"name": "agent", "image": "x", "imageID": "x", "restartCount": 0, "ready": ready}
            container["state"] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
            status["containerStatuses"] = [container]
        api.set_status(SYSTEM, name, status)

    @classmethod
    def account(cls):
        """The hook's own: a kubeconfig of it."""
        api, group = cls.node.api, "rbac.authorization.k8s.io"
        api.apply(head("ServiceAccount", SYSTEM, ACCOUNT))
        api.apply({**head("Role", SYSTEM, ACCOUNT), "rules": RULES})
        ref = {"apiGroup": group, "kind": "Role", "name": ACCOUNT}
        subject = {"kind": "ServiceAccount", "namespace": SYSTEM, "name": ACCOUNT}
        api.apply({**head("RoleBinding", SYSTEM, ACCOUNT), "roleRef": ref, "subjects": [subject]})
        cls.kubeconfig = "/run/bh-retire/kubeconfig"
        os.makedirs("/run/bh-retire")
        replace("/run/bh-retire/ca.crt", open(api.ca.crt).read())
        replace("/run/bh-retire/token", api.token(account=ACCOUNT))
        replace(cls.kubeconfig, KUBECONFIG.format(host=CONTROL_IP, port=PORT, dir="/run/bh-retire"))

    def begin(self, *args, timeout=20):
        argv = [os.path.join(BUILD, "bulkhead-agent"), "retire", "--kubeconfig", self.kubeconfig]
        argv += ["--namespace", SYSTEM, "--timeout", str(timeout), *args]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def retire(self, *args, timeout=20):
        """(exit code, what it said)."""
        process = self.begin(*args, timeout=timeout)
        out, err = process.communicate(timeout=timeout + 15)
        return process.returncode, out + err

    def mark_of(self, name):
        return self.node.api.admin.get("Pod", SYSTEM, name)["metadata"].get("annotations", {}).get(MARK)

    def events(self, reason="Retired"):
        return [e for e in self.node.api.admin.list("Event", SYSTEM)["items"] if e["reason"] == reason]

    def left_behind(self):
        """Of Bulkhead in the kernel, in the chain and on disk."""
        found = [PIN_DIR] if os.path.exists(PIN_DIR) else []
        found += [f"link {p}" for p in sorted(names(LINKS))] + [f"record {p}" for p in sorted(names(RECORDS))]
        found += sorted(names(RUN_DIR) - {"plugin.lock"})  # which each call of the plugin makes
        for link in json.loads(run("ip", "-j", "link")):
            for side, kind in (("ingress", bpf.TCX_INGRESS), ("egress", bpf.TCX_EGRESS)):
                ids = (bpf.tcx_programs(link["ifindex"], kind) or []) + filters(link["ifname"], side)
                found += [f"program {i} on {link['ifname']}" for i in ids]
        if self.conflist() != self.original:
            found.append(f"conflist {self.conflist()}")
        return found

    def assert_left(self):
        self.assertEqual(self.left_behind(), [])
        self.assertTrue(self.web.reaches(self.db, ms=3000), "it is not open")

    def assert_agent_idles(self):
        """It lives, and whatever happens it does nothing."""
        self.node.write_policy("shop", "web", subject={"app": "web"}, policyTypes=["Ingress"], ingress=[])
        time.sleep(3)
        self.assertIsNone(self.node.agent.poll(), self.node.agent_log())
        self.assertEqual((self.node.probe("livez"), self.node.probe("readyz")), ((0, []), (0, [])))
        self.assert_left()
        made = self.node.add_pod("shop", "new", {"app": "web"})
        self.assertTrue(self.db.reaches(made, ms=3000))
        self.node.del_pod(made)
        self.assert_left()


class Leaves(RetireCase):
    configs = ["bridge/1.9/dual/tcx", "ptp/1.1/dual/clsact"]

    def test_leaves(self):
        code, said = self.retire("--mark", "job-1")
        self.assertEqual((code, said), (0, f"node {NODE}: left (pod {OWN})\n"))
        self.assert_left()
        event = self.events()[0]
        self.assertEqual((event["regarding"]["kind"], event["regarding"]["name"]), ("Pod", OWN))
        self.assertIn("bulkhead.dev/retire job-1", event["note"])
        self.assertEqual(event["reportingInstance"], OWN)
        self.assertTrue(os.access(os.path.join(BIN_DIR, "bulkhead"), os.X_OK), "DEL may still be asked for")
        self.assert_agent_idles()
        # By the list of before, which a runtime may hold for a moment: the kubelet tries again.
        late = self.node.new_pod("shop", "late")
        code, out = self.node.ours("ADD", late, self.node.add_main(late))
        self.assertEqual(code, 11, out)
        self.assertEqual(self.node.ours("DEL", late)[0], 0)
        self.assertEqual(self.left_behind(), [])
        self.node.agent_stop()
        self.assert_left()

    def test_asked_again(self):
        """An agent that has left says so to each that asks, also after a restart; it does not come back."""
        self.assertEqual(self.retire("--mark", "job-1")[0], 0)
        began = os.stat(self.conf).st_mtime_ns
        self.assertEqual(self.retire("--mark", "job-2")[0], 0)
        self.node.agent_kill()
        self.node.agent_start(wait=False)
        self.assertEqual(self.retire("--mark", "job-3")[0], 0)
        self.node.agent_pause()
        self.assertEqual(self.retire("--mark", "job-4", timeout=2)[0], 1, "an answer to another")
        self.node.agent_resume()
        self.assertEqual(self.retire("--mark", "job-4")[0], 0)
        self.assert_agent_idles()
        self.assertEqual(began, os.stat(self.conf).st_mtime_ns, "the conflist was touched")
        self.assertNotIn("ready: ", self.node.agent_log(lines=8))

    def test_adds_meanwhile(self):
        """By the list as it is at that moment: an ADD succeeds, or is to be tried again; nothing is left."""
        over, problems = threading.Event(), []

        def add_and_del():
            i = 0
            while not over.is_set():
                i += 1
                late = self.node.new_pod("shop", f"late{i}")
                try:
                    self.node.write_pod("shop", f"late{i}")
                    late.uid = self.node.uids["shop", f"late{i}"]
                    self.node.cnitool("add", late)
                except CniError as e:
                    if "try again later" not in e.output:  # code 11
                        problems.append(str(e))
                finally:
                    self.node.cnitool("del", late)
                    self.node.del_netns(late.netns)

        thread = threading.Thread(target=add_and_del)
        thread.start()
        try:
            time.sleep(1)
            code, said = self.retire()
            time.sleep(1)
        finally:
            over.set()
            thread.join()
        self.assertEqual(code, 0, said)
        self.assertEqual(problems, [])
        self.assert_left()


class PlainDelete(RetireCase):
    def test_mended_by_hand(self):
        """The agent is gone and all else is there: closed, and no new pods; until `chain remove`."""
        self.node.agent_stop()
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=[])
        self.assertFalse(self.web.reaches(self.db))
        with self.assertRaises(CniError) as refused:
            self.node.add_pod("shop", "new", {})
        self.assertIn("agent.sock", str(refused.exception))
        tool = [os.path.join(BUILD, "bulkhead-agent"), "chain"]
        where = ["--cni-conf-dir", self.node.net_dir, "--cni-bin-dir", BIN_DIR]
        run(*tool, "remove", *where)
        self.assert_left()
        self.node.add_pod("shop", "new", {})
        self.assert_left()


class Waits(RetireCase):
    def test_not_ready(self):
        """Named, and not waited for."""
        self.agent_pod("bulkhead-agent-y", "far", "Pending")
        code, said = self.retire()
        self.assertEqual(code, 0, said)
        self.assertIn(f"node {NODE}: left", said)
        self.assertIn("node far: SKIPPED", said)
        self.assertIn("bulkhead-agent chain remove", said)
        self.assertTrue(self.mark_of("bulkhead-agent-y"), "it would come back and stay")
        self.assert_left()

    def test_not_ready_yet(self):
        """Soon after an install: it runs, may be in the chain already, and must not be left there."""
        self.node.agent_pause()
        self.agent_pod(OWN, phase="Pending", running=True)
        self.agent_pod("bulkhead-agent-y", "lost", "Pending", running=True, ready=True)
        retiring = self.begin()
        time.sleep(2)
        self.assertIsNone(retiring.poll(), "it does not wait")
        self.node.agent_resume()
        out, err = retiring.communicate(timeout=30)
        self.assertEqual(retiring.returncode, 0, out + err)
        self.assertIn(f"node {NODE}: left", out)
        self.assertIn("node lost: SKIPPED", out)
        self.assert_left()

    def test_no_answer(self):
        self.agent_pod("bulkhead-agent-y", "far")
        began = time.monotonic()
        code, said = self.retire(timeout=4)
        self.assertGreater(time.monotonic() - began, 3.5)
        self.assertEqual(code, 1, said)
        self.assertIn(f"node {NODE}: left", said)
        self.assertIn("node far: NOT LEFT, no answer from its agent (pod bulkhead-agent-y) in 4 s", said)

    def test_crashed_meanwhile(self):
        """Ready when it was asked, and not any more: it was to answer, and did not."""
        self.agent_pod("bulkhead-agent-y", "far")
        retiring = self.begin(timeout=8)
        self.assertTrue(eventually(lambda: self.mark_of("bulkhead-agent-y"), 5))
        self.agent_pod("bulkhead-agent-y", "far", "Pending")
        out, err = retiring.communicate(timeout=30)
        self.assertEqual(retiring.returncode, 1, out + err)
        self.assertIn("node far: NOT LEFT", out)

    def test_others(self):
        """Neither pods of other labels nor of other namespaces are its business."""
        self.agent_pod("other", **{"app.kubernetes.io/component": "cli"})
        self.node.write_pod("shop", "lookalike", LABELS)
        self.assertEqual(self.retire()[0], 0)
        self.assertIsNone(self.mark_of("other"))
        self.assertNotIn("annotations", self.node.api.admin.get("Pod", "shop", "lookalike")["metadata"])
        code, said = self.retire("--selector", "nobody=here")
        self.assertEqual((code, said), (0, f"no agents: no pod in namespace {SYSTEM} has the labels nobody=here\n"))

    def test_replaced(self):
        """A pod that goes before it answers; the one that comes for it is asked as well."""
        self.node.agent_kill()
        self.node.api.delete("Pod", SYSTEM, OWN)
        self.agent_pod("bulkhead-agent-y")
        retiring = self.begin()
        self.assertTrue(eventually(lambda: self.mark_of("bulkhead-agent-y"), 5))
        self.node.api.delete("Pod", SYSTEM, "bulkhead-agent-y")
        self.agent_pod(OWN)
        self.node.agent_start(wait=False)
        out, err = retiring.communicate(timeout=30)
        self.assertEqual((retiring.returncode, out), (0, f"node {NODE}: left (pod {OWN})\n"), err)
        self.assert_left()

    def test_late_record(self):
        """What an ADD that was under way leaves behind goes with the agent, at the latest."""
        self.assertEqual(self.retire()[0], 0)
        os.makedirs(RECORDS)
        with open(os.path.join(RECORDS, "0" * 32 + ".json"), "w") as f:
            f.write("{}")
        self.node.agent_stop()
        self.assert_left()

    def test_api_away_for_a_moment(self):
        self.node.api.kill()
        retiring = self.begin(timeout=60)
        time.sleep(3)
        self.assertIsNone(retiring.poll())
        self.node.api.start()
        out, err = retiring.communicate(timeout=70)
        self.assertEqual(retiring.returncode, 0, out + err)
        said = err.splitlines()  # each trouble once; its rights are not known at once after a start
        self.assertIn("retrying", said[0])
        self.assertEqual(len(said), len(set(said)), err)
        self.assert_left()

    def test_api_away(self):
        self.node.api.kill()
        code, said = self.retire(timeout=3)
        self.assertEqual(code, 1)
        self.assertIn("the agents are not known: ", said)
        self.assertTrue(self.is_chained())

    def test_cannot_leave(self):
        """Why is said, in the Event and by `retire`; and when it can, it does."""
        run("mount", "--bind", self.node.net_dir, self.node.net_dir)
        run("mount", "-o", "remount,bind,ro", self.node.net_dir)
        try:
            code, said = self.retire("--mark", "job-1", timeout=5)
            self.assertEqual(code, 1, said)
            self.assertIn("Read-only file system", said)
            self.assertTrue(self.events("RetireFailed"))
            self.assertFalse(self.web.reaches(self.db), "open, and the chain would close all new pods")
        finally:
            run("umount", self.node.net_dir)
        code, said = self.retire("--mark", "job-1")
        self.assertEqual(code, 0, said)
        self.assert_left()

    def test_stopped_meanwhile(self):
        """SIGTERM before it has left (the hook's time was over): the next agent of that pod goes on with it."""
        self.node.agent_pause()
        code, _ = self.retire("--mark", "job-1", timeout=2)
        self.assertEqual(code, 1)
        self.node.agent_signal(signal.SIGKILL)
        self.node.agent.wait()
        self.node.agent_start(wait=False)
        self.assertTrue(eventually(lambda: self.events(), ADMITTED_S), self.node.agent_log())
        self.assert_left()
