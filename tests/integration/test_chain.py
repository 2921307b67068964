# SPDX-License-Identifier: Apache-2.0
"""The agent installs the plugin and keeps its place in the chain, whatever others do to the directories; and
`bulkhead-agent chain`, which does it by hand and takes a node back to how it was."""
import contextlib
import json
import os
import re
import shutil
import subprocess
import threading
import time

import bpf
import invariants
from case import FEW_CONFIGS, NodeCase
from node import BUILD, CniError, NETWORK, PIN_DIR, RUN_DIR, PATIENCE, TOOLS, DEBIAN_PLUGINS, Node, eventually, run

BIN_DIR = "/run/bh-bin"
COUNTER = "/run/bh-counter"
FILE = "10-podnet.conflist"
OURS = {"type": "bulkhead"}
NOBODY = """apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://127.0.0.1:9", certificate-authority: /run/bh-ca.crt}}]
users: [{name: u, user: {token: t}}]
"""
STORM_S = float(os.environ.get("BH_STORM_S", "10"))


class ChainNode(Node):
    """Its plugin is the one that the agent installs."""

    more_path = []

    def __init__(self, **kw):
        args = ["--cni-conf-dir", "/run/bh-net.d", "--cni-bin-dir", BIN_DIR]
        args += ["--plugin-conf", json.dumps({"attach": kw["attach"]})]
        super().__init__(agent_args=args, **kw)
        os.mkdir(BIN_DIR)

    def cni_path(self):
        return os.pathsep.join(self.more_path + [TOOLS if self.plugins == "1.9" else DEBIAN_PLUGINS, BIN_DIR])

    def path(self, name=FILE):
        return os.path.join(self.net_dir, name)

    def main_text(self, **more):
        """The main CNI's own file."""
        plugins = [self.main_conf(), {"type": "portmap", "capabilities": {"portMappings": True}}]
        conf = {"cniVersion": self.version, "name": NETWORK, "factor": 1.5, **more, "plugins": plugins}
        return json.dumps(conf, indent=2).replace("1.5", "1.50e0") + "\n"

    def put(self, text, name=FILE):
        """As somebody does it who knows how."""
        with open(self.path(".new"), "w") as f:
            f.write(text)
        os.rename(self.path(".new"), self.path(name))

    def read(self, name=FILE):
        with open(self.path(name)) as f:
            return f.read()

    def types(self, name=FILE):
        return [p["type"] for p in json.loads(self.read(name))["plugins"]]

    def chain(self):
        """What `status` says of it; {} without an answer."""
        return (self.ask("status") or {}).get("chain", {})

    def by_hand(self, verb, *more):
        argv = [os.path.join(BUILD, "bulkhead-agent"), "chain", verb, *self.agent_args, *more]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30 * PATIENCE)


class ChainCase(NodeCase):
    node_class = ChainNode
    chained = False  # not by the harness
    fresh = True

    def setUp(self):
        super().setUp()
        self.node.put(self.node.main_text())
        self.before = self.node.read()
        self.log_at = os.path.getsize(self.node.log_path) if os.path.exists(self.node.log_path) else 0
        self.node.write_namespace("shop")

    def start_agent(self):
        self.node.agent_start()
        self.assert_chained()

    def assert_chained(self, name=FILE, timeout=5.0):
        def chained():
            st = self.node.chain()
            self.assertTrue(st.get("chained"), st)
            self.assertEqual(st["file"], self.node.path(name))
            self.assertEqual(self.node.types(name)[-1:], ["bulkhead"])
            return True

        eventually(chained, timeout)

    def assert_not_chained(self, why, timeout=5.0):
        def not_chained():
            st = self.node.chain()
            self.assertIs(st.get("chained"), False, st)
            self.assertIn(why, st["why"])
            return True

        eventually(not_chained, timeout)

    def log(self):
        """The agent's, of this test."""
        with open(self.node.log_path) as f:
            f.seek(self.log_at)
            return f.read()

    def assert_only(self, *names):
        self.assertEqual(sorted(os.listdir(self.node.net_dir)), sorted(names))


