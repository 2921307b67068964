# SPDX-License-Identifier: Apache-2.0
"""The two ends of `helm test`, against whatever a network can be between them."""

import subprocess
import time
import unittest

from node import BUILD, run

PROGRAM = BUILD + "/static/bulkheadctl"
ALLOWED, DENIED = 8080, 8081


class Selftest(unittest.TestCase):
    configs = ["127.0.0.1", "::1"]

    @classmethod
    def title(cls, config):
        return f"selftest.{config}"

    def setUp(self):
        run("ip", "link", "set", "lo", "up")
        self.addCleanup(subprocess.run, ["nft", "flush", "ruleset"], check=True)

    def serve(self, *ports):
        server = subprocess.Popen([PROGRAM, "selftest", "serve", *map(str, ports)], stdout=subprocess.PIPE)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.assertEqual(server.stdout.readline().decode(), "listening at ports {} and {}\n".format(*ports))
        return server

    def rule(self, port, verdict):
        run("nft", "add table inet t; add chain inet t c { type filter hook input priority 0; }")
        run("nft", f"add rule inet t c tcp dport {port} {verdict}")

    def probe(self, seconds=1):
        argv = [PROGRAM, "selftest", "probe", self.config, str(ALLOWED), str(DENIED), str(seconds)]
        return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)

    def expect(self, code, *lines, seconds=1):
        answer = self.probe(seconds)
        self.assertEqual(answer.returncode, code, answer.stdout)
        for line in lines:
            self.assertRegex(answer.stdout, line)
        self.assertEqual("ENFORCED" in answer.stdout, code == 0)

    def test_enforced(self):
        self.serve(ALLOWED, DENIED)
        self.rule(DENIED, "drop")
        self.expect(0, rf"allowed .* port {ALLOWED}: answers", rf"denied .* port {DENIED}: silent, 3 times")

    def test_open(self):
        """Without a policy: the one thing that this is for."""
        self.serve(ALLOWED, DENIED)
        self.expect(1, rf"FAILED .* port {DENIED}: answers, and no policy allows it")

    def test_only_a_moment(self):
        """A port that is closed for the first try and open for the third is open."""
        self.serve(ALLOWED, DENIED)
        self.rule(DENIED, "drop")
        opened = subprocess.Popen(["sh", "-c", "sleep 3; nft flush ruleset"])
        self.addCleanup(opened.wait)
        self.expect(1, rf"port {DENIED}: answers")

    def test_silence_of_both(self):
        self.serve(ALLOWED, DENIED)
        self.rule(f"{{ {ALLOWED}, {DENIED} }}", "drop")
        self.expect(3, rf"FAILED .* port {ALLOWED}: Connection timed out")

    def test_refused(self):
        """Somebody else's no is no proof of ours."""
        self.serve(ALLOWED, DENIED)
        self.rule(DENIED, "reject with tcp reset")
        self.expect(3, rf"FAILED .* port {DENIED}: Connection refused")

    def test_nobody_there(self):
        began = time.monotonic()
        self.expect(3, rf"FAILED .* port {ALLOWED}: Connection refused", seconds=2)
        self.assertGreater(time.monotonic() - began, 1.9, "gave up too early")

    def test_another_server(self):
        """One that listens elsewhere does not vouch for the denied port."""
        self.serve(ALLOWED, DENIED + 1)
        self.rule(DENIED, "drop")
        self.expect(3, rf"FAILED .* port {ALLOWED}: allowed, but what answers is not the test's server")

    def test_network_dies(self):
        """Silence at the end of which nothing answers any more is not a policy's."""
        self.serve(ALLOWED, DENIED)
        self.rule(DENIED, "drop")
        died = subprocess.Popen(["sh", "-c", f"sleep 3; nft insert rule inet t c tcp dport {ALLOWED} drop"])
        self.addCleanup(died.wait)
        self.expect(
            3, rf"denied .* port {DENIED}: silent", rf"FAILED .* port {ALLOWED}: Connection timed out"
        )

    def test_late(self):
        """The server may take its time."""
        self.rule(DENIED, "drop")
        argv = ["sh", "-c", f"sleep 1; exec {PROGRAM} selftest serve {ALLOWED} {DENIED}"]
        late = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        self.addCleanup(late.wait)
        self.addCleanup(late.kill)
        self.expect(0, seconds=10)

    def test_usage(self):
        for args in (["0", "1"], ["1", "x"], ["1", "65536"], ["1"], ["1", "2", "3"]):
            answer = subprocess.run(
                [PROGRAM, "selftest", "serve", *args], stderr=subprocess.PIPE, check=False
            )
            self.assertEqual((answer.returncode, b"bulkheadctl: " in answer.stderr), (2, True), args)
        for host in ("$(BULKHEAD_SELFTEST_SERVICE_HOST)", "localhost", ""):
            argv = [PROGRAM, "selftest", "probe", host, "1", "2", "1"]
            answer = subprocess.run(argv, stderr=subprocess.PIPE, check=False)
            self.assertEqual(answer.returncode, 2)
            self.assertIn(f"HOST '{host}': not an address", answer.stderr.decode())
