# SPDX-License-Identifier: Apache-2.0
"""Fifty hands that add and delete interfaces while calls are killed at random moments: what a node goes
through in years. Every DEL must succeed, and at the end nothing may be left.

Most hands make their veth themselves, which is all that the plugin needs; some go through the whole chain. A
killed call is followed by what a runtime does: DEL, until it returns. --long (BH_TORTURE) makes 50 x 1,000
operations of it; BH_SEED repeats a run as far as threads allow.
"""
import collections
import contextlib
import json
import os
import random
import signal
import subprocess
import threading
import time

import bpf
import invariants
from case import PolicedCase
from node import BUILD, DEBIAN_PLUGINS, NETWORK, PATIENCE, TOOLS, CniError, Pod, eventually, run

HANDS, CHAIN_HANDS = 50, 4
OPERATIONS = int(os.environ.get("BH_TORTURE", "3000"))
SEED = int(os.environ.get("BH_SEED", str(random.randrange(1 << 30))))
PLUGIN = os.path.join(BUILD, "bulkhead")
KILLER = "/run/bh-killer"
DEL_WAYS = ({}, {"CNI_NETNS": ""}, {"CNI_NETNS": "/nowhere"}, {"CNI_ARGS": None}, {"TRACEPARENT": "00-1-2-3"})


class Hand(threading.Thread):
    """One after the other: ADD, perhaps again, perhaps killed; DEL, perhaps killed, perhaps twice."""

    def __init__(self, case, n, budget):
        super().__init__()
        self.case, self.node, self.n = case, case.node, n
        self.random = random.Random(SEED * 1000 + n)
        self.budget = budget  # operations that are left, shared by all
        self.count = collections.Counter()
        self.usual_s = {"ADD": 0.05, "DEL": 0.05}
        self.failed = None

    def run(self):
        try:
            self.begin()
            turn = 0
            while self.budget.take():
                turn += 1
                self.turn(turn)
            self.end()
        except BaseException as e:  # told by the test
            self.failed = f"hand {self.n}: {e!r}"
            self.budget.stop()

    # ---- one call ---------------------------------------------------------------------------

    def call(self, verb, pod, prev=None, env=None, may_kill=True):
        """The exit status: 0, 1, or -9 if it was killed. A runtime's limit is far above what we take."""
        full = {"PATH": os.environ["PATH"], "CNI_COMMAND": verb, **self.node.pod_env(pod), **(env or {})}
        full = {k: v for k, v in full.items() if v is not None}
        conf = json.dumps(self.node.our_conf(prev, timeoutMs=10000)).encode()
        began = time.monotonic()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([PLUGIN], env=full, **pipes)
        killer = None
        if may_kill and self.random.random() < 0.35:
            killer = threading.Timer(self.random.random() * 1.2 * self.usual_s[verb], process.kill)
            killer.start()
        with contextlib.suppress(BrokenPipeError):
            out, err = process.communicate(conf, timeout=60 * PATIENCE)
        if killer:
            killer.cancel()
            killer.join()
        status = process.returncode
        if status == -signal.SIGKILL:
            self.note_killed(verb, pod)
            return status
        if verb == "ADD" and status == 1 and json.loads(out)["code"] == 11:
            self.count["ADD told to try again"] += 1  # what a machine that has no time is for
            return status
        self.usual_s[verb] += 0.2 * (time.monotonic() - began - self.usual_s[verb])
        self.count[verb] += 1
        assert status == 0, f"{verb} {pod.container} exit {status}: {out.decode()} {err.decode()}"
        assert verb == "ADD" or not out, out
        return status

    def note_killed(self, verb, pod):
        """What it had got done tells how far it was."""
        record = os.path.exists(os.path.join(invariants.RECORDS, pod.key() + ".json"))
        link = os.path.exists(os.path.join(invariants.LINKS, pod.key() + "_from"))
        self.count[f"{verb} killed {'with' if record else 'without'} record"] += 1
        self.count[f"{verb} killed {'with' if link else 'without'} link"] += 1

    def delete(self, pod, prev):
        """Until it returns."""
        while True:
            env = self.random.choice(DEL_WAYS)
            if self.call("DEL", pod, prev if self.random.random() < 0.6 else None, env) == 0:
                break
        if self.random.random() < 0.2:
            self.call("DEL", pod, None, self.random.choice(DEL_WAYS))

    def spoil(self, pod):
        """Somebody else's bug: the record is gone, or nonsense."""
        path = os.path.join(invariants.RECORDS, pod.key() + ".json")
        with contextlib.suppress(FileNotFoundError):
            if self.random.random() < 0.5:
                os.unlink(path)
            else:
                with open(path, "r+") as f:
                    f.truncate(self.random.randrange(50))


