# SPDX-License-Identifier: Apache-2.0
"""What the test classes share: a node for the class, its usual pods, and the checks."""
import itertools
import socket
import unittest

import invariants
import losses
from node import PATIENCE, SLOW, Node, Pod, differences, eventually

# Every way in which a node can be: main plugin, plugins' release, family, how our programs hang.
ALL_CONFIGS = [
    "/".join(c) for c in itertools.product(("bridge", "ptp"), ("1.9", "1.1"), ("v4", "v6"), ("tcx", "clsact"))
]
# A few that differ in everything, for what does not depend on the combination.
FEW_CONFIGS = ["bridge/1.9/dual/tcx", "ptp/1.1/dual/clsact"]


class NodeCase(unittest.TestCase):
    """A class with one Node for all of its tests. `config` is "main/plugins/family/attach"."""

    config = None
    node_class = Node
    chained = True
    fresh = False  # a Node for each test instead
    node_args = {}

    @classmethod
    def setUpClass(cls):
        if not cls.fresh:
            cls.open()

    @classmethod
    def tearDownClass(cls):
        if not cls.fresh:
            cls.shut()

    def setUp(self):
        if self.fresh:
            type(self).open()
            self.addCleanup(type(self).shut)
        # Last in, first out: looked at before anything is taken down, and only after a test that passed.
        self.addCleanup(self._look)

    def _look(self):
        outcome = getattr(self, "_outcome", None)  # its own `success` speaks of this clean-up alone
        if self.chained and outcome and not getattr(outcome.result, "failed", False):
            self.assert_invariants()

    @classmethod
    def title(cls, config):
        """The name of its log, for one of its configs."""
        return ".".join([cls.__module__[5:], cls.__name__] + ([config.replace("/", "-")] if config else []))

    @classmethod
    def open(cls):
        main, plugins, family, attach = (cls.config or "bridge/1.9/dual/tcx").split("/")
        kind = {"main": main, "plugins": plugins, "family": family, "attach": attach}
        cls.node = cls.node_class(**kind, chained=cls.chained, log=cls.title(cls.config), **cls.node_args)
        try:
            cls.start()
        except BaseException as e:
            e.args = (f"{e}\n--- agent ---\n{cls.node.agent_log()}",)
            cls.node.close()
            raise

    @classmethod
    def shut(cls):
        cls.node.close()

    @classmethod
    def start(cls):
        """What the class needs before its first test."""

    def context(self):
        """Shown with a failure."""
        log = self.node.agent_log()
        return f"\n--- agent ---\n{log}" if log else ""

    def assert_invariants(self):
        problems = invariants.settled(self.node)
        self.assertFalse(problems, "\n" + "\n".join(problems))

    def assert_matrix(self, want, hosts=None, timeout=10.0, **kw):
        """The matrix is as @want(from, to, proto, port) says; within @timeout, because policies travel."""

        def same():
            bad = differences(self.node.matrix(hosts, want=want, **kw), want)
            self.assertFalse(bad, f"{len(bad)} wrong:\n" + "\n".join(bad[:20]))
            return True

        eventually(same, timeout)

    def statuses(self):
        """{name: a function that asks an agent for its status, None where there is none to ask}"""
        return {"programs": lambda: self.node.ask("status")}

    def losses_of(self, *hosts):
        """What is counted from now on, where packets between them may go missing."""
        agents = {n: lambda ask=ask: losses.of_programs(ask()) for n, ask in self.statuses().items()}
        return losses.Losses({**agents, **{str(h): lambda h=h: losses.of_host(h) for h in hosts}})


