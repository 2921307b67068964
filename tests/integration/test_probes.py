# SPDX-License-Identifier: Apache-2.0
"""`bulkhead-agent probe`: alive, ready, and each part that may be missing."""
import os
import subprocess

from case import PolicedCase
from node import BUILD, eventually, run

READY = (0, [])


class Probes(PolicedCase):
    configs = ["bridge/1.9/dual/clsact"]
    fresh = True

    def becomes(self, want, process=None, timeout=20):
        """readyz is READY, or says one line that begins with @want."""

        def same():
            code, lines = said = self.node.probe("readyz", process)
            if want == READY:
                self.assertEqual(said, READY)
            else:
                self.assertEqual(code, 1)
                self.assertEqual([line[: len(want)] for line in lines], [want])
            return True

        eventually(same, timeout)

    def test_ready_and_alive(self):
        self.becomes(READY)
        self.assertEqual(self.node.probe("livez"), READY)
        directory = self.node.agent.probe_dir
        self.assertEqual(os.stat(directory).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(os.path.join(directory, "agent.sock")).st_mode & 0o777, 0o600)

    def test_a_loop_that_stands_still(self):
        self.node.agent_pause()
        for what in "livez", "readyz":
            code, lines = self.node.probe(what)
            self.assertEqual((code, len(lines)), (1, 1))
            self.assertIn("no answer in 1000 ms", lines[0])
        self.node.agent_resume()
        self.becomes(READY)

    def test_no_agent(self):
        process = self.node.agent
        self.node.agent_kill()
        for what in "livez", "readyz":
            code, lines = self.node.probe(what, process)
            self.assertEqual((code, len(lines)), (1, 1))
            self.assertIn("nobody answers", lines[0])
        self.node.agent_start()

    def test_the_socket_of_a_killed_one(self):
        """A container that starts again finds the directory as it was left."""
        directory = self.node.agent.probe_dir
        self.node.agent_kill()
        self.node.agent_args += ["--probe-dir", directory]
        self.node.agent_start()
        self.node.agent.probe_dir = directory
        self.becomes(READY)

    def test_standby(self):
        """Each answers for itself; a standby is ready once it could take over."""
        second = self.node.agent_process()
        self.becomes(READY, second)
        self.becomes(READY)
        self.node.agent_pause()
        self.assertEqual(self.node.probe("livez", second), READY)
        self.assertEqual(self.node.probe("readyz", second), READY)
        self.assertEqual(self.node.probe("livez")[0], 1)
        self.node.agent_resume()
        self.node.agent_stop()
        self.node.agent = second
        self.node.agent_ready()
        self.becomes(READY)

    def test_standby_that_could_not_take_over(self):
        """Where nothing is pinned that it could adopt; so that whoever upgrades does not go on."""
        run("mount", "-t", "bpf", "bh", "/sys/fs/bpf")  # over it: the first one cannot see it gone
        try:
            self.node.agent_pause()
            second = self.node.agent_process()
            self.becomes("standby: could not take over: not everything is pinned", second)
        finally:
            run("umount", "/sys/fs/bpf")
        self.becomes(READY, second)
        self.node.agent_resume()
        second.terminate()
        second.wait(10)

    def test_file_that_was_bad_from_the_start(self):
        self.node.agent_stop()
        self.node.write("bad.yaml", "kind: [")
        self.node.agent_start()
        self.becomes("source dir:")
        self.assertEqual(self.node.probe("livez"), READY)
        self.node.remove("bad.yaml")
        self.becomes(READY)

    def test_pins_that_cannot_be_written(self):
        run("mount", "-o", "remount,bind,ro", "/sys/fs/bpf")
        self.becomes("pins: /sys/fs/bpf/bulkhead-v3 is mounted read-only")
        run("mount", "-o", "remount,bind,rw", "/sys/fs/bpf")
        self.becomes(READY)

    def test_pod_without_programs(self):
        run("tc", "qdisc", "del", "dev", self.db.hostif, "clsact")
        run("tc", "qdisc", "add", "dev", self.db.hostif, "ingress")  # clsact cannot go there now
        self.becomes("pods: 1 of 4 here run without the programs")
        run("tc", "qdisc", "del", "dev", self.db.hostif, "ingress")
        self.becomes(READY)

    def test_usage(self):
        for args in [], ["healthz"], ["livez", "readyz"], ["--nonsense", "livez"], ["livez", "--probe-dir"]:
            argv = [os.path.join(BUILD, "bulkhead-agent"), "probe", *args]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 2, args)
            self.assertIn("bulkhead-agent probe: ", done.stderr)
