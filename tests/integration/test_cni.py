# SPDX-License-Identifier: Apache-2.0
"""The plugin as runtimes call it: DEL in every order and state, late, twice; GC, CHECK, STATUS, VERSION; bad
input; many calls at once; an interface whose hooks others use, too."""
import concurrent.futures
import glob
import itertools
import json
import os
import random
import time

import bpf
import invariants
from case import FEW_CONFIGS, NodeCase, PolicedCase, below
from node import NETWORK, CniError, Pod, eventually, run

IN = ["Ingress"]


class Del(PolicedCase):
    """Whatever is gone already: DEL succeeds, and then nothing is left."""

    configs = FEW_CONFIGS
    cost = 2

    def setUp(self):
        super().setUp()
        self.pod = self.node.add_pod("shop", "new", {"app": "new"})

    def tearDown(self):
        if self.pod in self.node.pods:
            self.gone()

    def gone(self):
        """After our DEL: forget the pod, take the rest of it down."""
        self.pod.stop_serving()
        self.node.pods.remove(self.pod)
        self.node.cnitool("del", self.pod)
        self.node.del_netns(self.pod.netns)

    def delete(self, prev=None, env=None):
        code, out = self.node.ours("DEL", self.pod, prev, env)
        self.assertEqual((code, out), (0, ""))

    def assert_detached(self):
        """Nothing of ours is left for the pod, though its veth is still there."""
        for kind, side in ((bpf.TCX_INGRESS, "ingress"), (bpf.TCX_EGRESS, "egress")):
            self.assertFalse(bpf.tcx_programs(self.pod.ifindex, kind) or [])
            self.assertFalse(invariants.filters(self.pod.hostif, side))
        self.assertFalse(glob.glob(os.path.join(invariants.LINKS, self.pod.key() + "*")))
        self.assertFalse(glob.glob(os.path.join(invariants.RECORDS, self.pod.key() + "*")))

    def test_as_usual(self):
        self.delete(prev=self.pod.result)
        self.assert_detached()
        self.gone()

    def test_twice(self):
        self.delete(prev=self.pod.result)
        self.delete(prev=self.pod.result)
        self.delete()
        self.gone()

    def test_without_prev_result(self):
        """libcni has none after an ADD that failed."""
        self.delete()
        self.assert_detached()
        self.gone()

    def test_without_netns(self):
        """The runtime does not know it any more, or it is gone."""
        for netns in ("", None, "/run/netns/is-not-there", "/nowhere"):
            self.delete(env={"CNI_NETNS": netns})
        self.assert_detached()
        self.gone()

    def test_netns_that_has_gone(self):
        self.pod.stop_serving()
        self.node.del_netns(self.pod.netns)
        self.node.pods.remove(self.pod)
        self.delete(env={"CNI_NETNS": self.pod.netns})
        self.assert_invariants()
        self.delete()
        self.node.cnitool("del", self.pod)

    def test_without_agent(self):
        self.node.agent_kill()
        self.delete()
        self.assert_detached()
        self.gone()
        self.node.agent_start()

    def test_with_hanging_agent(self):
        self.node.agent_pause()
        began = time.monotonic()
        self.delete()
        self.assertLess(time.monotonic() - began, below(5))
        self.assert_detached()
        self.node.agent_resume()
        self.gone()

    def test_without_state_file(self):
        for path in glob.glob(os.path.join(invariants.RECORDS, self.pod.key() + "*")):
            os.unlink(path)
        self.delete(prev=self.pod.result)
        self.assert_detached()
        self.gone()

    def test_with_broken_state_file(self):
        path = os.path.join(invariants.RECORDS, self.pod.key() + ".json")
        for text in ("", "{", "[]", "\0" * 100, json.dumps({"network": NETWORK})):
            with open(path, "w") as f:
                f.write(text)
            self.delete()
            self.assert_detached()
            self.assertEqual(self.node.ours("ADD", self.pod, self.pod.result)[0], 0)
        self.delete()
        self.gone()

    def test_without_anything(self):
        """A container that was never ours."""
        stranger = Pod("shop", "stranger", "/run/netns/is-not-there")
        for env in ({}, {"CNI_NETNS": ""}, {"CNI_IFNAME": "net1"}, {"CNI_ARGS": ""}):
            code, out = self.node.ours("DEL", stranger, env=env)
            self.assertEqual((code, out), (0, ""))

    def test_other_configuration_than_at_add(self):
        """The chain has been changed meanwhile."""
        code, out = self.node.ours("DEL", self.pod, attach="auto", failMode="open")
        self.assertEqual((code, out), (0, ""))
        self.assert_detached()
        self.gone()

    def test_netns_of_another_pod(self):
        """A wrong CNI_NETNS must not hurt whose it is."""
        stranger = Pod("shop", "stranger", self.web.netns)
        stranger.container = "never-added"
        code, out = self.node.ours("DEL", stranger, prev=self.web.result)
        self.assertEqual((code, out), (0, ""))
        self.assert_invariants()


