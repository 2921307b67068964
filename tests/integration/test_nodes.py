# SPDX-License-Identifier: Apache-2.0
"""All nodes from a laptop: real agents, and a script in the place of kubectl that is the wire to them and nothing else
(a real `kubectl exec` needs a kubelet: tests/cluster)."""
import json
import os
import signal
import subprocess

from case import PolicedCase
from node import BUILD, PIN_DIR, RUN_DIR, eventually
from said import hold, without_program

KUBECTL = """#!/bin/sh
case " $* " in
*' get pods '*) exec cat "$(dirname "$0")/pods" ;;
*' exec -i -n bulkhead agent-near -c agent -- /usr/bin/bulkheadctl request '*) run_dir=%(near)s ;;
*' exec -i -n bulkhead agent-far -c agent -- /usr/bin/bulkheadctl request '*) run_dir=%(far)s ;;
*) echo "what? $*" >&2; exit 1 ;;
esac
exec %(build)s/bulkheadctl request --run-dir "$run_dir"
"""
POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"namespace": "shop", "name": "far"},
    "spec": {"podSelector": {"matchLabels": {"app": "far"}}},
}
PORTS = [{"port": 443, "protocol": "TCP"}]


def pod(node):
    return {
        "metadata": {"namespace": "bulkhead", "name": "agent-" + node},
        "spec": {"nodeName": node, "containers": [{"name": "agent"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


class Nodes(PolicedCase):
    """The class' own node is `near`; `far` has an agent without pods."""

    configs = ["bridge/1.9/dual/tcx"]

    @classmethod
    def start(cls):
        super().start()
        cls.top = cls.node.manifests + "-far"
        for name in ("bin", "manifests"):
            os.makedirs(os.path.join(cls.top, name))
        cls.write("manifests/policy.json", json.dumps(POLICY))
        cls.write("bin/pods", json.dumps({"items": [pod("near"), pod("far")]}))
        cls.write("bin/kubectl", KUBECTL % {"near": RUN_DIR, "far": cls.top + "/run", "build": BUILD})
        os.chmod(cls.top + "/bin/kubectl", 0o755)
        for name in ("bulkheadctl", "kubectl-bulkhead"):
            os.symlink(os.path.join(BUILD, "bulkheadctl"), os.path.join(cls.top, "bin", name))
        argv = ["--source", f"dir:{cls.top}/manifests", "--run-dir", cls.top + "/run"]
        argv += ["--pin-dir", "/sys/fs/bpf/far", "--probe-dir", cls.top + "/probe"]
        cls.far = subprocess.Popen(
            [os.path.join(BUILD, "bulkhead-agent"), *argv], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        assert eventually(lambda: cls.answer("status")[0] == 0, 30), cls.answer("status")

    @classmethod
    def shut(cls):
        cls.far.kill()
        cls.far.wait()
        super().shut()

    @classmethod
    def write(cls, name, text):
        with open(os.path.join(cls.top, name), "w") as f:
            f.write(text)

    @classmethod
    def argv(cls, *args, program="bulkheadctl"):
        env = dict(os.environ, PATH=f"{cls.top}/bin:{os.environ['PATH']}")
        return {"args": [os.path.join(cls.top, "bin", program), "--all-nodes", *args], "env": env, "text": True}

    @classmethod
    def answer(cls, *args, **kw):
        done = subprocess.run(**cls.argv(*args, **kw), capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    def told(self, *args):
        code, out, err = self.answer("-o", "json", *args)
        self.assertEqual((code, err), (0, ""))
        return json.loads(out)

    def test_lists(self):
        """What both say, node by node."""
        status = self.told("status")
        self.assertEqual([(s["node"], s["endpoints"]) for s in status], [("far", 0), ("near", 4)])
        self.node.write_policy("shop", "db", subject={"app": "db"})
        self.addCleanup(self.node.remove_policies)
        wanted = [("far", "far"), ("near", "db")]
        self.assertTrue(
            eventually(lambda: [(p["node"], p["name"]) for p in self.told("policy", "list")] == wanted)
        )
        code, text, _ = self.answer("endpoints")
        self.assertEqual((code, text.split()[:2]), (0, ["NODE", "POD"]))
        self.assertEqual(
            [line.split()[:2] for line in text.splitlines()[1:]],
            [["near", p] for p in ("lab/job", "lab/web", "shop/db", "shop/web")],
        )
        self.assertEqual([e["node"] for e in self.told("--node", "near", "endpoints")], ["near"] * 4)

    def test_a_pod_is_found_where_it_is(self):
        code, text, err = self.answer("explain", "shop/web", "shop/db", "80")
        self.assertEqual((code, text.splitlines()[0], err), (0, "ALLOWED: shop/web -> shop/db, TCP 80", ""))
        code, _, err = self.answer("endpoints", "--pod", "wbe")
        self.assertEqual(code, 2)
        self.assertRegex(err, "no pod 'wbe' on any of 2 nodes; namespaces searched: (shop, lab|lab, shop); did you mean")

    def test_pods_are_completed(self):
        """From the node's own agent, for who may ask it."""
        for words in (("endpoints", "--pod", "shop/"), ("explain", "shop/")):
            argv = [os.path.join(BUILD, "bulkheadctl"), "__complete", *words]
            text = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=True).stdout
            self.assertEqual([line.split("\t")[0] for line in text.splitlines()], ["shop/db", "shop/web", ":4"])

    def test_what_they_run_with(self):
        """Options, and what the kernel has."""
        version = self.answer("--version")[1].split()[1]
        config = self.told("config")
        self.assertEqual(
            [(c["node"], c["version"], c["layout"], c["options"]["pin-dir"]) for c in config],
            [("far", version, 3, "/sys/fs/bpf/far"), ("near", version, 3, PIN_DIR)],
        )
        self.assertIn("--attach", config[1]["command"])
        self.assertEqual(config[0]["kernel"]["release"], os.uname().release)
        self.assertEqual(config[0]["options"]["session-timeout"]["tcp_established"], 432000)
        code, text, _ = self.answer("--node", "far", "config")
        self.assertEqual(code, 0)
        self.assertRegex(text, r"far +options.mode +Enforce")
        agents = f"client  {version}\nagent   {version} on far\nagent   {version} on near\n"
        self.assertEqual(self.answer("version")[1], agents)

    def test_flows_as_they_come(self):
        """With the node's name; and when nobody reads any more, nothing of it stays on the node."""
        self.node.write_policy("shop", "db", subject={"app": "db"})
        self.addCleanup(self.node.remove_policies)
        self.assertTrue(eventually(lambda: not self.web.reaches(self.db, port=80)))
        self.assertFalse(self.job.reaches(self.db, port=80))
        wanted = ("--pod", "job", "--peer", "shop/db", "--port", "80/tcp", "--since", "1h", "--policy", "shop/db")
        flows = self.told("flows", *wanted)
        self.assertEqual({(f["node"], f["src_name"], f["dst_name"]) for f in flows}, {("near", "lab/job", "shop/db")})
        asker = subprocess.Popen(**self.argv("flows", "-f", "--peer", "shop/web"), stdout=subprocess.PIPE)
        self.addCleanup(asker.stdout.close)
        self.addCleanup(asker.wait)
        self.addCleanup(asker.kill)
        self.assertRegex(asker.stdout.readline(), r"Z near DENIED  ingress shop/web .* -> shop/db ")
        relays = ["pgrep", "-f", f"bulkheadctl request --run-dir {self.top}"]
        self.assertEqual(subprocess.run(relays, stdout=subprocess.DEVNULL, check=False).returncode, 0)
        asker.kill()
        gone = lambda: subprocess.run(relays, stdout=subprocess.DEVNULL, check=False).returncode  # noqa: E731
        self.assertTrue(eventually(gone, 10), "somebody still waits for flows")

    def test_one_does_not_answer(self):
        """The others do, it is named, and the exit code tells."""
        self.addCleanup(self.far.send_signal, signal.SIGCONT)
        self.far.send_signal(signal.SIGSTOP)
        code, text, err = self.answer("--timeout", "1", "endpoints")
        self.assertEqual((code, err), (4, "bulkheadctl: node far: no answer in 1 s\n"))
        self.assertEqual(len(text.splitlines()), 5)
        self.write("bin/pods", json.dumps({"items": [pod("near"), pod("gone")]}))
        self.addCleanup(self.write, "bin/pods", json.dumps({"items": [pod("near"), pod("far")]}))
        code, _, err = self.answer("endpoints")
        self.assertEqual(code, 4)
        self.assertIn("bulkheadctl: node gone: what? exec", err)

    def hold(self, before=lambda words: None, **kw):
        def answer(words):
            code, out, err = self.answer(*without_program(words), program="kubectl-bulkhead")
            return code, out + err

        hold(self, "docs/bulkheadctl.md", answer, before=before, numbers=False, **kw)

    def policed(self):
        """One policy, which `near` has in a newer version, isolates db but for web."""
        policy = json.loads(json.dumps(POLICY).replace("far", "db"))
        policy["spec"]["ingress"] = [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": PORTS}]
        self.addCleanup(self.write, "manifests/policy.json", json.dumps(POLICY))
        self.addCleanup(self.node.remove_policies)
        for generation, write in ((2, self.node.write), (1, lambda _, o: self.write("manifests/policy.json", o))):
            policy["metadata"]["generation"] = generation
            write("policy-db.json", json.dumps(policy))
        self.assertTrue(eventually(lambda: not self.job.reaches(self.db)))

    def test_page(self):
        """What the page says that they say."""

        def before(words):
            self.far.send_signal(signal.SIGSTOP if "--timeout" in words else signal.SIGCONT)

        self.policed()
        self.addCleanup(self.far.send_signal, signal.SIGCONT)
        self.hold(before)

    def test_policy_of_the_page(self):
        self.policed()
        self.assertTrue(self.web.reaches(self.db, port=443))
        self.hold()

    def test_flows_of_the_page(self):
        self.policed()
        self.hold(lambda words: self.web.reaches(self.db, port=80, ms=100))
