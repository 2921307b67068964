# SPDX-License-Identifier: Apache-2.0
"""Pods that were there before the install: protected within five seconds of the agent's start or of their
showing up in the API, with their live flows kept, and those that policy denies cut."""
import json
import os
import struct
import time

import bpf
import invariants
import wire
from case import NodeCase, Pair, Talk, below
from node import NODE_ADDR, eventually, run

IN, BOTH = ["Ingress"], ["Ingress", "Egress"]
FROM_WEB = [{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}]
TO_DB = [{"to": [{"podSelector": {"matchLabels": {"app": "db"}}}]}]
SERVICE = {4: "10.96.0.10", 6: "fd00:96::10"}

# A rule that asks for the state of connections is what makes a namespace keep them.
TRACK = """table inet track { chain c {
  type filter hook prerouting priority 0
  ct state established accept
}
}"""


class Adopted(NodeCase):
    """Pods by the main plugin alone, and then an agent."""

    fresh = True
    cost = 3
    tracks = False  # whether this node keeps connections

    @classmethod
    def start(cls):
        node = cls.node
        node.chained = False
        node.set_conf({})
        if cls.tracks:
            cls.track()
        for ns in ("shop", "lab"):
            node.write_namespace(ns)
        cls.web = cls.old_pod("shop", "web", {"app": "web"})
        cls.db = cls.old_pod("shop", "db", {"app": "db"})
        cls.job = cls.old_pod("lab", "job", {"app": "job"})

    @classmethod
    def shut(cls):
        """A connection that was cut keeps its namespace alive for minutes, and the veth with it."""
        for pod in cls.node.pods:
            run("ip", "link", "del", pod.hostif, check=False)
        run("nft", "flush", "ruleset")
        super().shut()

    @classmethod
    def track(cls):
        run("nft", "-f", "-", input=TRACK)
        for f in ("iptables", "ip6tables"):  # for what goes from one port of a bridge to another
            run("sysctl", "-qw", f"net.bridge.bridge-nf-call-{f}=1")

    @classmethod
    def old_pod(cls, ns, name, labels, manifest=True):
        """As the API and the node have a pod that no ADD of ours knows."""
        pod = cls.node.add_pod(ns, name, labels, manifest=False)
        pod.network, pod.container = "(adopted)", f"{ns}/{name}"
        if manifest:
            cls.show(pod)
        return pod

    @classmethod
    def show(cls, pod, **more):
        cls.node.write_pod(pod.ns, pod.pod, pod.labels, ips=list(pod.ips.values()), **more)

    def only_web(self, types=None, egress=None):
        """shop/db is open to shop/web alone."""
        more = {"egress": egress} if egress else {}
        self.node.write_policy(
            "shop", "db", subject={"app": "db"}, policyTypes=types or IN, ingress=FROM_WEB, **more
        )

    def all_protected(self):
        status = self.node.ask("status")
        items = self.node.ask("endpoints")["items"]
        return (
            status["unprotected"] == 0
            and len(items) == len(self.node.pods)
            and all(i["protected"] for i in items)
        )

    def wait_protected(self, began=None):
        self.assertTrue(eventually(self.all_protected, 10), self.node.ask("endpoints"))
        if began:
            self.assertLess(time.monotonic() - began, below(5), "it took too long")

    def talk(self, *args, **kw):
        t = Talk(*args, **kw)
        self.addCleanup(t.close)
        return t

    def pair(self, *args):
        p = Pair(*args)
        self.addCleanup(p.close)
        return p

    def families(self):
        return self.node.families