class Life(ChainCase):
    configs = FEW_CONFIGS

    def test_enters_and_protects(self):
        self.start_agent()
        self.assertEqual(self.node.types(), [self.node.main, "portmap", "bulkhead"])
        pod = self.node.add_pod("shop", "web", {"app": "web"})
        self.assert_invariants()
        self.node.write_policy("shop", "none", policyTypes=["Ingress"], ingress=[])
        self.assert_matrix(lambda *_: False, [pod, self.node.world], to=[pod])
        self.node.del_pod(pod)
        self.assert_invariants()

    def test_no_end_of_the_agent_leaves_the_chain(self):
        self.start_agent()
        text, inode = self.node.read(), os.stat(self.node.path()).st_ino
        for end in (self.node.agent_stop, self.node.agent_kill):
            end()
            self.assertEqual(self.node.read(), text)
            self.node.agent_start()
            self.assert_chained()
            self.assertEqual(self.node.chain()["writes"], 0)
        self.assertEqual(os.stat(self.node.path()).st_ino, inode)
        self.assert_only(FILE)

    def test_not_before_it_listens(self):
        """No ADD comes by us before somebody answers it: here that takes the grace periods of a first change."""
        self.start_agent()
        pod = self.node.add_pod("shop", "web", {"app": "web"})
        self.node.agent_stop()
        self.node.write_policy("shop", "none", policyTypes=["Ingress"], ingress=[])
        self.node.put(self.before)
        self.log_at = os.path.getsize(self.node.log_path)
        self.start_agent()
        log = self.log()
        self.assertLess(log.index("listening at"), log.index("put into the CNI chain"))
        self.assert_invariants()
        self.node.del_pod(pod)

    def test_without_an_api_server(self):
        """It answers "not yet" while it knows no cluster: a pod does not start, rather than start unprotected."""
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "/dev/null"]
        run("openssl", "req", "-x509", *key, "-subj", "/CN=nobody", "-out", "/run/bh-ca.crt")
        with open("/run/bh-kubeconfig", "w") as f:
            f.write(NOBODY)
        self.node.source_args = lambda: ["--source", "kubernetes", "--kubeconfig", "/run/bh-kubeconfig"]
        self.start_agent()
        with self.assertRaises(CniError) as failed:
            self.node.add_pod("shop", "web", manifest=False)
        self.assertIn("not known yet", str(failed.exception))

    def test_both_at_once_is_one_attachment(self):
        """An entry, and a file beside the list where libcni reads it: the plugin is called twice for one pod."""
        self.start_agent()
        os.mkdir(self.node.path(NETWORK))
        with open(self.node.path(f"{NETWORK}/other.conf"), "w") as f:  # not called as the one that we take away
            json.dump({**OURS, "attach": self.node.attach}, f)
        os.mkdir(COUNTER)
        with open(f"{COUNTER}/bulkhead", "w") as f:
            f.write(f"#!/bin/sh\necho $CNI_COMMAND >>{COUNTER}/calls\nexec {BIN_DIR}/bulkhead\n")
        os.chmod(f"{COUNTER}/bulkhead", 0o755)
        self.node.more_path = [COUNTER]
        pod = self.node.add_pod("shop", "web", {"app": "web"})
        self.assert_invariants()
        self.node.cnitool("check", pod)
        self.node.del_pod(pod)
        self.assert_invariants()
        with open(f"{COUNTER}/calls") as f:
            self.assertEqual(f.read().split(), ["ADD", "ADD", "CHECK", "CHECK", "DEL", "DEL"])


