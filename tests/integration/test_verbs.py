# SPDX-License-Identifier: Apache-2.0
"""The rows of CNI 1.1 that test_cni.py leaves: what a call may bring besides, what it must not believe, and
places that are full. One class has a real chain with a plugin behind us."""
import concurrent.futures
import contextlib
import fcntl
import json
import os
import shutil
import struct
import subprocess
import time

import bpf
import invariants
from case import FEW_CONFIGS, PolicedCase
from node import BUILD, NETWORK, RUN_DIR, CniError, Pod, eventually, run

PLUGIN = os.path.join(BUILD, "bulkhead")
RSS_KB = 50 * 1024
F_OFD_SETLK = 37


def hooks(pod):
    """How many of our programs hang on its interface."""
    ours = {bpf.program_id("prog_from_pod"), bpf.program_id("prog_to_pod")}
    found = []
    for kind, side in ((bpf.TCX_INGRESS, "ingress"), (bpf.TCX_EGRESS, "egress")):
        found += bpf.tcx_programs(pod.ifindex, kind) or []
        found += invariants.filters(pod.hostif, side)
    return sum(i in ours for i in found)


class VerbCase(PolicedCase):
    """With one more pod that only the main plugin knows, and an agent that would have it."""

    configs = FEW_CONFIGS

    def setUp(self):
        super().setUp()
        self.node.write_pod("shop", "verb", {"app": "verb"})
        self.pod = self.node.new_pod("shop", "verb")
        self.addCleanup(self.node.remove_pod, "shop", "verb")
        self.addCleanup(self.node.del_netns, self.pod.netns)
        self.prev = self.node.add_main(self.pod)
        self.addCleanup(self.node.del_main, self.pod)
        self.pod.look()
        self.pod.hostif = self.node.link_name(self.pod.ifindex)
        self.node.extra_links = [self.pod.hostif]

    def assert_nothing(self):
        """Of ours for the pod."""
        self.assertEqual(hooks(self.pod), 0)
        problems = []
        invariants.check_links(self.node, self.node.pods, problems)
        invariants.check_records(self.node.pods, problems)
        self.assertFalse(problems)

    def add(self, prev=None, env=None, **more):
        code, out = self.node.ours("ADD", self.pod, prev or self.prev, env, **more)
        self.assertEqual(code, 0, out)
        self.assertEqual(hooks(self.pod), 2)
        return out

    def delete(self, prev=None, env=None, **more):
        self.assertEqual(self.node.ours("DEL", self.pod, prev, env, **more), (0, ""))
        self.assert_nothing()

    def raw(self, command, stdin, stdout=subprocess.PIPE, limit_kb=None, **env):
        """The plugin with a standard output of its own: (exit, stdout, stderr)."""
        argv = [PLUGIN] if not limit_kb else ["sh", "-c", f'ulimit -v {limit_kb}; exec "$0"', PLUGIN]
        full = {"PATH": os.environ["PATH"], "CNI_COMMAND": command, **self.node.pod_env(self.pod), **env}
        full = {k: v for k, v in full.items() if v is not None}
        done = subprocess.run(
            argv, env=full, input=stdin.encode(), stdout=stdout, stderr=subprocess.PIPE, timeout=60
        )
        return done.returncode, (done.stdout or b"").decode(), done.stderr.decode()