class Orders(PolicedCase):
    configs = FEW_CONFIGS
    cost = 2

    def test_every_order(self):
        """Three pods in each of the six orders, each asked twice, the second time without anything."""
        for n, order in enumerate(itertools.permutations(range(3))):
            pods = [self.node.add_pod("shop", f"o{n}-{i}") for i in range(3)]
            for i in order:
                self.node.ours("DEL", pods[i], pods[i].result)
                self.node.ours("DEL", pods[i], env={"CNI_NETNS": ""})
                self.node.del_pod(pods[i])
                self.assert_invariants()

    def test_add_twice(self):
        """A runtime that repeats an ADD: the same again, one program on each hook."""
        for _ in range(3):
            code, out = self.node.ours("ADD", self.web, self.web.result)
            self.assertEqual(code, 0, out)
            self.assertEqual(out, self.web.result)
            self.assert_invariants()

    def test_late_del_of_the_old_container(self):
        """The pod's name is the same, its sandbox is new: the old one's DEL must not touch it."""
        old = self.node.add_pod("shop", "again", {"app": "again"})
        self.node.write_policy("shop", "again", subject={"app": "again"}, policyTypes=IN)
        new = self.node.add_pod("shop", "again", {"app": "again"}, netns="bh-again-2")
        old.stop_serving()
        self.node.del_netns(old.netns)
        self.node.pods.remove(old)
        for env in ({}, {"CNI_NETNS": ""}, {"CNI_NETNS": new.netns}):
            code, out = self.node.ours("DEL", old, old.result, env)
            self.assertEqual((code, out), (0, ""))
            self.assert_invariants()
        self.node.cnitool("del", old)
        self.assert_invariants()
        self.assert_policed(ingress=lambda s, d, *_: d is not new)
        self.node.remove_policies()
        self.assert_policed()
        self.node.del_pod(new)

    def test_two_interfaces(self):
        """Another interface of the same container is an endpoint of its own."""
        before = list(self.node.pods)
        second = Pod("shop", "web", self.web.netns, ifname="net1")
        conf = {
            "cniVersion": self.node.version,
            "name": NETWORK,
            "type": "ptp",
            "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.78.0.0/24"}]]},
        }
        code, out = self.node.plugin("ADD", conf, plugin="ptp", **self.node.pod_env(second))
        self.assertEqual(code, 0, out)
        code, out = self.node.ours("ADD", second, json.loads(out))
        self.assertEqual(code, 0, out)
        self.assertNotEqual(second.key(), self.web.key())
        second.look()
        second.hostif = self.node.link_name(second.ifindex)
        self.assertEqual(invariants.names(invariants.RECORDS), {p.key() + ".json" for p in [*before, second]})
        code, out = self.node.ours("DEL", second)
        self.assertEqual((code, out), (0, ""))
        self.node.plugin("DEL", conf, plugin="ptp", **self.node.pod_env(second))
        self.assert_invariants()


