# SPDX-License-Identifier: Apache-2.0
"""hack/cluster from its beginning to its end, and every way in which that goes wrong."""
import os
import re
import shutil
import signal
import subprocess
import unittest

import jobs
from cluster import PROGRAM, Tool, assert_clean, traces
from node import eventually, run


class Lifecycle(unittest.TestCase):
    @classmethod
    def title(cls, _):
        return "lifecycle"

    def setUp(self):
        self.tool = Tool("lifecycle")
        self.tool("down")
        before = traces(self.tool)
        self.addCleanup(self.down, before)

    def down(self, before):
        self.tool("down")
        assert_clean(before, self.tool)

    def ended(self, component):
        return f"\n{component} ended " in re.sub(" +", " ", self.tool.ask("status").out)

    def test_nothing(self):
        self.assertIn("no cluster is up", self.tool("down"))
        for command in (["status"], ["kubectl", "get", "nodes"], ["node", "node1"], ["logs"]):
            answer = self.tool.ask(*command)
            self.assertEqual(answer.code, 1, command)
            self.assertIn("no cluster is up", answer.err)

    def test_usage(self):
        for options, said in (
            (["--nodes", "9"], "--nodes '9' is none of: 0 1 2 3"),
            (["--family", "both"], "--family 'both' is none of"),
            (["--runtime"], "--runtime wants a value"),
            (["--main-cni", "cilium"], "--main-cni 'cilium' is none of"),
            (["--proxy", "ipvs"], "--proxy 'ipvs' is none of"),
            (["--main-cni", "flannel"], "IPv4 alone: --main-cni flannel --family ipv4"),
            (["--colour", "red"], "no option '--colour'"),
        ):
            answer = self.tool.ask("up", *options)
            self.assertEqual(answer.code, 1, options)
            self.assertIn(said, answer.err)
            self.assertFalse(os.path.exists(self.tool.state))
        self.assertEqual(self.tool.ask("left").code, 2)

    def test_control_plane_alone(self):
        """An API server that offers streaming lists; then a component dies; then the state is lost."""
        self.tool("up", "--nodes", "0")
        self.assertIn("is up", self.tool("up", "--nodes", "0"))
        query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        path = f"/api/v1/namespaces?watch=1&timeoutSeconds=1&{query}"
        stream = self.tool("kubectl", "get", "--raw", path)
        self.assertIn("k8s.io/initial-events-end", stream)

        os.kill(self.tool.pid("etcd"), signal.SIGKILL)
        self.assertTrue(eventually(lambda: self.ended("etcd")))
        answer = self.tool.ask("up")
        self.assertEqual(answer.code, 1)
        self.assertIn("whose etcd has ended", answer.err)

        shutil.rmtree(self.tool.state)
        answer = self.tool.ask("up")
        self.assertEqual(answer.code, 1)
        self.assertIn("'hack/cluster down' removes it", answer.err)

    def test_failed(self):
        """An API server that does not start: which log to read, its last lines, all left to look at."""
        program = os.path.join(jobs.tools("kubernetes", "kube-apiserver"), "kube-apiserver")
        run("mount", "--bind", "/bin/false", program)
        try:
            answer = self.tool.ask("up", "--nodes", "0")
        finally:
            run("umount", program)
        log = os.path.join(self.tool.state, "log/kube-apiserver.log")
        self.assertEqual(answer.code, 1)
        self.assertIn(f"its log is {log}", answer.err)
        self.assertIn("kube-apiserver has ended", answer.err)
        self.assertTrue(os.path.exists(log))
        os.kill(self.tool.pid("etcd"), 0)
        self.assertIn("did not come up", self.tool.ask("up", "--nodes", "0").err)
        self.assertTrue(self.ended("kube-apiserver"))

    def test_killed_half_way(self):
        """The most there can be: while a node's kubelet starts pods."""
        argv = [PROGRAM, "up", "--nodes", "1", "--no-bulkhead"]
        half = subprocess.Popen(argv, env=self.tool.env, stdout=subprocess.DEVNULL, start_new_session=True)
        there = os.path.join(self.tool.state, "run/node1-kube-proxy")
        self.assertTrue(eventually(lambda: os.path.exists(there) or half.poll() is not None, 90))
        self.assertIsNone(half.poll(), "it ended by itself")
        os.killpg(half.pid, signal.SIGKILL)
        half.wait()
        self.assertIn("did not come up", self.tool.ask("up").err)
        os.kill(self.tool.pid("node1-containerd"), signal.SIGKILL)