class VethHand(Hand):
    """Its veth is made by hand, and new after some turns."""

    def begin(self):
        self.netns = self.node.new_netns(f"bh-hand{self.n}")
        self.hostif = f"hand{self.n}"
        self.ip = f"10.77.1.{self.n + 1}"  # none that the IPAM of the chain comes to
        self.veth()

    def end(self):
        run("ip", "link", "del", self.hostif, check=False)

    def veth(self):
        run("ip", "link", "del", self.hostif, check=False)
        peer = ["peer", "name", "eth0", "netns", os.path.basename(self.netns)]
        run("ip", "link", "add", self.hostif, "type", "veth", *peer)
        self.ifindex = json.loads(run("ip", "-j", "link", "show", self.hostif))[0]["ifindex"]

    def prev(self):
        eth = {"name": "eth0", "sandbox": self.netns}
        ips = [{"address": f"{self.ip}/24", "interface": 0}]
        return {"cniVersion": self.node.version, "interfaces": [eth], "ips": ips}

    def turn(self, turn):
        pod = Pod("torture", f"p{self.n}", self.netns)
        pod.container, pod.ifindex, pod.hostif = f"hand{self.n}-{turn}", self.ifindex, self.hostif
        prev = self.prev()
        for _ in range(self.random.choice((1, 1, 1, 2))):  # the second: a runtime that repeats itself
            if self.call("ADD", pod, prev) == 0 and self.random.random() < 0.3:
                self.assert_hooked(pod)
        if self.random.random() < 0.1:
            self.spoil(pod)
        early = self.random.random() < 0.3
        if early:  # the namespace goes before the DEL
            run("ip", "link", "del", self.hostif)
        self.delete(pod, prev)
        if early or self.random.random() < 0.3:
            self.veth()

    def assert_hooked(self, pod):
        """An ADD that has succeeded has put the programs there."""
        want = [bpf.program_id("prog_from_pod"), bpf.program_id("prog_to_pod")]
        if invariants.tcx_in_use(self.node):
            got = [bpf.tcx_programs(pod.ifindex, k) for k in (bpf.TCX_INGRESS, bpf.TCX_EGRESS)]
        else:
            got = [invariants.filters(pod.hostif, side) for side in ("ingress", "egress")]
        assert got == [[w] for w in want], f"{pod.container} was added, its hooks have {got}, not {want}"
        self.count["looked at"] += 1


class ChainHand(Hand):
    """bridge or ptp, portmap, and we, by cnitool; only our plugin in the chain is killed."""

    def begin(self):
        self.taken = 0

    def end(self):
        pass

    def tool(self, verb, pod, kill):
        """Whether it succeeded. @kill: our plugin is ended after some ms by what stands in its place."""
        where = [KILLER] if kill else []
        where += [TOOLS if self.node.plugins == "1.9" else DEBIAN_PLUGINS, BUILD]
        env = {
            **os.environ,
            "NETCONFPATH": self.node.net_dir,
            "CNI_PATH": os.pathsep.join(where),
            "CNI_ARGS": self.node.cni_args(pod),
            "CNI_IFNAME": "eth0",
            "BH_KILL_S": f"{self.random.random() * 0.2:.4f}",
        }
        argv = [os.path.join(TOOLS, "cnitool"), verb, NETWORK, pod.netns]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120 * PATIENCE)
        if done.returncode and not kill:
            raise CniError(f"cnitool {verb} {pod}", done.stderr + done.stdout)
        self.count[f"chain {verb}" + (" killed" if done.returncode else "")] += 1
        return done.returncode == 0

    def turn(self, turn):
        pod = Pod("torture", f"p{self.n}", self.node.new_netns(f"bh-hand{self.n}-{turn}"))
        self.tool("add", pod, self.random.random() < 0.4)
        while not self.tool("del", pod, self.random.random() < 0.3):
            pass
        self.node.del_netns(pod.netns)