class Verbs(PolicedCase):
    """CHECK, STATUS, GC and VERSION."""

    configs = FEW_CONFIGS

    def gc(self, **keys):
        return self.node.plugin("GC", {**self.node.our_conf(), "cniVersion": "1.1.0", **keys})

    def attachment(self, pod):
        return {"containerID": pod.container, "ifname": pod.ifname}

    def test_check(self):
        self.node.cnitool("check", self.web)
        self.assertEqual(self.node.ours("CHECK", self.web, self.web.result), (0, ""))
        code, _ = self.node.ours("CHECK", self.web, None)
        self.assertNotEqual(code, 0)

    def test_check_sees_what_is_missing(self):
        """Programs taken off while the agent looks away."""
        self.node.agent_pause()
        if invariants.tcx_in_use(self.node):
            bpf.link_detach(os.path.join(invariants.LINKS, self.web.key() + "_to"))
        else:
            run("tc", "filter", "del", "dev", self.web.hostif, "egress")
        code, out = self.node.ours("CHECK", self.web, self.web.result)
        self.assertNotEqual(code, 0, "CHECK is content although our program is off")
        self.assertTrue(out["msg"])
        self.node.agent_resume()
        code, out = self.node.ours("ADD", self.web, self.web.result)
        self.assertEqual(code, 0, out)
        self.assertEqual(self.node.ours("CHECK", self.web, self.web.result), (0, ""))

    def test_check_of_a_stranger(self):
        stranger = Pod("shop", "stranger", self.web.netns)
        stranger.container = "never-added"
        self.assertNotEqual(self.node.ours("CHECK", stranger, self.web.result)[0], 0)

    def test_status(self):
        code, out = self.node.plugin("STATUS", {**self.node.our_conf(), "cniVersion": "1.1.0"})
        self.assertEqual((code, out), (0, ""))

    def test_version(self):
        for stdin in ("", "not json", json.dumps({"cniVersion": "1.1.0"})):
            code, out = self.node.plugin("VERSION", stdin)
            self.assertEqual(code, 0)
            self.assertEqual(json.loads(out)["supportedVersions"], ["0.3.1", "0.4.0", "1.0.0", "1.1.0"])

    def test_gc_without_a_list_removes_nothing(self):
        self.assertEqual(self.gc(), (0, ""))
        self.assert_invariants()

    def test_gc_keeps_the_valid(self):
        extra = self.node.add_pod("shop", "extra")
        keep = [self.attachment(p) for p in self.node.pods if p is not extra]
        for key in ("cni.dev/valid-attachments", "cni.dev/attachments"):
            self.assertEqual(self.gc(**{key: keep + [self.attachment(extra)]}), (0, ""))
            self.assert_invariants()
        self.assertEqual(self.gc(**{"cni.dev/valid-attachments": keep}), (0, ""))
        extra.stop_serving()
        self.node.pods.remove(extra)
        self.node.cnitool("del", extra)
        self.node.del_netns(extra.netns)
        self.node.remove("pod-shop-extra.json")
        self.assert_invariants()

    def test_gc_of_another_network(self):
        """Its list says nothing of ours, even when it is empty."""
        conf = {
            **self.node.our_conf(),
            "cniVersion": "1.1.0",
            "name": "othernet",
            "cni.dev/valid-attachments": [],
        }
        self.assertEqual(self.node.plugin("GC", conf), (0, ""))
        self.assert_invariants()

    def test_gc_with_an_empty_list_removes_all(self):
        for value in ([], None):
            pods = list(self.node.pods)
            self.assertEqual(self.gc(**{"cni.dev/valid-attachments": value}), (0, ""))
            self.node.pods.clear()
            try:
                problems = []
                invariants.check_links(self.node, [], problems)
                invariants.check_records([], problems)
                self.assertFalse(problems)
            finally:
                for pod in pods:
                    self.node.pods.append(pod)
                    code, out = self.node.ours("ADD", pod, pod.result)
                    self.assertEqual(code, 0, out)