class Brought(VerbCase):
    """What runtimes bring along, and what they leave out."""

    def test_no_command(self):
        code, out, err = self.raw("", "", CNI_COMMAND=None)
        self.assertEqual((code, out), (0, ""))
        self.assertIn("1.1.0", err)

    def test_version_with_the_environment_of_a_validation(self):
        """As CRI-O asks: a network namespace and an interface that are none, and no container."""
        env = {"CNI_NETNS": "dummy", "CNI_IFNAME": "dummy", "CNI_CONTAINERID": None, "CNI_PATH": "dummy"}
        code, out, _ = self.raw("VERSION", '{"cniVersion":"1.1.0"}', **env)
        self.assertEqual(code, 0)
        self.assertEqual(json.loads(out)["cniVersion"], "1.1.0")

    def test_without_cni_path(self):
        """Only a plugin that calls others needs it."""
        for verb in ("ADD", "CHECK", "DEL"):
            conf = self.node.our_conf(self.prev)
            code, out, err = self.raw(verb, json.dumps(conf))
            self.assertEqual(code, 0, out + err)
        for verb in ("STATUS", "GC"):
            conf = {**self.node.our_conf(), "cniVersion": "1.1.0"}
            none = {"CNI_CONTAINERID": None, "CNI_NETNS": None, "CNI_IFNAME": None, "CNI_ARGS": None}
            self.assertEqual(self.raw(verb, json.dumps(conf), **none)[:2], (0, ""))
        self.assert_nothing()

    def test_unknown_environment(self):
        """libcni hands on its tracing."""
        env = {"TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "BAGGAGE": "a=b"}
        self.add(env={**env, "CNI_ARGS": self.node.cni_args(self.pod) + ";X=;Y=1=2;;"})
        self.delete(env={**env, "CNI_ARGS": "nonsense"})

    def test_keys_that_are_the_runtimes(self):
        more = {
            "capabilities": {"portMappings": True, "bandwidth": True},
            "runtimeConfig": {"portMappings": [{"hostPort": 1, "containerPort": 2, "protocol": "tcp"}]},
            "args": {"cni": {"labels": []}},
            "disableCheck": True,
            "disableGC": True,
            "cniVersions": ["0.4.0", "1.0.0"],
            "loadOnlyInlinedPlugins": True,
            "cni.dev/valid-attachments": [],
            "unknown": {"deep": [{}]},
        }
        self.assertEqual(self.add(**more), self.prev)
        self.assertEqual(self.node.ours("CHECK", self.pod, self.prev, **more), (0, ""))
        self.delete(**more)

    def test_error_in_the_version_of_the_configuration(self):
        for version in ("0.3.1", "0.4.0", "1.0.0", "1.1.0"):
            code, out = self.node.ours("ADD", self.pod, None, cniVersion=version)
            self.assertEqual((code, out["cniVersion"]), (7, version))

    def test_several_interfaces_and_addresses(self):
        """Of a result only what is on our interface counts, or on none by index."""
        eth = next(i for i, x in enumerate(self.prev["interfaces"]) if x.get("sandbox"))
        other = {"name": "net7", "sandbox": self.pod.netns, "mac": "02:00:00:00:00:07"}
        prev = {
            **self.prev,
            "interfaces": [*self.prev["interfaces"], other],
            "ips": [
                {"address": "10.77.0.201/24", "interface": eth},
                {"address": "10.77.0.202/24"},
                {"address": "10.99.0.7/24", "interface": len(self.prev["interfaces"])},
            ],
        }
        self.add(prev)
        with open(os.path.join(invariants.RECORDS, self.pod.key() + ".json")) as f:
            addrs = [a for a in json.load(f)["addrs"] if not a.startswith("fe80")]
        self.assertEqual(sorted(addrs), ["10.77.0.201", "10.77.0.202"])
        self.delete()


class Bounds(VerbCase):
    """As much as anybody sends: an error in few bytes of memory."""

    def refused(self, text, words, code=6):
        """Also where the whole process may have no more than 50 MB of address space."""
        got, out, _ = self.raw("ADD", text, limit_kb=RSS_KB)
        self.assertEqual(got, 1)
        self.assertEqual(json.loads(out)["code"], code, out)
        self.assertIn(words, json.loads(out)["msg"])
        self.assert_nothing()

    def test_64_mb(self):
        self.refused('{"cniVersion":"1.0.0","name":"' + "x" * (64 << 20) + '"}', "over 1048576 bytes")

    def test_a_million_values(self):
        """Short as text, a hundred times that as objects."""
        head = '{"cniVersion":"1.0.0","name":"podnet","x":['
        self.refused(head + "{}," * 300000 + "{}]}", "over 32768 values")
        self.refused(head + "0," * 500000 + "0]}", "over 32768 values")

    def test_as_much_as_is_taken(self):
        """The most that is accepted fits as well."""
        prev = {**self.prev, "x": [{}] * 16000, "y": "y" * 900000}
        conf = json.dumps(self.node.our_conf(prev))
        code, out, err = self.raw("ADD", conf, limit_kb=RSS_KB)
        self.assertEqual(code, 0, out[:300] + err)
        self.assertEqual(json.loads(out), prev)
        self.delete()


class Believed(VerbCase):
    """Names in prevResult, and namespaces, that are not the pod's."""

    def hook_state(self):
        return {p: hooks(p) for p in self.node.pods}

    def test_prev_result_names_others(self):
        """The interface is found by its index; a name in the result hurts nobody, whoever has it."""
        before = self.hook_state()
        uplink = json.loads(run("ip", "-j", "link", "show", "uplink"))[0]["ifindex"]
        for name in ("uplink", self.web.hostif, "lo", "eth0", "../x", "x" * 300):
            interfaces = [
                dict(i) if i.get("sandbox") else {**i, "name": name} for i in self.prev["interfaces"]
            ]
            prev = {**self.prev, "interfaces": interfaces}
            self.assertEqual(self.add(prev), prev)
            self.delete(prev)
            self.delete({**prev, "interfaces": [{"name": name}]})
        self.assertEqual(self.hook_state(), before)
        self.assertFalse(bpf.tcx_programs(uplink, bpf.TCX_INGRESS))
        self.assertFalse(invariants.filters("uplink", "ingress"))
        self.assert_invariants()

    def test_namespace_of_the_host(self):
        """ADD and CHECK refuse it; DEL has nothing to look for there."""
        self.add()
        for netns in ("/proc/self/ns/net", f"/proc/{os.getpid()}/ns/net", "/proc/1/ns/net"):
            env = {"CNI_NETNS": netns}
            for verb in ("ADD", "CHECK"):
                code, out = self.node.ours(verb, self.pod, self.prev, env)
                self.assertEqual(code, 8, out)
            self.assertEqual(hooks(self.pod), 2)
            stranger = Pod("shop", "stranger", netns, ifname="uplink")
            for prev in (None, self.prev, {**self.prev, "interfaces": [{"name": "uplink"}]}):
                self.assertEqual(self.node.ours("DEL", stranger, prev), (0, ""))
        self.delete(env={"CNI_NETNS": "/proc/self/ns/net"})

    def test_interface_of_another_pod(self):
        """A container that says it lives in another's namespace: nothing of that one's is taken away."""
        self.add()
        thief = Pod("shop", "thief", self.pod.netns)
        thief.container = "thief"
        for _ in range(2):
            self.assertEqual(self.node.ours("DEL", thief, self.prev), (0, ""))
            self.assertEqual(hooks(self.pod), 2)
        self.assertEqual(self.node.ours("CHECK", self.pod, self.prev), (0, ""))
        self.delete()


class Full(VerbCase):
    """Outputs and places that take nothing more."""

    def test_stdout_is_full(self):
        with open("/dev/full", "w") as full:
            for verb, conf in (("ADD", self.node.our_conf(self.prev)), ("ADD", {}), ("VERSION", {})):
                code, _, err = self.raw(verb, json.dumps(conf), stdout=full)
                self.assertEqual(code, 1)
                self.assertIn("No space left", err)
        self.assert_nothing()

    def test_stdout_that_nobody_reads(self):
        """No signal ends it half-way."""
        for verb in ("ADD", "ADD", "VERSION"):
            read, write = os.pipe()
            os.close(read)
            try:
                code, _, err = self.raw(verb, json.dumps(self.node.our_conf(self.prev)), stdout=write)
            finally:
                os.close(write)
            self.assertEqual(code, 1, err)
        self.assert_nothing()

    def test_no_standard_files(self):
        """A closed one must not become the lock or the record."""
        argv = ["sh", "-c", 'exec "$0" >&- 2>&-', PLUGIN]
        env = {"PATH": os.environ["PATH"], "CNI_COMMAND": "ADD", **self.node.pod_env(self.pod)}
        done = subprocess.run(argv, env=env, input=json.dumps(self.node.our_conf(self.prev)).encode())
        self.assertEqual(done.returncode, 1)
        self.assert_nothing()

    @contextlib.contextmanager
    def small_run_dir(self):
        """A RUN_DIR of its own with room for the directory and the lock, not for a record."""
        path = "/run/bh-small"
        os.makedirs(path)
        run("mount", "-t", "tmpfs", "-o", "size=16k,mode=0700", "bh", path)
        try:
            yield path
        finally:
            run("umount", "-l", path)
            os.rmdir(path)

    def fill(self, path):
        with contextlib.suppress(OSError), open(os.path.join(path, "fill"), "wb", buffering=0) as f:
            while True:
                f.write(b"\0" * 4096)

    def test_run_dir_is_full(self):
        """No record, no pod: with failMode open neither, for the agent would not learn of it."""
        with self.small_run_dir() as path:
            self.fill(path)
            for conf in ({}, {"failMode": "isolate"}, {"failMode": "open"}):
                code, out = self.node.ours("ADD", self.pod, self.prev, runDir=path, **conf)
                self.assertEqual(code, 5, out)
                self.assertIn("No space left", out["msg"])
                self.assert_nothing()
                self.assertEqual(os.listdir(os.path.join(path, "endpoints")), [])
            self.assertEqual(self.node.ours("DEL", self.pod, runDir=path), (0, ""))
            os.unlink(os.path.join(path, "fill"))
            code, out = self.node.ours("ADD", self.pod, self.prev, runDir=path, failMode="isolate")
            self.assertEqual(code, 0, out)
            self.fill(path)
            self.assertEqual(self.node.ours("DEL", self.pod, runDir=path), (0, ""))
            self.assertEqual(os.listdir(os.path.join(path, "endpoints")), [])
            self.assert_nothing()

    def test_run_dir_is_read_only(self):
        with self.small_run_dir() as path:
            run("mount", "-o", "remount,ro", path)
            code, out = self.node.ours("ADD", self.pod, self.prev, runDir=path)
            self.assertEqual(code, 5, out)
            self.assertIn(path, out["msg"])
            self.assertEqual(self.node.ours("DEL", self.pod, runDir=path), (0, ""))
        self.assert_nothing()


@contextlib.contextmanager
def api_lock(pod):
    """What a call of the plugin holds while it works on the pod: a byte of the lock file."""
    place = struct.unpack("<Q", bytes.fromhex(pod.key())[:8])[0] >> 2
    with open(os.path.join(RUN_DIR, "plugin.lock"), "r+") as f:
        lock = struct.pack("hhiqqii", fcntl.F_WRLCK, os.SEEK_SET, 0, place, 1, 0, 0)
        fcntl.fcntl(f, F_OFD_SETLK, lock)
        yield


class Gone(PolicedCase):
    """DEL of what a reboot, or a runtime in a hurry, has left nothing of; and an agent that has not heard."""

    configs = FEW_CONFIGS
    fresh = True

    def take_off(self, pod):
        """One of its programs."""
        if invariants.tcx_in_use(self.node):
            bpf.link_detach(os.path.join(invariants.LINKS, pod.key() + "_to"))
        else:
            run("tc", "filter", "del", "dev", pod.hostif, "egress")

    def test_after_a_reboot(self):
        """bpffs and /run are new, the namespaces gone; the runtime still wants its old pods deleted."""
        node = self.node
        node.agent_kill()
        pods = list(node.pods)
        for pod in pods:
            pod.stop_serving()
            node.del_netns(pod.netns)
        run("umount", "-l", "/sys/fs/bpf")
        run("mount", "-t", "bpf", "bh", "/sys/fs/bpf")
        shutil.rmtree(RUN_DIR)
        for pod in pods:
            node.pods.remove(pod)
            node.cnitool("del", pod)
            for env in ({}, {"CNI_NETNS": ""}):
                self.assertEqual(node.ours("DEL", pod, pod.result, env), (0, ""))
        self.assertFalse(os.path.exists(RUN_DIR))
        node.agent_start()
        node.fds_empty = None  # of the agent before
        for pod in pods:
            self.assertEqual(node.ours("DEL", pod), (0, ""))
        self.assert_invariants()
        node.add_pod("shop", "web", {"app": "web"})
        self.assert_invariants()

    def test_after_an_add_that_failed(self):
        """Behind us somebody fails: libcni tells nobody, and the runtime deletes without a result."""
        node = self.node
        node.set_conf({"x": 1})
        path = os.path.join(node.net_dir, "10-podnet.conflist")
        with open(path) as f:
            conf = json.load(f)
        conf["plugins"].append({"type": "bulkhead", "runDir": 7})  # any plugin that says no
        with open(path, "w") as f:
            json.dump(conf, f)
        node.write_pod("shop", "new")
        pod = node.new_pod("shop", "new")
        with self.assertRaises(CniError) as failed:
            node.cnitool("add", pod)
        self.assertIn("runDir", failed.exception.output)
        self.assertIn(pod.key() + ".json", invariants.names(invariants.RECORDS))
        node.set_conf({})
        node.cnitool("del", pod)
        node.del_netns(pod.netns)
        node.remove_pod("shop", "new")
        self.assert_invariants()

    def test_the_agent_hears_of_it_after_the_next_add(self):
        """It slept: the old DEL, which it hears first, is not to take off what the same container has now."""
        node = self.node
        node.agent_pause()
        self.assertEqual(node.ours("DEL", self.web), (0, ""))
        with concurrent.futures.ThreadPoolExecutor(1) as hand:
            again = hand.submit(node.ours, "ADD", self.web, self.web.result, timeoutMs=10000)
            record = os.path.join(invariants.RECORDS, self.web.key() + ".json")
            self.assertTrue(eventually(lambda: os.path.exists(record)))
            time.sleep(0.1)  # it has asked by now
            node.agent_resume()
            code, out = again.result()
        problems = []
        invariants.check_hooks(node, self.web, problems)
        self.assertFalse(problems, f"ADD said {code}, and the pod runs without programs")
        self.assertEqual(code, 0, out)
        self.assert_invariants()

    def test_the_agent_keeps_off_while_a_call_is_under_way(self):
        """Programs that are missing while somebody holds the pod's lock are that one's doing: put back by the
        agent they would outlive a DEL, or be one too many for an ADD."""
        with api_lock(self.web):
            self.take_off(self.web)
            time.sleep(5)  # the agent looks every two seconds
            self.assertEqual(hooks(self.web), 1)
        self.assertTrue(eventually(lambda: hooks(self.web) == 2, 10))
        self.assert_invariants()

    def test_late_del_of_a_predecessor_on_the_same_interface(self):
        """The agent hears of an old container's DEL after the new one's programs hang on the very interface."""
        node = self.node
        new = Pod("shop", "web", self.web.netns)
        new.container = "new-container"
        node.agent_pause()
        self.assertEqual(node.ours("DEL", self.web), (0, ""))
        with concurrent.futures.ThreadPoolExecutor(1) as hand:
            again = hand.submit(node.ours, "ADD", new, self.web.result, timeoutMs=10000)
            record = os.path.join(invariants.RECORDS, new.key() + ".json")
            self.assertTrue(eventually(lambda: os.path.exists(record)))
            time.sleep(0.1)
            node.agent_resume()
            code, out = again.result()
        self.assertEqual(hooks(self.web), 2, f"ADD said {code}, and the pod runs without programs")
        self.assertEqual(code, 0, out)
        self.assertEqual(node.ours("DEL", new), (0, ""))
        self.assertEqual(node.ours("ADD", self.web, self.web.result)[0], 0)
        self.assert_invariants()

    def test_all_at_once(self):
        """Each pod eight times, with and without what a DEL may bring."""
        node = self.node
        pods = list(node.pods)
        ways = [
            (prev, env)
            for prev in (True, False)
            for env in ({}, {"CNI_NETNS": ""}, {"CNI_NETNS": "/nowhere"}, {"CNI_ARGS": ""})
        ]
        with concurrent.futures.ThreadPoolExecutor(16) as hands:
            calls = [
                hands.submit(node.ours, "DEL", p, p.result if prev else None, env)
                for prev, env in ways
                for p in pods
            ]
            self.assertEqual([c.result() for c in calls], [(0, "")] * len(calls))
        for pod in pods:
            pod.stop_serving()
            node.pods.remove(pod)
            node.cnitool("del", pod)
            node.del_netns(pod.netns)
        self.assert_invariants()


class Collect(VerbCase):
    configs = FEW_CONFIGS[:1]  # only a link's pin can be made to stay

    def test_goes_on_after_a_failure(self):
        """And says at the end what it could not do."""
        self.add()
        one = Pod("shop", "one", self.pod.netns)
        one.container = "one"
        link = os.path.join(invariants.LINKS, one.key() + "_from")
        os.mkdir(link)  # unlink(2) refuses it
        record = {
            "network": NETWORK,
            "container": "one",
            "ifname": "eth0",
            "netns": "",
            "ifindex": 0,
            "mac": self.pod.mac,
            "addrs": [],
            "pod": {"namespace": "shop", "name": "one"},
            "attach": "tcx",
        }
        with open(os.path.join(invariants.RECORDS, one.key() + ".json"), "w") as f:
            json.dump(record, f)
        keep = [{"containerID": p.container, "ifname": p.ifname} for p in self.node.pods]
        conf = {**self.node.our_conf(), "cniVersion": "1.1.0", "cni.dev/valid-attachments": keep}
        code, out = self.node.plugin("GC", conf)
        os.rmdir(link)
        self.assertEqual(code, 1, out)
        self.assertEqual(json.loads(out)["code"], 103, out)
        self.assertIn("1 of 2", json.loads(out)["msg"])
        self.assert_nothing()


class Behind(PolicedCase):
    """A chain that goes on behind us."""

    configs = ["bridge/1.1/dual/tcx", "ptp/1.1/dual/clsact"]  # where there is a tuning plugin
    fresh = True

    def chain(self, *more, **top):
        path = os.path.join(self.node.net_dir, "10-podnet.conflist")
        with open(path) as f:
            conf = json.load(f)
        conf["plugins"] += more
        with open(path, "w") as f:
            json.dump({**conf, **top}, f)

    def test_check_tolerates_what_they_change(self):
        """MTU and settings, an address in the result that we have not seen, and the moment after a restart."""
        node = self.node
        self.chain({"type": "tuning", "mtu": 1400, "sysctl": {"net.ipv4.conf.all.log_martians": "1"}})
        pod = node.add_pod("shop", "tuned", {"app": "tuned"})
        self.assertIn("mtu 1400", pod.run("ip", "link", "show", "eth0"))
        node.cnitool("check", pod)
        more = {**pod.result, "ips": [*pod.result["ips"], {"address": "10.77.0.250/24"}]}
        self.assertEqual(node.ours("CHECK", pod, more), (0, ""))
        less = {**pod.result, "ips": []}
        self.assertEqual(node.ours("CHECK", pod, less)[0], 102)
        node.agent_kill()
        node.cnitool("check", pod)
        node.agent_start()
        node.cnitool("check", pod)
        self.assert_invariants()

    def test_check_that_is_switched_off(self):
        self.chain(disableCheck=True)
        self.node.agent_pause()
        self.node.cnitool("check", self.web)
        self.node.agent_resume()

    def test_check_of_a_pod_that_waits_for_its_policy(self):
        """Isolated because nobody knows it yet: try again, not broken."""
        node = self.node
        node.set_conf({"failMode": "isolate"})
        pod = node.add_pod("shop", "late", {"app": "late"}, manifest=False)
        code, out = node.ours("CHECK", pod, pod.result, timeoutMs=300)
        self.assertEqual(code, 11, out)
        self.assertIn("not known", out["msg"])
        node.write_pod("shop", "late", pod.labels)
        self.assertEqual(node.ours("CHECK", pod, pod.result), (0, ""))


class Status(PolicedCase):
    """What it asks, not how long it takes."""

    configs = FEW_CONFIGS

    def test_asks_nobody(self):
        """With an agent that answers nobody, and with a socket on which nothing may be tried at all."""
        conf = {**self.node.our_conf(), "cniVersion": "1.1.0"}
        self.node.agent_pause()
        began = time.monotonic()
        for _ in range(20):
            self.assertEqual(self.node.plugin("STATUS", conf), (0, ""))
        took_ms = (time.monotonic() - began) * 50
        self.node.agent_resume()
        with open(self.node.log_path, "a") as log:
            log.write(f"STATUS with a stopped agent: {took_ms:.1f} ms each, a process started for each\n")
        env = {"PATH": os.environ["PATH"], "CNI_COMMAND": "STATUS"}
        done = subprocess.run(
            ["strace", "-qq", "-e", "trace=connect,sendto,sendmsg,unlink,mkdir,rename,renameat", PLUGIN],
            env=env,
            input=json.dumps(conf),
            capture_output=True,
            text=True,
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
