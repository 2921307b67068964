# SPDX-License-Identifier: Apache-2.0
"""Our entry in a real runtime's chain: what it has loaded after we came and went, and that it never read half a
file. Without pods: what the loaded chain does is the other suites' business."""
import json
import os
import subprocess
import unittest

from node import BUILD, DEBIAN_PLUGINS, run
from runtime import Containerd

AGENT = os.path.join(BUILD, "bulkhead-agent")
OTHERS = ["bridge", "portmap"]


class Chain(unittest.TestCase):
    configs = ["containerd-1", "containerd-2"]
    config = None

    @classmethod
    def title(cls, config):
        return f"chain.Chain.{config}"

    def setUp(self):
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        self.addCleanup(run, "umount", "/run")
        self.runtime = Containerd(self.config, DEBIAN_PLUGINS).__enter__()
        self.addCleanup(self.runtime.close)

    def context(self):
        return "\n--- containerd ---\n" + self.runtime.log()[-3000:]

    def path(self, name):
        return os.path.join(self.runtime.conf_dir, name)

    def put(self, name, conf):
        """As a main CNI that knows how."""
        text = json.dumps(conf)
        with open(self.path(".new"), "w") as f:
            f.write(text)
        os.rename(self.path(".new"), self.path(name))
        return text

    def put_list(self, name="10-net.conflist"):
        return self.put(name, {"cniVersion": "0.4.0", "name": "podnet", "plugins": [{"type": t} for t in OTHERS]})

    def chain(self, verb, *more):
        dirs = ["--cni-conf-dir", self.runtime.conf_dir, "--cni-bin-dir", self.runtime.bin_dir]
        if verb == "remove":  # of what lies here there is nothing else
            more = [*more, "--wait-ms", "0", "--pin-dir", self.path("none"), "--run-dir", self.path("none")]
        done = subprocess.run([AGENT, "chain", verb, *dirs, *more], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def assert_loaded(self, *types):
        self.assertIsNotNone(self.runtime.seen_within(list(types)), f"it has {self.runtime.networks()}")
        self.assertEqual(self.runtime.failed_loads(), [])

    def test_in_and_out(self):
        text = self.put_list()
        self.assert_loaded(*OTHERS)
        self.chain("install")
        self.assert_loaded(*OTHERS, "bulkhead")
        self.chain("remove")
        self.assert_loaded(*OTHERS)
        with open(self.path("10-net.conflist")) as f:
            self.assertEqual(f.read(), text)

    def test_a_single_plugin_becomes_a_list(self):
        self.put("10-net.conf", {"cniVersion": "0.4.0", "name": "podnet", "type": "bridge"})
        self.assert_loaded("bridge")
        self.chain("install")
        self.assert_loaded("bridge", "bulkhead")
        self.chain("remove")
        self.assert_loaded("bridge")

    def test_a_file_beside_the_list(self):
        """Read by containerd 2 alone; and then as a second entry, where we are in the list, too."""
        self.put_list()
        self.assert_loaded(*OTHERS)
        self.chain("install", "--cni-mode", "drop-in")
        beside = ["bulkhead"] if self.config == "containerd-2" else []
        self.assert_loaded(*OTHERS, *beside)
        self.put_list("20-other.conflist")  # makes it read once more, whatever it did before
        self.assert_loaded(*OTHERS, *beside)
        self.chain("install")
        self.assert_loaded(*OTHERS, "bulkhead")
        os.mkdir(self.path("podnet"))
        with open(self.path("podnet/90-bulkhead.conf"), "w") as f:
            f.write('{"type": "bulkhead"}')
        self.put_list("20-other.conflist")
        self.assert_loaded(*OTHERS, "bulkhead", *beside)
        self.chain("install", "--cni-mode", "drop-in")
        self.assert_loaded(*OTHERS, *beside)
        self.chain("remove")
        self.assert_loaded(*OTHERS)