class BadInput(PolicedCase):
    """Every one has the spec's error object on stdout, its code, and leaves nothing behind."""

    configs = FEW_CONFIGS

    def setUp(self):
        super().setUp()
        self.node.write_pod("shop", "bad")
        self.pod = self.node.new_pod("shop", "bad")
        self.prev = self.node.add_main(self.pod)
        self.addCleanup(self.node.del_netns, self.pod.netns)
        self.addCleanup(self.node.del_main, self.pod)
        self.pod.look()
        self.node.extra_links = [self.node.link_name(self.pod.ifindex)]

    def fails(self, code, stdin, command="ADD", env=None, words=()):
        full = {**self.node.pod_env(self.pod), **(env or {})}
        got, out = self.node.plugin(command, stdin, **full)
        self.assertNotEqual(got, 0, f"succeeded: {out}")
        error = json.loads(out)
        self.assertEqual(error["code"], code, out)
        self.assertTrue(error["msg"])
        for word in words:
            self.assertIn(word, error["msg"] + error.get("details", ""))
        problems = []
        invariants.check_links(self.node, self.node.pods, problems)
        invariants.check_records(self.node.pods, problems)
        for kind in (bpf.TCX_INGRESS, bpf.TCX_EGRESS):
            if bpf.tcx_programs(self.pod.ifindex, kind):
                problems.append("a program was left on the interface")
        self.assertFalse(problems)

    def conf(self, **more):
        return self.node.our_conf(self.prev, **more)

    def test_stdin_that_is_no_configuration(self):
        good = json.dumps(self.conf())
        for text in (
            "",
            " ",
            "{",
            "nonsense",
            good[:-1],
            good[:40],
            good + "}",
            "[1,2]",
            '"x"',
            "[" * 5000,
            '{"a":' * 5000,
        ):
            self.fails(6, text)
        self.fails(6, '{"cniVersion":"1.0.0","name":"' + "x" * (2 << 20) + '"}')

    def test_versions(self):
        for version in ("0.1.0", "0.2.0", "2.0.0", "1.1", "", "1.0.0 "):
            self.fails(1, self.conf(cniVersion=version))
        bare = self.conf()
        del bare["cniVersion"]
        self.fails(1, bare)
        self.fails(1, self.conf(cniVersion="0.3.1"), "CHECK")
        for verb in ("STATUS", "GC"):
            self.fails(1, self.conf(cniVersion="1.0.0"), verb)

    def test_configuration_keys(self):
        for key, value in (
            ("failMode", "maybe"),
            ("failMode", 3),
            ("attach", "xdp"),
            ("runDir", 7),
            ("runDir", "relative"),
            ("pinDir", "x"),
            ("timeoutMs", "soon"),
            ("failOpenNamespaces", "kube-system"),
            ("failOpenNamespaces", [1]),
        ):
            self.fails(7, self.conf(**{key: value}), words=[key])
        for name in ("", "../x", "a/b", "-x", 5):
            self.fails(7, self.conf(name=name), words=["name"])

    def test_no_prev_result(self):
        """We are not a main plugin."""
        self.fails(7, self.node.our_conf(), words=["prevResult"])
        for prev in (None, 3, "x", []):
            self.fails(7, {**self.node.our_conf(), "prevResult": prev})

    def test_environment(self):
        for name in ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"):
            self.fails(4, self.conf(), env={name: None}, words=[name])
            self.fails(4, self.conf(), env={name: ""}, words=[name])
        self.fails(
            4,
            self.conf(),
            env={"CNI_CONTAINERID": None, "CNI_NETNS": None},
            words=["CNI_CONTAINERID", "CNI_NETNS"],
        )
        for bad in ("../x", "a b", "-x", "x/y"):
            self.fails(4, self.conf(), env={"CNI_CONTAINERID": bad}, words=["CNI_CONTAINERID"])
        for bad in ("a/b", "..", "x" * 16, "a b", "a:b"):
            self.fails(4, self.conf(), env={"CNI_IFNAME": bad}, words=["CNI_IFNAME"])
        self.fails(4, self.conf(), "EXPLODE", words=["EXPLODE"])

    def test_network_namespace(self):
        """One that is not there, a file that is none, the node's own."""
        for bad, code in (("/run/netns/is-not-there", 8), ("/etc/hostname", 8), ("/proc/self/ns/net", 8)):
            self.fails(code, self.conf(), env={"CNI_NETNS": bad}, words=["CNI_NETNS"])

    def test_interfaces_that_cannot_be_protected(self):
        """One that is not there; one that is no veth."""
        self.fails(100, self.conf(), env={"CNI_IFNAME": "eth7"}, words=["eth7"])
        self.pod.run("ip", "link", "add", "br7", "type", "bridge")
        self.fails(100, self.conf(), env={"CNI_IFNAME": "br7"}, words=["br7"])
        self.fails(100, self.conf(), env={"CNI_IFNAME": "lo"}, words=["lo"])

    def test_del_with_bad_stdin(self):
        """Even DEL cannot go on without knowing which network; but it must not hurt anybody."""
        self.fails(6, "nonsense", "DEL")
        self.fails(4, self.conf(), "DEL", env={"CNI_CONTAINERID": None})

    def test_result_goes_through_unchanged(self):
        """Keys that we do not know, and numbers beyond a double, too."""
        prev = {**self.prev, "x-unknown": {"n": 9007199254740993, "list": [1, None, '\u00e9\\"']}}
        code, out = self.node.ours("ADD", self.pod, prev)
        self.assertEqual(code, 0, out)
        self.assertEqual(out, prev)
        self.assertEqual(self.node.ours("DEL", self.pod, prev), (0, ""))

    def test_old_versions(self):
        """Results of every version that runtimes may still speak go in and out as they are."""
        for version in ("0.3.1", "0.4.0", "1.0.0", "1.1.0"):
            prev = {**self.prev, "cniVersion": version}
            if version < "1":
                prev["ips"] = [{**ip, "version": "6" if ":" in ip["address"] else "4"} for ip in prev["ips"]]
            code, out = self.node.ours("ADD", self.pod, prev, cniVersion=version)
            self.assertEqual((code, out), (0, prev))
            self.assertEqual(self.node.ours("DEL", self.pod, prev, cniVersion=version), (0, ""))