class Others(ChainCase):
    """What the main CNI and other installers do."""

    def test_rewritten(self):
        self.start_agent()
        self.node.put(self.node.main_text(mtu=1400))
        self.assert_chained()
        self.assertEqual(json.loads(self.node.read())["mtu"], 1400)
        self.assertIn("1.50e0", self.node.read())
        self.assertEqual(self.node.chain()["taken_out"], 1)
        self.assertIn("took bulkhead out of the CNI chain", self.log())
        with open(self.node.path(), "w") as f:  # in place, with a rest that makes us wait
            text = self.node.main_text(mtu=1300)
            f.write(text[:200])
            f.flush()
            time.sleep(0.3)
            f.write(text[200:])
        self.assert_chained()
        self.assertEqual(json.loads(self.node.read())["mtu"], 1300)
        self.assert_only(FILE)

    def test_moved_by_another_installer(self):
        self.start_agent()
        conf = json.loads(self.node.read())
        conf["plugins"].append({"type": "tuning"})
        self.node.put(json.dumps(conf))
        self.assert_chained()
        self.assertEqual(self.node.types(), [self.node.main, "portmap", "tuning", "bulkhead"])

    def test_same_content_in_other_words(self):
        """Whoever reads and writes the list again is not fought."""
        self.start_agent()
        self.node.put(json.dumps(json.loads(self.node.read()), sort_keys=True))
        time.sleep(0.5)
        self.assertEqual((self.node.chain()["writes"], self.node.chain()["taken_out"]), (1, 0))

    def test_another_file_comes_first(self):
        self.start_agent()
        ours = self.node.read()
        self.node.put(self.node.main_text(mtu=9000), "05-new.conflist")
        self.assert_chained("05-new.conflist")
        self.assertEqual(self.node.read(), ours)
        os.unlink(self.node.path("05-new.conflist"))
        self.assert_chained()
        self.assertEqual(self.node.read(), ours)

    def test_file_goes_and_comes(self):
        self.start_agent()
        os.unlink(self.node.path())
        self.assert_not_chained("no network configuration")
        self.node.put(self.node.main_text())
        self.assert_chained()

    def test_single_plugin(self):
        os.unlink(self.node.path())
        conf = {"cniVersion": self.node.version, "name": NETWORK, **self.node.main_conf()}
        self.node.put(json.dumps(conf), "10-podnet.conf")
        self.start_single()
        pod = self.node.add_pod("shop", "web", {"app": "web"})
        self.assert_invariants()
        self.node.put(json.dumps({**conf, "mtu": 1400}), "10-podnet.conf")
        self.assertTrue(eventually(lambda: '"mtu": 1400' in self.node.read("10-podnet.bulkhead.conflist")))
        self.node.del_pod(pod)
        os.unlink(self.node.path("10-podnet.conf"))
        self.assertTrue(eventually(lambda: not os.listdir(self.node.net_dir)))

    def start_single(self):
        self.node.agent_start()
        self.assert_chained("10-podnet.bulkhead.conflist")
        self.assert_only("10-podnet.conf", "10-podnet.bulkhead.conflist")

    def test_directory_goes_and_comes(self):
        self.start_agent()
        for how in (lambda: shutil.rmtree(self.node.net_dir), lambda: os.rename(self.node.net_dir, "/run/bh-old")):
            how()
            self.assert_not_chained("No such file or directory")
            os.mkdir(self.node.net_dir)
            self.node.put(self.node.main_text())
            self.assert_chained()
            self.node.put(self.node.main_text(mtu=1200))  # and is followed again
            self.assert_chained()

    def test_broken_file(self):
        self.start_agent()
        broken = self.node.main_text().replace('"factor"', '# why?\n  "factor"')
        self.node.put(broken)
        self.assert_not_chained(f"'{self.node.path()}': line 4, column 3: a comment; JSON has none")
        self.assertTrue(eventually(lambda: "not in the CNI chain, new pods would be unprotected" in self.log()))
        self.assertEqual(self.node.read(), broken)
        self.node.put(self.node.main_text())
        self.assert_chained()

    def test_refused_main_plugin(self):
        self.node.put(json.dumps({"cniVersion": "1.0.0", "name": NETWORK, "plugins": [{"type": "ipvlan"}]}))
        self.node.agent_start()
        self.assert_not_chained("ipvlan interface has no end on the node")
        self.assertEqual(self.node.types(), ["ipvlan"])

    def test_storm(self):
        """Ten rewrites a second: no more of ours than of theirs, the last of theirs wins, and we are in it."""
        self.start_agent()
        began, n = time.monotonic(), 0
        while time.monotonic() - began < STORM_S:
            n += 1
            self.node.put(self.node.main_text(mtu=n))
            time.sleep(max(0, began + n / 10 - time.monotonic()))
        self.assert_chained()
        self.assertEqual(json.loads(self.node.read())["mtu"], n)
        st = self.node.chain()
        with open(self.node.log_path, "a") as f:
            f.write(f"storm: {n} rewrites in {STORM_S:.0f} s, {st['writes'] - 1} writes of ours\n")
        self.assertLessEqual(st["writes"] - 1, n)
        self.assertLessEqual(st["writes"] - 1, STORM_S + 10)  # backs off to one a second
        self.assertEqual(st["writes"] - 1, st["taken_out"])
        told = re.findall("took bulkhead out", self.log())
        self.assertLessEqual(len(told), 1 + STORM_S // 60)

    def test_somebody_who_insists(self):
        """Each of our writes is answered by one without us: that goes on, slowly, and ends with them."""
        self.start_agent()
        stop, rounds = threading.Event(), []

        def insist():
            while not stop.is_set():
                if "bulkhead" in self.node.types():
                    self.node.put(self.node.main_text())
                    rounds.append(time.monotonic())
                time.sleep(0.005)

        other = threading.Thread(target=insist)
        other.start()
        time.sleep(6)
        stop.set()
        other.join()
        self.assertLessEqual(len(rounds), 6 + 7)  # doubling from 20 ms: six before it is one a second
        self.assertGreater(len(rounds), 3)
        self.assert_chained()


class Binary(ChainCase):
    def installed(self):
        with open(os.path.join(BIN_DIR, "bulkhead"), "rb") as a, open(os.path.join(BUILD, "bulkhead"), "rb") as b:
            return a.read() == b.read()

    def test_removed_or_replaced(self):
        self.start_agent()
        path = os.path.join(BIN_DIR, "bulkhead")
        self.assertTrue(self.installed())
        os.unlink(path)
        self.assertTrue(eventually(lambda: os.path.exists(path) and self.installed()))
        with open(path + ".x", "w") as f:
            f.write("another plugin of that name")
        os.rename(path + ".x", path)
        self.assertTrue(eventually(self.installed))
        self.assertEqual(os.stat(path).st_mode & 0o7777, 0o755)
        self.assertEqual(self.node.chain()["taken_out"], 0)

    def test_replaced_while_it_runs(self):
        """`cp` would be told that the text file is busy."""
        self.start_agent()
        env = {"CNI_COMMAND": "STATUS", "PATH": "/bin"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        busy = subprocess.Popen([os.path.join(BIN_DIR, "bulkhead")], env=env, **pipes)
        self.addCleanup(busy.communicate)
        self.node.agent_stop()
        new = "/run/bh-plugin"
        shutil.copy(os.path.join(BUILD, "bulkhead"), new)
        with open(new, "ab") as f:
            f.write(b"a newer build")
        with self.assertRaises(OSError):
            shutil.copyfile(new, os.path.join(BIN_DIR, "bulkhead"))
        done = self.node.by_hand("install", "--plugin", new)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(run("cmp", new, os.path.join(BIN_DIR, "bulkhead")), "")
        self.assertIsNone(busy.poll())


class Failures(ChainCase):
    """What cannot be written is named, and is as it was."""

    def assert_untouched(self, *names):
        self.assertEqual(self.node.read(), self.before)
        self.assert_only(*(names or (FILE,)))

    def mount(self, path, *options):
        run("mount", *options, path)
        self.addCleanup(run, "umount", "-l", path, check=False)

    def test_read_only(self):
        for path in (BIN_DIR, self.node.net_dir):
            run("mount", "--bind", path, path)
            run("mount", "-o", "remount,bind,ro", path)
            done = self.node.by_hand("install")
            run("umount", path)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"cannot write in '{path}': Read-only file system", done.stderr)
            self.assert_untouched()
        self.assertEqual(os.listdir(BIN_DIR), ["bulkhead"])  # the first of the two, whole

    def fill(self, path):
        with contextlib.suppress(OSError), open(os.path.join(path, "filler"), "wb", buffering=0) as f:
            while True:
                f.write(b"x" * 4096)

    def test_no_room(self):
        self.mount(BIN_DIR, "-t", "tmpfs", "-o", "size=256k", "bh")
        done = self.node.by_hand("install")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"cannot write '{BIN_DIR}/bulkhead': No space left on device", done.stderr)
        self.assertEqual(os.listdir(BIN_DIR), [])
        self.assert_untouched()
        run("umount", BIN_DIR)
        self.mount(self.node.net_dir, "-t", "tmpfs", "-o", "size=64k", "bh")
        self.node.put(self.before)
        self.fill(self.node.net_dir)
        done = self.node.by_hand("install")
        self.assertIn(f"cannot write '{self.node.path()}': No space left on device", done.stderr)
        self.assert_untouched(FILE, "filler")

    def test_agent_goes_on_without_a_directory(self):
        """It enforces all the same, says what is missing, and enters when it is there."""
        os.rmdir(BIN_DIR)
        self.node.agent_start()
        self.assert_not_chained(f"directory '{BIN_DIR}': No such file or directory")
        status = [os.path.join(BUILD, "bulkheadctl"), "status"]
        self.assertIn("NOT IN IT", run(*status))
        os.mkdir(BIN_DIR)
        self.assert_chained()
        self.assertIn(f"network '{NETWORK}', behind {self.node.main}", run(*status))

    def test_options(self):
        for more, why in (
            (["--plugin-conf", '{"failMode": 1}'], "--plugin-conf: failMode: must be"),
            (["--cni-mode", "magic"], "--cni-mode 'magic': none of"),
            (["--cni-bin-dir", "bin"], "--cni-bin-dir 'bin': not an absolute path"),
        ):
            argv = [os.path.join(BUILD, "bulkhead-agent"), *self.node.source_args(), *self.node.agent_args, *more]
            done = subprocess.run(argv, capture_output=True, text=True, timeout=10 * PATIENCE)
            self.assertEqual((done.returncode, why in done.stderr), (2, True), done.stderr)


