# SPDX-License-Identifier: Apache-2.0
"""What the test classes share: a node for the class, its usual pods, and the checks."""
import itertools
import tempfile
import unittest

from node import Node, differences, eventually

# Every way in which a node can be: main plugin, plugins' release, family, how our programs hang.
ALL_CONFIGS = ["/".join(c) for c in itertools.product(("bridge", "ptp"), ("1.9", "1.1"), ("v4", "v6"), ("tcx", "clsact"))]
# One of each, for what does not depend on the combination.
FEW_CONFIGS = ["bridge/1.9/dual/tcx", "ptp/1.1/dual/clsact"]


class NodeCase(unittest.TestCase):
    """A class with one Node for all of its tests. `config` is "main/plugins/family/attach"."""

    config = None
    chained = True
    node_args = {}

    @classmethod
    def setUpClass(cls):
        main, plugins, family, attach = (cls.config or "bridge/1.9/dual/tcx").split("/")
        cls.node = Node(main=main, plugins=plugins, family=family, attach=attach, chained=cls.chained,
                        log_dir=tempfile.mkdtemp(prefix="bh-log-"), **cls.node_args)
        try:
            cls.start()
        except BaseException:
            cls.node.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.node.close()

    @classmethod
    def start(cls):
        """What the class needs before its first test."""

    def context(self):
        """Shown with a failure."""
        log = self.node.agent_log()
        return f"\n--- agent ---\n{log}" if log else ""

    def assert_matrix(self, want, hosts=None, timeout=3.0, **kw):
        """The matrix is as @want(from, to, proto, port) says; within @timeout, because policies travel."""
        def same():
            bad = differences(self.node.matrix(hosts, want=want, **kw), want)
            self.assertFalse(bad, f"{len(bad)} wrong:\n" + "\n".join(bad[:20]))
            return True

        eventually(same, timeout)