class Protected(Adopted):
    """Whether or not connections are tracked."""

    configs = ["bridge/1.9/dual/tcx", "ptp/1.1/dual/clsact", "ptp/1.9/v6/tcx", "bridge/1.1/v4/clsact"]

    def test_at_the_start(self):
        """From the moment the agent says that all is protected nothing denied gets through, and that moment
        comes soon."""
        self.only_web()
        denied = [self.job.start("hammer", 5, "tcp", self.db.ips[f], 443) for f in self.families()]
        for m in denied:
            self.assertTrue(eventually(lambda m=m: m.report()["answered"] > 5), "not open to begin with")
        began = time.monotonic()
        self.node.agent_start()
        self.wait_protected(began)
        answered = [m.report()["answered"] for m in denied]
        time.sleep(0.5)
        last = [m.stop() for m in denied]
        self.assertEqual([m["answered"] for m in last], answered, "a denied flow passed")
        self.assertTrue(all(m["tried"] > m["answered"] for m in last))
        everybody = [*self.node.pods, self.node.host, self.node.world]
        self.assert_matrix(lambda s, d, *_: d is not self.db or s in (self.web, self.node.host), everybody)

    def test_records(self):
        """As an ADD would have left them, but for the owner, whom no ADD can have."""
        self.node.agent_start()
        self.wait_protected()
        self.assert_invariants()
        for pod in self.node.pods:
            with open(os.path.join(invariants.RECORDS, pod.key() + ".json")) as f:
                record = json.load(f)
            self.assertTrue(record["adopted"])
            self.assertEqual((record["ifname"], record["pod"]["name"]), ("eth0", pod.pod))
            link_local = json.loads(pod.run("ip", "-j", "-6", "addr", "show", "dev", "eth0", "scope", "link"))
            for a in filter(None, link_local[0]["addr_info"] if link_local else []):
                self.assertIn(a["local"], record["addrs"])
        self.node.agent_kill()
        self.node.agent_start()
        self.wait_protected()
        self.assert_invariants()

    def test_later_in_the_api(self):
        """The veth is there, the Pod is not yet known."""
        self.node.agent_start()
        self.wait_protected()
        late = self.old_pod("lab", "late", {"app": "late"}, manifest=False)
        self.node.write_policy("lab", "late", subject={"app": "late"}, policyTypes=IN)
        time.sleep(2.5)
        self.assertTrue(self.job.reaches(late, family=self.families()[0]), "nothing says that it is a pod")
        began = time.monotonic()
        self.show(late)
        self.wait_protected(began)
        self.assertFalse(self.job.reaches(late, family=self.families()[0]))

    def test_del_of_the_real_container(self):
        """It finds no record; what is ours goes with the veth."""
        self.node.agent_start()
        self.wait_protected()
        self.node.chained = True
        self.node.set_conf({})
        for pod in list(self.node.pods):
            self.node.del_pod(pod)
        self.assert_invariants()
        self.assertEqual(self.node.ask("endpoints")["items"], [])

    def test_add_for_the_same_interface(self):
        """The real owner takes over: the same programs, never off, under its name."""
        self.only_web()
        self.node.agent_start()
        self.wait_protected()
        denied = self.job.start("hammer", 2, "tcp", self.db.ips[self.families()[0]], 443)
        for pod in self.node.pods:
            adopted = pod.key()
            pod.network, pod.container = "podnet", "real-" + pod.pod
            code, out = self.node.ours("ADD", pod, pod.result)
            self.assertEqual(code, 0, out)
            self.assertNotIn(adopted + ".json", invariants.names(invariants.RECORDS))
        self.assert_invariants()
        last = denied.stop()
        self.assertEqual(last["answered"], 0)
        self.assertGreater(last["tried"], 10)
        for pod in self.node.pods:
            self.assertEqual(self.node.ours("CHECK", pod, pod.result)[0], 0)

    def test_del_is_no_adoption(self):
        """Between our DEL and the main plugin's the veth is there, and the Pod is for even longer."""
        self.node.agent_start()
        self.wait_protected()
        self.job.network, self.job.container = "podnet", "real"
        self.assertEqual(self.node.ours("ADD", self.job, self.job.result)[0], 0)
        self.assertEqual(self.node.ours("DEL", self.job)[0], 0)
        time.sleep(4.5)
        self.assertEqual(sorted(i["name"] for i in self.node.ask("endpoints")["items"]), ["db", "web"])
        self.assertEqual(self.node.ask("status")["healed"]["adopted"], 3)
        self.job.stop_serving()
        self.node.pods.remove(self.job)
        run("ip", "link", "del", self.job.hostif)

    def test_gc_leaves_them(self):
        self.node.agent_start()
        self.wait_protected()
        if self.node.version == "1.1.0":
            conf = {"cni.dev/valid-attachments": []}
            self.assertEqual(self.node.plugin("GC", {**self.node.our_conf(), **conf}), (0, ""))
        self.assert_invariants()

    def test_not_guessed(self):
        """Two pods with one address, and an interface with an address of each of two pods."""
        twin = {f: self.web.ips[f] for f in self.families()}
        self.node.write_pod("lab", "twin", {"app": "twin"}, ips=list(twin.values()))
        self.node.agent_start()
        self.assertTrue(eventually(lambda: self.node.ask("status")["unprotected"] == 2, 10))
        listed = self.node.ctl("endpoints", "--unprotected")
        told = [(i["name"], i["reason"]) for i in listed]
        self.assertEqual(told, [("twin", "ambiguous"), ("web", "ambiguous")])
        self.node.remove_pod("lab", "twin")
        self.wait_protected()
        self.assertEqual(self.node.ctl("endpoints", "--unprotected"), [])

    def test_of_another_node(self):
        """A veth of this node leads to its address, and its manifest says that it is elsewhere."""
        self.node.write_pod(
            "shop", "far", {}, ips=[self.node.world.ips[f] for f in self.families()], nodeName="elsewhere"
        )
        self.node.agent_start()
        self.wait_protected()
        self.assertEqual(self.node.ask("status")["healed"]["adopted"], 3)
        self.assertEqual(sorted(i["name"] for i in self.node.ask("endpoints")["items"]), ["db", "job", "web"])

    def test_forged_addresses(self):
        """A pod that may set addresses has given itself its neighbours', one of a pod on another node, and more
        than anybody reads: that keeps nobody from being protected, and none of them becomes its own."""
        f = self.families()[0]
        theirs = [self.db.ips[f], self.job.ips[f], "10.77.0.1" if f == 4 else "fd77::1"]
        many = [f"10.88.{i // 200}.{i % 200 + 1}" if f == 4 else f"fd88::{i + 1:x}" for i in range(1200)]
        nodad = " nodad" if f == 6 else ""
        lines = [f"addr add {a}/{128 if f == 6 else 32} dev eth0{nodad}" for a in theirs + many]
        self.web.run("ip", "-batch", "-", input="\n".join(lines))
        self.node.agent_start()
        self.wait_protected()
        healed = self.node.ask("status")["healed"]
        self.assertEqual((healed["adopted"], healed["addresses_reused"]), (3, 0))
        for item in self.node.ask("endpoints")["items"]:
            pod = next(p for p in self.node.pods if p.pod == item["name"])
            addrs = {a for a in item["addresses"] if not a.startswith("fe80")}
            self.assertEqual(addrs, {pod.ips[i] for i in self.families()})
        before = bpf.stats()[("spoofed_addr", bpf.EGRESS)]
        packet = wire.ip(theirs[2], self.db.ips[f], wire.UDP, wire.udp(theirs[2], self.db.ips[f], 1, 53, b"x"))
        with wire.Wire(self.web) as out:
            out.send(wire.ether(self.web.mac, self.db.mac, wire.ethertype(packet), packet))
        self.assertGreater(bpf.stats()[("spoofed_addr", bpf.EGRESS)], before)