class Retire(ChainCase):
    """`chain remove`: what a plain `kubectl delete` leaves on a node, taken away."""

    configs = FEW_CONFIGS

    def test_all_of_it(self):
        node = self.node
        self.start_agent()
        web, db = node.add_pod("shop", "web", {"app": "web"}), node.add_pod("shop", "db", {"app": "db"})
        node.write_policy("shop", "none", policyTypes=["Ingress"], ingress=[])
        self.assert_matrix(lambda *_: False, [web, db])
        done = node.by_hand("remove")
        self.assertEqual(done.returncode, 1)
        self.assertIn("an agent runs on this node", done.stderr)
        self.assert_chained()
        node.agent_kill()
        os.unlink(os.path.join(invariants.RECORDS, f"{db.key()}.json"))  # found all the same
        with open(os.path.join(RUN_DIR, "somebody-elses"), "w"):
            pass
        done = node.by_hand("remove", "--wait-ms", "10")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(node.read(), self.before)
        self.assertFalse(os.path.exists(PIN_DIR))
        self.assertEqual(os.listdir(RUN_DIR), ["somebody-elses"])
        for pod in (web, db):
            for side, kind in (("ingress", bpf.TCX_INGRESS), ("egress", bpf.TCX_EGRESS)):
                self.assertFalse(bpf.tcx_programs(pod.ifindex, kind) or [])
                self.assertFalse(invariants.filters(pod.hostif, side))
            self.assertNotIn("clsact", run("tc", "qdisc", "show", "dev", pod.hostif))
        self.assert_matrix(lambda *_: True, [web, db])
        self.assertEqual(node.plugin("DEL", node.our_conf(), **node.pod_env(web)), (0, ""))  # as CRI-O does
        done = node.by_hand("remove")
        self.assertEqual((done.returncode, "waiting" in done.stdout), (0, False), done.stderr)
        for pod in (web, db):
            node.del_pod(pod)

    def test_a_node_that_comes_back(self):
        node = self.node
        self.start_agent()
        pod = node.add_pod("shop", "web", {"app": "web"})
        node.agent_stop()
        self.assertEqual(node.by_hand("remove", "--wait-ms", "0").returncode, 0)
        self.start_agent()
        other = node.add_pod("shop", "db", {"app": "db"})
        for p in (pod, other):
            node.del_pod(p)
        self.assert_invariants()

    def test_status(self):
        done = self.node.by_hand("status")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no entry of bulkhead", done.stderr)
        self.assertEqual(self.node.by_hand("install").returncode, 0)
        done = self.node.by_hand("status")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"in the chain of network '{NETWORK}': {self.node.path()}", done.stdout)
        os.unlink(os.path.join(BIN_DIR, "bulkhead"))
        done = self.node.by_hand("status")
        self.assertIn("the plugin is not installed", done.stderr)
