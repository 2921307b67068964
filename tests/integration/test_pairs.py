# SPDX-License-Identifier: Apache-2.0
"""Who is at the other end: another pod of this node, this node, the pod itself behind a Service, and one that has the
index and the address of another that was there a moment ago."""
import contextlib
import copy

import bpf
import wire
from bpf import INGRESS
from case import Pair, Talk
from node import CniError, Pod, eventually, run
from wirecase import WireCase

SERVICE = {4: "10.96.0.20", 6: "fd00:96::20"}
POLICED = {"podSelector": {"matchLabels": {"app": "web"}}}


class Pairs(WireCase):
    configs = ["bridge/1.9/v4/tcx", "bridge/1.1/v6/clsact", "ptp/1.1/v4/clsact", "ptp/1.9/v6/tcx"]

    def sessions(self, pod, **want):
        items = self.node.ask("sessions", pod=str(pod))["items"]
        return [s for s in items if all(s.get(k) == v for k, v in want.items())]

    def talk(self, client, server):
        talk = Talk(client, server, self.f)
        self.addCleanup(talk.close)
        return talk

    def test_each_end_decides(self):
        """Two pods of one node: a session at each end, and either end's policy cuts the flow."""
        for subject, isolated in ((self.db, {"ingress": []}), (self.web, {"egress": []})):
            talk = self.talk(self.web, self.db)
            port = talk.socket.getsockname()[1]
            self.assertTrue(self.sessions(self.web, local_port=port, remote_port=80))
            self.assertTrue(self.sessions(self.db, local_port=80, remote_port=port))
            self.isolate(subject, **isolated)
            self.assertTrue(eventually(lambda t=talk: not t.goes_on(), 5), f"{subject} did not cut it")
            self.node.remove_policies()
            self.assert_policed()

    def test_host_at_either_end(self):
        """Flows of the node and to it are no policy's business."""
        talks = [self.talk(self.node.host, self.db), self.talk(self.db, self.node.host)]
        self.isolate(self.db, ingress=[], egress=[])
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db, egress=lambda s, *_: s is not self.db)
        for talk in talks:
            self.assertTrue(talk.goes_on())

    @contextlib.contextmanager
    def service(self):
        """What kube-proxy makes of a Service whose backend is db: pods come to it with an address of the node."""
        family = {4: "ip", 6: "ip6"}[self.f]
        to = self.db.ips[self.f] if self.f == 4 else f"[{self.db.ips[self.f]}]"
        rules = f"""table {family} bh {{
            chain pre {{ type nat hook prerouting priority -100;
                {family} daddr {SERVICE[self.f]} tcp dport 80 dnat to {to}:80; }}
            chain post {{ type nat hook postrouting priority 100;
                ct status dnat masquerade; }}
        }}"""
        run("nft", "-f", "-", input=rules)
        try:
            yield
        finally:
            run("nft", "delete", "table", family, "bh")

    def test_behind_a_masquerade(self):
        """Another pod or the pod itself: the interface that it comes by tells which."""
        others = (self.web, self.db, self.job)
        with self.service():
            for pod in others:
                self.assertTrue(pod.reaches(SERVICE[self.f], "tcp", 80, self.f, ms=3000), pod)
            self.isolate(self.db, ingress=[{"from": [POLICED]}])
            self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s is self.web)
            for pod in others:
                allowed = pod is not self.job
                self.assertEqual(pod.reaches(SERVICE[self.f], "tcp", 80, self.f, ms=3000 if allowed else 300), allowed, pod)
            everybody = {4: "0.0.0.0/0", 6: "::/0"}[self.f]
            self.isolate(self.db, ingress=[{"from": [{"ipBlock": {"cidr": everybody}}]}])
            for pod in others:
                self.assertTrue(pod.reaches(SERVICE[self.f], "tcp", 80, self.f, ms=3000), pod)

    def test_masqueraded_flow_lives_by_its_pod(self):
        """Relabelled, the pod behind the node's address is not allowed any more; nor is the flow that it has."""
        with self.service():
            self.isolate(self.db, ingress=[{"from": [POLICED]}])
            talk = Talk(self.web, self.db, self.f, address=SERVICE[self.f])
            self.addCleanup(talk.close)
            self.assertTrue(talk.goes_on())
            port = talk.socket.getsockname()[1]
            seen = [s for s in self.sessions(self.db, local_port=80, remote_port=port) if "masqueraded" in s["flags"]]
            (session,) = [s for s in seen if s["state"] == "established"]
            self.assertNotEqual(session["remote"], self.web.ips[self.f])
            self.node.write_pod("shop", "web", {"app": "other"})
            self.addCleanup(self.node.write_pod, "shop", "web", {"app": "web"})
            self.assertTrue(eventually(lambda: not talk.goes_on(), 5), "relabelled, and its flow goes on")

    def again(self, old):
        """Another pod with the index and the addresses of @old, of which nobody has said that it went."""
        new = Pod("shop", "again", self.node.new_netns("bh-shop-again"))
        run("ip", "link", "del", old.hostif)
        peer = ("peer", "name", "eth0", "netns", "bh-shop-again", "address", old.mac)
        run("ip", "link", "add", "again0", "index", old.ifindex, "type", "veth", *peer)
        run("ip", "link", "set", "again0", "up", "master", "cni0")
        new.run("ip", "link", "set", "eth0", "up")
        bits, nodad = {4: (24, []), 6: (64, ["nodad"])}[self.f]
        new.run("ip", "addr", "add", f"{old.ips[self.f]}/{bits}", "dev", "eth0", *nodad)
        result = copy.deepcopy(old.result)
        for i in result["interfaces"]:
            if i.get("sandbox"):
                i["sandbox"] = new.netns
            elif i["name"] == old.hostif:
                i["name"] = "again0"
        code, out = self.node.ours("ADD", new, result)
        self.assertEqual(code, 0, out)
        new.look()
        new.result, new.hostif = result, "again0"
        self.assertEqual((new.ifindex, new.ips[self.f], new.mac), (old.ifindex, old.ips[self.f], old.mac))
        return new

    def test_used_again_at_once(self):
        """A flow with a free pod lives; its successor, with the same index and addresses, may not be reached."""
        if self.node.main != "bridge":
            return
        self.node.write_policy("shop", "p-again", subject={"app": "again"}, policyTypes=["Ingress"])
        self.node.write_pod("shop", "again", {"app": "again"})
        old = self.node.add_pod("shop", "old", {"app": "old"}, serve=False)
        pair = Pair(self.web, old, self.f)
        self.addCleanup(pair.close)
        born = bpf.endpoints()[old.ifindex][1]
        self.node.pods.remove(old)
        self.node.remove_pod("shop", "old")
        new = self.again(old)
        self.node.pods.append(new)
        self.assertNotEqual(bpf.endpoints()[new.ifindex][1], born)
        self.unreached(new, pair)
        with contextlib.suppress(CniError):  # late, of the one that was there
            self.node.cnitool("del", old)
        self.node.del_netns(old.netns)
        self.assertIn(new.ifindex, bpf.endpoints())
        self.unreached(new, pair)
        self.node.pods.remove(new)
        self.assertEqual(self.node.ours("DEL", new, new.result), (0, ""))
        run("ip", "link", "del", "again0")
        self.node.del_netns(new.netns)
        self.node.remove_pod("shop", "again")

    def unreached(self, new, pair):
        """Nothing of the flow that there was gets through."""
        token = self.token()
        with wire.Wire(new) as into, self.counted("denied", INGRESS):
            pair.client.send(token)
            self.assertFalse(into.saw(token), "a session has outlived its pod")
        self.assertFalse(self.sessions(new, remote_port=pair.client.getsockname()[1], state="established"))