class Crowd(PolicedCase):
    configs = FEW_CONFIGS
    cost = 3

    def test_eight_at_a_time(self):
        """Pods come and go from eight hands while a policy isolates them; what is left is right."""
        self.node.write_policy(
            "lab",
            "p",
            subject={"app": "crowd"},
            ingress=[
                {
                    "from": [
                        {
                            "namespaceSelector": {"matchLabels": {"team": "red"}},
                            "podSelector": {"matchLabels": {"app": "web"}},
                        }
                    ]
                }
            ],
        )
        rng = random.Random(7)

        def hand(n):
            made = []
            for i in range(6):
                made.append(self.node.add_pod("lab", f"crowd{n}-{i}", {"app": "crowd"}, serve=False))
                if len(made) > 2 or rng.random() < 0.4:
                    self.node.del_pod(made.pop(rng.randrange(len(made))))
            return made

        with concurrent.futures.ThreadPoolExecutor(8) as hands:
            left = [pod for made in hands.map(hand, range(8)) for pod in made]
        for pod in left:
            pod.serve()
        self.assert_invariants()
        for pod in left:
            f = self.node.families[0]
            self.assertTrue(self.web.reaches(pod, family=f, ms=2000), pod)
            self.assertFalse(self.job.reaches(pod, family=f), pod)
        for pod in left:
            self.node.del_pod(pod)
        self.node.remove_policies()

    def test_the_same_container_at_once(self):
        """ADDs and DELs of one container from many hands: any order, no error of ours, nothing half done."""
        pod = self.node.new_pod("lab", "same")
        self.node.write_pod("lab", "same")
        prev = self.node.add_main(pod)
        pod.look()
        with concurrent.futures.ThreadPoolExecutor(8) as hands:
            verbs = ["ADD", "DEL", "ADD", "ADD", "DEL", "ADD", "DEL", "ADD"] * 3
            answers = list(hands.map(lambda v: self.node.ours(v, pod, prev, timeoutMs=10000), verbs))
        codes = [code for code, _ in answers]
        self.assertLessEqual(set(codes), {0, 11}, answers)  # 11: the others took all of its time
        self.assertEqual({c for c, v in zip(codes, verbs) if v == "DEL"}, {0})
        self.assertEqual(self.node.ours("ADD", pod, prev)[0], 0)
        self.node.up(pod, serve=False)
        self.assert_invariants()
        self.assertEqual(self.node.ours("DEL", pod, prev), (0, ""))
        self.node.pods.remove(pod)
        self.node.del_main(pod)
        self.node.del_netns(pod.netns)