class Tracked(Adopted):
    """Flows that conntrack knows."""

    configs = ["bridge/1.9/dual/tcx", "ptp/1.1/dual/clsact"]
    tracks = True

    def no_grace(self):
        """Another agent: what lives from now on has a session."""
        self.node.agent_kill()
        self.node.agent_start()
        self.wait_protected()

    def test_idle_flows(self):
        """Allowed by the direction that opened them alone, and silent until long after."""
        flows = [self.talk(self.web, self.db, f) for f in self.families()]
        pairs = [self.pair(self.web, self.db, f) for f in self.families()]
        self.only_web(BOTH)
        self.node.write_policy("shop", "web", subject={"app": "web"}, policyTypes=BOTH, egress=TO_DB)
        self.node.agent_start()
        self.wait_protected()
        self.no_grace()
        for p in pairs:
            self.assertTrue(p.heard(p.server, p.client), "the server may not answer any more")
        for t in flows:
            self.assertTrue(t.goes_on(), "an allowed flow was cut")
        self.assertFalse(self.job.reaches(self.db, family=self.families()[0]))

    def test_denied_flows_are_cut(self):
        """Although the server may open flows to whom it likes."""
        flows = [self.talk(self.job, self.db, f) for f in self.families()]
        pairs = [self.pair(self.job, self.db, f) for f in self.families()]
        self.only_web(IN)
        self.node.agent_start()
        self.wait_protected()
        for t in flows:
            self.assertFalse(t.goes_on(), "a denied flow goes on")
        for p in pairs:
            self.assertFalse(p.heard(p.server, p.client), "the server goes on")
            self.assertFalse(p.heard(p.client, p.server), "a denied flow goes on")
        self.assertEqual(self.node.ask("status")["sessions_grace"], 0)

    def test_running_flows(self):
        """Not a packet lost, but for what a veth drops when it is given a clsact qdisc (sch_api.c deactivates
        it for a moment, whoever asks)."""
        losses = self.losses_of(self.web, self.db)
        meters = [
            self.web.start("flow", 5, proto, self.db.ips[f], port)
            for f in self.families()
            for proto, port in (("tcp", 80), ("udp", 53))
        ]
        for m in meters:
            self.assertTrue(eventually(lambda m=m: m.report()["received"] > 10))
        self.only_web(BOTH)
        self.node.write_policy("shop", "web", subject={"app": "web"}, policyTypes=BOTH, egress=TO_DB)
        self.node.agent_start()
        self.wait_protected()
        time.sleep(0.3)
        udp = sum(" udp " in m.name for m in meters)
        losses.assert_none(self, meters, may=0 if invariants.tcx_in_use(self.node) else 2 * udp)


