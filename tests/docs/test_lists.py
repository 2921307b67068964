# SPDX-License-Identifier: Apache-2.0
"""Lists that a page repeats from the source: every reason, every operation of the socket, every value and field."""
import os
import re
import subprocess
import unittest

from pages import ROOT, Page


def source(path):
    with open(os.path.join(ROOT, path)) as f:
        return f.read()


class Lists(unittest.TestCase):
    def same(self, told, there):
        self.assertEqual(set(told), set(there), "first: what the page tells; second: what is there")
        self.assertEqual(len(told), len(there), "something is told twice")

    def test_reasons(self):
        """bpf/abi.h is where they are written; docs/troubleshooting.md says of each what to do."""
        abi = source("bpf/abi.h")
        listed = abi[abi.index("#define BH_REASONS(X)") : abi.index("#define BH_REASON_ENUM")]
        reasons = re.findall(r'X\(\w+,\s*(?:ALLOW|DENY),\s*"([a-z-]+)"\)', listed)
        self.assertEqual(len(reasons), listed.count("X("), "the list reads otherwise than it is written")
        self.same(Page("docs/troubleshooting.md").headings_below("By reason", 4), reasons)

    def test_operations(self):
        """What the agent answers, and what docs/socket.md tells."""
        requests = source("agent/requests.c")
        listed = requests[requests.index("} ops[] = {") :]
        ops = dict(re.findall(r'{ "(\w+)", \w+, (true|false), \w+ }', listed[: listed.index("};")]))
        self.assertGreater(len(ops), 10)
        page = source("docs/socket.md")
        readers = page[page.index("## For who only reads") : page.index("## Requests and answers")]
        self.same(re.findall(r"`(\w+)`", readers), [op for op, reads in ops.items() if reads == "false"])
        self.same(Page("docs/socket.md").headings_below("Operations", 3), ops)

    def test_codes(self):
        numbers = re.findall(r"#define CODE_\w+\s+(\d+)", source("agent/requests.h") + source("agent/api/server.c"))
        self.same(re.findall(r"^\| (\d+) \|", source("docs/socket.md"), re.M), list(dict.fromkeys(numbers)))

    def test_generated(self):
        by = {what: [os.path.join(ROOT, "hack/reference"), what] for what in ("values", "crds")}
        by["metrics"] = [os.path.join(ROOT, os.environ.get("BH_BUILD", "build"), "bulkhead-agent"), "metrics"]
        for what, argv in by.items():
            made = subprocess.run(argv, capture_output=True, text=True, check=True)
            page = source(f"docs/{what}.md")
            kept = page[page.index("\n", page.index("<!-- begin")) + 1 : page.index("<!-- end -->")]
            self.assertGreater(made.stdout.count("\n"), 40)
            self.assertEqual(kept, made.stdout, f"docs/{what}.md: make reference")