class Neighbours(NodeCase):
    """Other programs on the same hooks, and a qdisc that is in the way of ours."""

    configs = ["bridge/1.9/v4/tcx", "bridge/1.9/v4/clsact"]
    fresh = True

    @classmethod
    def start(cls):
        cls.node.write_namespace("shop")
        cls.node.agent_start()

    def add_with_bandwidth(self):
        """A pod on whose host veth the bandwidth plugin has put what it needs."""
        self.node.write_pod("shop", "slow")
        pod = self.node.new_pod("shop", "slow")
        prev = self.node.add_main(pod)
        conf = {
            "cniVersion": self.node.version,
            "name": NETWORK,
            "type": "bandwidth",
            "prevResult": prev,
            "runtimeConfig": {
                "bandwidth": {
                    "ingressRate": 10**9,
                    "ingressBurst": 10**8,
                    "egressRate": 10**9,
                    "egressBurst": 10**8,
                }
            },
        }
        code, out = self.node.plugin("ADD", conf, plugin="bandwidth", **self.node.pod_env(pod))
        if code:
            self.skipTest(f"this kernel cannot do what the bandwidth plugin asks for: {out.strip()}")
        return pod, json.loads(out)

    def test_bandwidth(self):
        """Its ingress qdisc leaves no place for clsact: said clearly; tcx does not mind."""
        pod, prev = self.add_with_bandwidth()
        code, out = self.node.ours("ADD", pod, prev)
        if self.node.attach == "tcx":
            self.assertEqual(code, 0, out)
            self.assertEqual(self.node.ours("DEL", pod, prev), (0, ""))
        else:
            self.assertNotEqual(code, 0)
            self.assertIn("ingress", out["msg"] + out.get("details", ""))
            self.assertEqual(self.node.ours("DEL", pod, prev), (0, ""))
        self.node.del_main(pod)
        self.node.del_netns(pod.netns)
        for link in json.loads(run("ip", "-j", "link")):
            if link["ifname"].startswith("bwp"):
                run("ip", "link", "del", link["ifname"])

    def reaches_host_port(self, port):
        """From a pod of its node, if that may reach the pod behind it, at that one's port."""
        client = self.node.add_pod("shop", "client", {"app": "client"}, serve=False)
        web = {"podSelector": {"matchLabels": {"app": "web"}}}
        for peers, allowed in (([], False), ([{"to": [web], "ports": [{"port": 80}]}], True)):
            self.node.write_policy("shop", "client", subject={"app": "client"}, policyTypes=["Egress"], egress=peers)
            reaches = lambda: client.reaches(self.node.host, "tcp", port)  # noqa: E731
            self.assertTrue(eventually(lambda want=allowed: reaches() == want), f"reached: {not allowed}")
            self.assertTrue(client.reaches(self.node.host, "tcp", 80, ms=2000))
        self.node.remove_policy("shop", "client")
        self.node.del_pod(client)

    def test_port_map(self):
        """A hostPort by the portmap plugin in front of us reaches the pod."""
        self.node.write_pod(
            "shop", "web", {"app": "web"}, containers=[{"ports": [{"containerPort": 80, "hostPort": 8888}]}]
        )
        os.environ["CAP_ARGS"] = json.dumps(
            {"portMappings": [{"hostPort": 8888, "containerPort": 80, "protocol": "tcp"}]}
        )
        try:
            pod = self.node.add_pod("shop", "web", manifest=False)
        except CniError as e:
            self.skipTest(f"this kernel cannot do what the portmap plugin asks for: {e}")
        finally:
            del os.environ["CAP_ARGS"]
        self.assertTrue(self.node.world.reaches(self.node.host, "tcp", 8888, ms=2000))
        ports = [m["used"] for m in self.node.ask("status")["maps"] if m["map"] == "bh_node_ports"]
        self.assertEqual(ports, [len(self.node.families)])
        self.reaches_host_port(8888)
        self.node.write_policy("shop", "web", subject={"app": "web"}, policyTypes=IN)
        self.assert_matrix(
            lambda s, d, *_: s is self.node.host, [pod, self.node.host, self.node.world], to=[pod]
        )
        self.assertFalse(self.node.world.reaches(self.node.host, "tcp", 8888))
        self.node.del_pod(pod)