class Translated(Adopted):
    """Flows through a Service's address and through a port of the node, with a masquerade."""

    configs = ["ptp/1.9/dual/tcx", "ptp/1.1/dual/clsact"]
    tracks = True

    def nat(self):
        for f, family in ((4, "ip"), (6, "ip6")):
            db = self.db.ips[f] if f == 4 else f"[{self.db.ips[f]}]"
            run(
                "nft",
                "-f",
                "-",
                input=f"""table {family} nat {{
                  chain pre {{
                    type nat hook prerouting priority -100
                    {family} daddr {SERVICE[f]} tcp dport 80 dnat to {db}:8080
                    {family} daddr {NODE_ADDR[f]} tcp dport 30080 dnat to {db}:443
                  }}
                  chain post {{
                    type nat hook postrouting priority 100
                    {family} daddr {self.db.ips[f]} tcp dport 443 snat to {NODE_ADDR[f]}
                  }}
                }}""",
            )

    def write_service(self):
        ports = [{"name": "web", "port": 80, "protocol": "TCP"}]
        self.node.write(
            "service.json",
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"namespace": "shop", "name": "db"},
                "spec": {"clusterIPs": list(SERVICE.values()), "ports": ports},
            },
        )
        for f, kind in ((4, "IPv4"), (6, "IPv6")):
            self.node.write(
                f"slice{f}.json",
                {
                    "apiVersion": "discovery.k8s.io/v1",
                    "kind": "EndpointSlice",
                    "metadata": {
                        "namespace": "shop",
                        "name": f"db{f}",
                        "labels": {"kubernetes.io/service-name": "db"},
                    },
                    "addressType": kind,
                    "endpoints": [{"addresses": [self.db.ips[f]]}],
                    "ports": [{"name": "web", "port": 8080, "protocol": "TCP"}],
                },
            )

    def test_both_ways(self):
        self.nat()
        self.write_service()
        services = [self.talk(self.web, None, f, address=SERVICE[f]) for f in self.families()]
        ports = [
            self.talk(self.node.world, None, f, port=30080, address=NODE_ADDR[f]) for f in self.families()
        ]
        blocks = [{"ipBlock": {"cidr": f"{NODE_ADDR[f]}/{32 if f == 4 else 128}"}} for f in self.families()]
        ingress = FROM_WEB + [{"from": blocks, "ports": [{"port": 443}]}]
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=BOTH, ingress=ingress)
        self.node.write_policy("shop", "web", subject={"app": "web"}, policyTypes=BOTH, egress=TO_DB)
        self.node.agent_start()
        self.wait_protected()
        self.node.agent_kill()
        self.node.agent_start()
        for t in services + ports:
            self.assertTrue(t.goes_on(), "an allowed flow was cut")


class Untracked(Adopted):
    """Flows that nobody knows: from one port of a bridge to another without br_netfilter."""

    configs = ["bridge/1.9/dual/tcx", "bridge/1.1/dual/clsact"]

    @classmethod
    def start(cls):
        for f in ("iptables", "ip6tables"):
            run("sysctl", "-qw", f"net.bridge.bridge-nf-call-{f}=0")
        super().start()

    @staticmethod
    def graces():
        """Live endpoints with BH_EP_ADOPTED."""
        with bpf.Map("bh_endpoints") as m:
            slots = [m.lookup(struct.pack("<I", i)) for i in range(m.max_entries)]
        return sum(1 for v in slots if struct.unpack_from("<I", v)[0] and v[22] & 2)

    def test_grace(self):
        """For a while a TCP flow goes on if either direction allows it, and counts; a new one needs its
        own."""
        flows = [self.talk(self.web, self.db, f) for f in self.families()]
        denied = [self.talk(self.job, self.db, f) for f in self.families()]
        silent = [self.talk(self.web, self.db, f) for f in self.families()]
        self.only_web(BOTH)
        self.node.agent_start()
        self.wait_protected()
        for t in flows:
            self.assertTrue(t.goes_on(), "an allowed flow was cut")
        for t in denied:
            self.assertFalse(t.goes_on(), "a flow goes on that neither direction allows")
        self.assertEqual(self.node.ask("status")["sessions_grace"], len(flows))
        self.node.agent_kill()
        self.node.agent_start()  # the grace ends with the agent that gave it
        for t in flows:
            self.assertTrue(t.goes_on(), "it has its session by now")
        for t in silent:
            self.assertFalse(t.goes_on(), "there is no grace any more")

    def test_grace_ends(self):
        self.only_web(BOTH)
        silent = [self.talk(self.web, self.db, f) for f in self.families()]
        self.node.agent_start()
        self.wait_protected()
        self.assertEqual(self.graces(), len(self.node.pods))
        self.assertTrue(eventually(lambda: not self.graces(), 40, 0.5))
        for t in silent:
            self.assertFalse(t.goes_on(), "there is no grace any more")