class PolicedCase(NodeCase):
    """With the agent running, two namespaces and four pods: shop/web, shop/db, lab/web, lab/job."""

    @classmethod
    def start(cls):
        node = cls.node
        node.write_namespace("shop", {"team": "red"})
        node.write_namespace("lab", {"team": "blue"})
        node.agent_start()
        # Its last epoll is libbpf's, made when the ring of events is read for the first time.
        eventually(lambda: node.agent_fds().count("anon_inode:[eventpoll]") == node.epolls, 2)
        node.fds_empty = node.agent_fds()
        cls.web = node.add_pod("shop", "web", {"app": "web", "tier": "front"})
        cls.db = node.add_pod("shop", "db", {"app": "db", "tier": "back"})
        cls.labweb = node.add_pod("lab", "web", {"app": "web"})
        cls.job = node.add_pod("lab", "job", {"app": "job"})

    @classmethod
    def shut(cls):
        """Whatever the tests did: after the last DEL nothing is left."""
        node = cls.node
        try:
            if node.agent:
                node.agent_resume()
                for pod in list(node.pods):
                    node.del_pod(pod)
                problems = invariants.settled(node)
                assert not problems, "after the last DEL:\n" + "\n".join(problems)
        finally:
            node.close()

    @property
    def everybody(self):
        return [*self.node.pods, self.node.host, self.node.world]

    def policed(self, ingress=None, egress=None):
        """A matrix from two questions, asked of pods alone: ingress(from, to, proto, port) and egress(…).
        The node reaches its pods and they reach it, whatever the policies say."""
        node = self.node.host

        def want(s, d, proto, port):
            if node in (s, d):
                return True
            into = ingress is None or not isinstance(d, Pod) or ingress(s, d, proto, port)
            out = egress is None or not isinstance(s, Pod) or egress(s, d, proto, port)
            return into and out

        return want

    def assert_policed(self, ingress=None, egress=None):
        self.assert_matrix(self.policed(ingress, egress), self.everybody)


class LiveTraffic:
    """To one pod, by TCP and UDP in each family: flows and new connections of those that may, and attempts of one
    that may not, all the time, each every @ms. @fresh: the TCP and the UDP port of the new connections."""

    def __init__(self, case, to, allowed, denied, fresh=(443, 5353), ms=5):
        self.case = case
        self.losses = case.losses_of(to, *allowed)

        def start(host, verb, ports):
            return [
                host.start(verb, ms, proto, to.ips[f], port)
                for f in case.node.families
                for proto, port in zip(("tcp", "udp"), ports)
            ]

        self.flows = [m for host in allowed for m in start(host, "flow", (80, 53))]
        self.fresh = [m for host in allowed for m in start(host, "hammer", fresh)]
        self.denied = start(denied, "hammer", (80, 53))
        for m in (*self.flows, *self.fresh, *self.denied):
            case.addCleanup(m.kill)
        for m in self.flows:
            case.assertTrue(eventually(lambda m=m: m.report()["received"] > 10), f"{m} does not flow")

    def stop(self, least=100, begun=True):
        """Asserts that nothing was lost and nothing let through; what was counted, as one line. @begun: nor any
        of the new flows."""
        case, n = self.case, {"flow packets": 0, "new flows": 0, "denied attempts": 0}
        fresh = [] if begun else [m.stop() for m in self.fresh]
        last = self.losses.assert_none(case, self.flows, self.fresh if begun else ())
        n["flow packets"] = sum(x["received"] for x in last[: len(self.flows)])
        for x in fresh or last[len(self.flows) :]:
            case.assertGreater(x["answered"], least)
            n["new flows"] += x["answered"]
        for m in self.denied:
            x = m.stop()
            case.assertEqual(x["answered"], 0, f"{m}: denied flows passed: {x}")
            case.assertGreater(x["tried"], least)
            n["denied attempts"] += x["tried"]
        return ", ".join(f"{v} {k}" for k, v in n.items())


class Talk:
    """One TCP connection that a test speaks on by hand."""

    def __init__(self, client, server, family, port=80, address=None):
        self.socket = client.socket(socket.AF_INET6 if family == 6 else socket.AF_INET)
        self.socket.settimeout(2 * SLOW)
        self.socket.connect((address or server.ips[family], port))
        assert self.goes_on(), "the flow does not work to begin with"

    def goes_on(self):
        """Whether what is said now comes back."""
        try:
            self.socket.sendall(b"12345678")
            return self.socket.recv(64) != b""
        except OSError:
            return False

    def close(self):
        self.socket.close()


class Pair:
    """Two UDP sockets that know each other; either can speak first."""

    def __init__(self, client, server, family, first=6000):
        af = socket.AF_INET6 if family == 6 else socket.AF_INET
        self.server, self.client = server.socket(af, socket.SOCK_DGRAM), client.socket(af, socket.SOCK_DGRAM)
        for s, host, port in ((self.server, server, first), (self.client, client, first + 1)):
            s.bind((host.ips[family], port))
            s.settimeout(1 * SLOW)
        self.client.connect((server.ips[family], first))
        self.server.connect((client.ips[family], first + 1))
        assert self.heard(self.client, self.server) and self.heard(self.server, self.client)

    @staticmethod
    def heard(by, at):
        try:
            by.send(b"x")
            return at.recv(16) == b"x"
        except OSError:
            return False

    def close(self):
        self.client.close()
        self.server.close()


def below(seconds):
    """A limit of what a test waits for, or of what may take so long: see PATIENCE."""
    return seconds * PATIENCE