class Budget:
    def __init__(self, n):
        self.left, self.lock = n, threading.Lock()

    def take(self):
        """A turn is an ADD and a DEL at least: two operations."""
        with self.lock:
            self.left -= 2
            return self.left >= 0

    def stop(self):
        with self.lock:
            self.left = 0


class Torture(PolicedCase):
    configs = ["bridge/1.9/v4/tcx", "ptp/1.1/v4/clsact"]
    cost = 9

    @classmethod
    def start(cls):
        super().start()
        node = cls.node
        node.set_conf({"timeoutMs": 10000})
        node.write_namespace("torture")
        for n in range(HANDS):
            node.write_pod("torture", f"p{n}", {"app": f"a{n % 7}"})
        node.write_policy("torture", "some", subject={"app": "a3"}, policyTypes=["Ingress", "Egress"])
        os.mkdir(KILLER)
        path = os.path.join(KILLER, "bulkhead")
        with open(path, "w") as f:
            f.write(f'#!/bin/sh\nexec timeout -s KILL "$BH_KILL_S" {PLUGIN}\n')
        os.chmod(path, 0o755)

    def context(self):
        return super().context() + f"\n--- BH_SEED={SEED} ---\n"

    def say(self, hands, took_s):
        total = sum((h.count for h in hands), collections.Counter())
        text = ", ".join(f"{k} {v}" for k, v in sorted(total.items()))
        with open(self.node.log_path, "a") as log:
            log.write(f"torture: seed {SEED}, {HANDS} hands, {took_s:.0f} s: {text}\n")
        return total

    def ipam_left(self):
        """Addresses that the main plugin's IPAM still holds for our hands."""
        path = f"/var/lib/cni/networks/{NETWORK}"
        left = []
        for name in os.listdir(path):
            if name[0].isdigit():
                with open(os.path.join(path, name)) as f:
                    if f.read().split()[0] not in {p.container for p in self.node.pods}:
                        left.append(name)
        return left

    def test_fifty_hands(self):
        budget = Budget(OPERATIONS)
        kinds = [ChainHand] * CHAIN_HANDS + [VethHand] * (HANDS - CHAIN_HANDS)
        hands = [kind(self, n, budget) for n, kind in enumerate(kinds)]
        began = time.monotonic()
        for h in hands:
            h.start()
        while any(h.is_alive() for h in hands):  # beside it policies come and go
            self.node.write_policy("torture", "flip", subject={"app": "a1"}, policyTypes=["Ingress"])
            time.sleep(0.5)
            self.node.remove_policies()
            time.sleep(0.5)
        total = self.say(hands, time.monotonic() - began)
        self.assertFalse([h.failed for h in hands if h.failed])
        for verb in ("ADD", "DEL"):  # both before and after something was there
            for what in ("with record", "without record"):
                self.assertGreater(total[f"{verb} killed {what}"], 0, total)
        self.assertGreater(total["chain add killed"], 0, total)
        self.assertGreater(total["looked at"], 0, total)
        self.assertFalse(self.ipam_left())
        self.assert_invariants()
        self.assert_policed()
        for pod in list(self.node.pods):  # then with no pod at all: descriptors, too
            self.node.del_pod(pod)
        self.assertTrue(eventually(lambda: not invariants.problems_of(self.node), 5))
