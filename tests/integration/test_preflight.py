# SPDX-License-Identifier: Apache-2.0
"""`bulkhead-agent preflight` on a node that is as it should be, and on one with each thing that can be wrong: what
it tries fails for real."""
import contextlib
import json
import os
import socket
import struct
import subprocess

from case import NodeCase
from node import BUILD, PIN_DIR, RUN_DIR, run

BPFFS = os.path.dirname(PIN_DIR)
BIN_DIR = "/run/bh-bin"
CHECKS = {"kernel", "BTF", "capabilities", "bpffs", "programs", "hook"}
CHECKS |= {"run dir", "CNI bin dir", "CNI conf dir", "main CNI", "enforcers"}
IPSET_CREATE, IPSET_DESTROY = 2, 3
CONTAINER = "-all,+bpf,+perfmon,+net_admin"  # what the agent's pod has


def attribute(kind, value):
    return struct.pack("HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def ipset(command, name, kind=""):
    """As the tool of that name would (linux/netfilter/ipset/ip_set.h); no package for one call."""
    body = attribute(1, b"\6") + attribute(2, name.encode() + b"\0")
    if kind:
        body += attribute(3, kind.encode() + b"\0") + attribute(4, b"\0") + attribute(5, bytes([socket.AF_INET]))
        body += attribute(7 | 0x8000, b"")
    body = struct.pack(">BBH", socket.AF_INET, 0, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as s:
        s.send(struct.pack("IHHII", 16 + len(body), 6 << 8 | command, 5, 1, 0) + body)
        code = struct.unpack("i", s.recv(4096)[16:20])[0]
        if code:
            raise OSError(-code, f"ipset {name}: {os.strerror(-code)}")


class Preflight(NodeCase):
    chained = False

    @classmethod
    def start(cls):
        os.makedirs(BIN_DIR)

    def setUp(self):
        super().setUp()
        self.undo = contextlib.ExitStack()
        self.addCleanup(self.undo.close)

    # ---- what is asked, and what is made ----------------------------------------------------------

    def ask(self, before=(), **dirs):
        """(exit code, {check: [(level, text)]})."""
        dirs = {"conf": self.node.net_dir, "bin": BIN_DIR, "pin": PIN_DIR, "run": RUN_DIR, **dirs}
        names = {"conf": "--cni-conf-dir", "bin": "--cni-bin-dir", "pin": "--pin-dir", "run": "--run-dir"}
        argv = [*before, os.path.join(BUILD, "bulkhead-agent"), "preflight"]
        argv += [a for key, value in dirs.items() for a in (names[key], value)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stderr, "")
        said = {}
        for line in done.stdout.splitlines():
            said.setdefault(line[6:18].strip(), []).append((line[:4].strip(), line[20:]))
        return done.returncode, said

    def assert_says(self, level, check, *words, others=(), **ask):
        """Such a line, and no other FAIL but of @others; the exit code goes with it."""
        code, said = self.ask(**ask)
        self.assertEqual(code, 1 if level == "FAIL" else 0, said)
        self.assertTrue(
            any(got == level and all(w in text for w in words) for got, text in said.get(check, [])), said
        )
        fails = {c for c, lines in said.items() for got, _ in lines if got == "FAIL"}
        self.assertEqual(fails - {*others}, {check} if level == "FAIL" else set(), said)

    def mount(self, where, *argv):
        os.makedirs(where, exist_ok=True)
        run("mount", *argv, where)
        self.undo.callback(run, "umount", "-l", where)
        return where

    def read_only(self, path):
        self.mount(path, "--bind", path)
        run("mount", "-o", "remount,bind,ro", path)

    def link(self, *argv):
        """An interface; its name is the first of @argv."""
        run("ip", "link", "add", *argv)
        self.undo.callback(run, "ip", "link", "del", argv[0])

    def conflist(self, *types):
        where = self.mount("/run/bh-other.d", "-t", "tmpfs", "bh")
        with open(os.path.join(where, "10-net.conflist"), "w") as f:
            json.dump({"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": t} for t in types]}, f)
        return where

    # ---- a node that is well ------------------------------------------------------------------------

    def assert_well(self, **ask):
        code, said = self.ask(**ask)
        self.assertEqual(code, 0, said)
        self.assertEqual([c for c, lines in said.items() if any(got != "OK" for got, _ in lines)], [], said)
        self.assertEqual(CHECKS - set(said), set())

    def test_well(self):
        """And nothing of the trial stays."""
        def there():
            dirs = [BPFFS, BIN_DIR, self.node.net_dir, os.path.dirname(RUN_DIR)]
            return {d: sorted(os.listdir(d)) for d in dirs}

        before = there()
        self.assert_well()
        self.assertEqual(there(), before)

    def test_with_what_the_pod_has(self):
        self.assert_well(before=["setpriv", f"--bounding-set={CONTAINER}"])

    def test_beside_an_agent(self):
        """As when an agent is replaced: the one that runs does not notice."""
        self.node.agent_start()
        self.addCleanup(self.node.agent_stop)
        before = sorted(os.listdir(PIN_DIR))
        self.assert_well()
        self.assertEqual(sorted(os.listdir(PIN_DIR)), before)
        self.assertTrue(self.node.ask("status")["in_force"])

    def test_after_one_that_was_killed(self):
        os.mkdir(os.path.join(BPFFS, "bh_preflight"))
        run("bpftool", "map", "create", f"{BPFFS}/bh_preflight/bh_rows", *"type array key 4 value 4 entries 1 name x".split())
        self.assert_well()
        self.assertFalse(os.path.exists(os.path.join(BPFFS, "bh_preflight")))

    # ---- kernel ------------------------------------------------------------------------------------

    def test_old_kernel(self):
        """By its number a warning alone: what counts is what it can."""
        self.assert_says("WARN", "kernel", "Linux 2.6.", "5.15", before=["setarch", "--uname-2.6"])

    def test_no_btf(self):
        self.mount("/sys/kernel/btf", "-t", "tmpfs", "bh")
        self.assert_says("FAIL", "BTF", "/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF", others=["programs"])

    def test_no_jit(self):
        where = self.mount("/proc/sys/net/core", "-t", "tmpfs", "bh")
        with open(os.path.join(where, "bpf_jit_enable"), "w") as f:
            f.write("0\n")
        self.assert_says("WARN", "JIT", "bpf_jit_enable is 0")

    def test_capabilities(self):
        for missing in ("net_admin", "bpf", "perfmon"):
            with self.subTest(missing):
                before = ["setpriv", f"--bounding-set={CONTAINER},-{missing}"]
                words = (f"CAP_{missing.upper()} is missing", "securityContext.capabilities")
                self.assert_says("FAIL", "capabilities", *words, before=before, others=["programs"])

    def test_refused_by_the_kernel(self):
        """Which says so itself, whatever the capabilities are called."""
        code, said = self.ask(before=["setpriv", f"--bounding-set={CONTAINER},-bpf"])
        self.assertEqual((code, said["programs"][0][0]), (1, "FAIL"), said)
        self.assertIn("Operation not permitted", said["programs"][0][1])

    # ---- files -------------------------------------------------------------------------------------

    def test_no_bpffs(self):
        where = self.mount("/run/bh-nobpf", "-t", "tmpfs", "bh")
        self.assert_says("FAIL", "bpffs", "'/run/bh-nobpf' is no BPF file system", "mount -t bpf", pin=f"{where}/x")
        self.assert_says("FAIL", "bpffs", "No such file", pin="/run/bh-not-there/x")

    def test_read_only_bpffs(self):
        where = self.mount("/run/bh-robpf", "-t", "bpf", "-o", "ro", "bh")
        self.assert_says("FAIL", "bpffs", "Read-only file system", pin=f"{where}/x")

    def test_run_dir(self):
        where = self.mount("/run/bh-rundir", "-t", "tmpfs", "-o", "mode=0777", "bh")
        self.assert_says("FAIL", "run dir", "others may write", "mode 0777", run=where)
        os.chmod(where, 0o755)
        os.chown(where, 65534, 0)
        self.assert_says("FAIL", "run dir", "owner 65534", run=where)
        os.chown(where, 0, 0)
        self.assert_well(run=where)
        self.read_only(where)
        self.assert_says("FAIL", "run dir", "Read-only file system", run=where)
        self.assert_says("FAIL", "run dir", "cannot make", run="/run/bh-not-there/run")

    def test_bin_dir(self):
        self.assert_says("FAIL", "CNI bin dir", "no such directory", bin="/run/bh-not-there")
        where = self.mount("/run/bh-bindir", "-t", "tmpfs", "-o", "noexec", "bh")
        self.assert_says("FAIL", "CNI bin dir", "noexec", bin=where)
        self.read_only(where)
        self.assert_says("FAIL", "CNI bin dir", "Read-only file system", bin=where)

    def test_conf_dir(self):
        self.read_only(self.node.net_dir)
        self.assert_says("FAIL", "CNI conf dir", "Read-only file system", self.node.net_dir)
        self.assert_says("FAIL", "CNI conf dir", "no such directory", conf="/run/bh-not-there")

    # ---- other networks -----------------------------------------------------------------------------

    def test_no_configuration_yet(self):
        self.assert_says("WARN", "main CNI", "yet", conf=self.mount("/run/bh-empty.d", "-t", "tmpfs", "bh"))

    def test_main_plugin_refused(self):
        self.assert_says("FAIL", "main CNI", "'ipvlan'", "10-net.conflist", conf=self.conflist("ipvlan", "portmap"))

    def test_cilium(self):
        self.assert_says("FAIL", "main CNI", "bpf.hostLegacyRouting", conf=self.conflist("cilium-cni"))
        self.assert_says("WARN", "enforcers", "Cilium", conf=self.conflist("ptp", "cilium-cni"))

    def test_cilium_by_its_interface(self):
        self.link("cilium_host", "type", "veth")
        self.assert_says("WARN", "enforcers", "Cilium")

    def test_cilium_by_its_pins(self):
        os.makedirs(f"{BPFFS}/tc/globals")
        pin = f"{BPFFS}/tc/globals/cilium_ipcache"
        run("bpftool", "map", "create", pin, *"type array key 4 value 4 entries 1 name x".split())
        self.undo.callback(run, "rm", "-r", f"{BPFFS}/tc")
        self.assert_says("WARN", "enforcers", "Cilium")

    def test_calico(self):
        self.link("cali12345678901", "type", "veth")
        self.assert_says("WARN", "enforcers", "Calico", conf=self.conflist("calico", "bandwidth"))
        self.link("bpfin.cali", "type", "veth", "peer", "bpfout.cali")
        self.assert_says("FAIL", "main CNI", "bpfEnabled: false", conf=self.conflist("calico"))

    def test_calico_by_its_pins(self):
        os.makedirs(f"{BPFFS}/tc/globals")
        pin = f"{BPFFS}/tc/globals/cali_v4_routes"
        run("bpftool", "map", "create", pin, *"type array key 4 value 4 entries 1 name x".split())
        self.undo.callback(run, "rm", "-r", f"{BPFFS}/tc")
        self.assert_says("FAIL", "main CNI", "bpfEnabled: false", conf=self.conflist("calico"))

    def test_aws(self):
        os.makedirs(f"{BPFFS}/globals/aws/maps")
        self.undo.callback(run, "rm", "-r", f"{BPFFS}/globals")
        self.assert_says("WARN", "enforcers", "AWS network policy agent")

    def test_kube_network_policies(self):
        run("nft", "add", "table", "inet", "kindnet-network-policies")
        self.undo.callback(run, "nft", "delete", "table", "inet", "kindnet-network-policies")
        self.assert_says("WARN", "enforcers", "kube-network-policies")

    def test_kube_router(self):
        """Where this kernel has sets."""
        if not os.path.isdir("/sys/module/ip_set"):
            self.skipTest("no sets here")
        ipset(IPSET_CREATE, "KUBE-SRC-ABCDEFGHIJKLMNOP", "hash:ip")
        self.undo.callback(ipset, IPSET_DESTROY, "KUBE-SRC-ABCDEFGHIJKLMNOP")
        self.assert_says("WARN", "enforcers", "kube-router")

    def test_other_interfaces(self):
        self.link("mv0", "link", "uplink", "type", "macvlan")
        self.assert_says("WARN", "interfaces", "'mv0' is of kind macvlan")
