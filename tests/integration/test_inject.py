# SPDX-License-Identifier: Apache-2.0
"""One system call of ADD or DEL fails, or is the last one that the plugin makes: each in its turn, by
strace(1). Whatever it was: an ADD that succeeds has put the programs there, one that fails has left nothing,
and after the next DEL nothing is left in any case.

In the suite every third place, of which the seed says which; with --long each of them.
"""
import collections
import json
import os
import random
import subprocess

import invariants
from test_verbs import PLUGIN, VerbCase, hooks

STEP = 1 if os.environ.get("BH_LONG") else 3
SEED = int(os.environ.get("BH_SEED", str(random.randrange(1 << 30))))
TRACE = "/run/bh-trace"
ERRORS = {
    "bpf": "EPERM",
    "openat": "EMFILE",
    "mkdir": "EACCES",
    "renameat": "EIO",
    "unlink": "EIO",
    "unlinkat": "EIO",
    "getdents64": "EIO",
    "socket": "EMFILE",
    "setsockopt": "EPERM",
    "connect": "ECONNREFUSED",
    "sendto": "ENOBUFS",
    "recvfrom": "ENOBUFS",
    "poll": "ENOMEM",
    "read": "EIO",
    "write": "ENOSPC",
    "fcntl": "ENOLCK",
    "setns": "EPERM",
    "newfstatat": "EIO",
}
INIT = {"execve", "exit_group", "arch_prctl", "set_tid_address", "set_robust_list", "rseq"}  # libc's own


class FaultCase(VerbCase):
    cost = 6
    waits = True

    def setUp(self):
        super().setUp()
        self.count = collections.Counter()

    def context(self):
        return super().context() + f"\n--- BH_SEED={SEED} ---\n"

    def traced(self, verb, *how):
        """The plugin under strace: (status, stdout, stderr)."""
        env = {"PATH": os.environ["PATH"], "CNI_COMMAND": verb, **self.node.pod_env(self.pod)}
        conf = json.dumps(self.node.our_conf(self.prev if verb == "ADD" else None)).encode()
        argv = ["strace", "-qq", "-o", TRACE, *how, PLUGIN]
        done = subprocess.run(argv, env=env, input=conf, capture_output=True, timeout=60)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def calls_of(self, verb):
        """{name: how often} of a call that goes well. Traced it is slow, and on a busy machine told to come again."""
        for _ in range(5):
            status, out, err = self.traced(verb)
            if status == 0:
                break
            self.assertEqual(json.loads(out)["code"], 11, out + err)
        self.assertEqual(status, 0, out + err)
        with open(TRACE) as f:
            names = [line.split("(")[0] for line in f if "(" in line]
        return {k: n for k, n in collections.Counter(names).items() if k not in INIT}

    def faults(self, calls):
        """[(name, which one, what)]: an error where one makes sense, and the end at every call."""
        every = [
            (name, n, what)
            for name, often in sorted(calls.items())
            for n in range(1, often + 1)
            for what in ([f"error={ERRORS[name]}"] if name in ERRORS else []) + ["signal=SIGKILL"]
        ]
        return every[SEED % STEP :: STEP]

    def inject(self, verb, fault):
        name, n, what = fault
        return self.traced(verb, "-e", f"trace={name}", "-e", f"inject={name}:{what}:when={n}")

    def left(self):
        """What there is of ours for the pod."""
        names = invariants.names(invariants.RECORDS) | invariants.names(invariants.LINKS)
        found = [name for name in names if name.startswith(self.pod.key())]
        return found + [f"{hooks(self.pod)} programs"] * (hooks(self.pod) > 0)

    def assert_protected(self, fault, out):
        self.assertEqual(json.loads(out), self.prev, fault)
        self.assertEqual(hooks(self.pod), 2, f"{fault}: success, and the pod runs without programs")
        with open(os.path.join(invariants.RECORDS, self.pod.key() + ".json")) as f:
            self.assertFalse(json.load(f)["unprotected"], fault)

    def clean_up(self, fault):
        self.assertEqual(self.node.ours("DEL", self.pod), (0, ""), fault)
        self.assertEqual(self.left(), [], f"{fault}: left after DEL")

    def say(self, verb):
        with open(self.node.log_path, "a") as log:
            log.write(f"faults in {verb}: seed {SEED}, " + str(dict(self.count)) + "\n")
        self.assertGreater(self.count["killed"], 0)
        self.assertGreater(self.count[0], 0)


class Add(FaultCase):
    def one_add(self, fault):
        status, out, err = self.inject("ADD", fault)
        told = f"{fault}: exit {status}: {out}{err}"
        if status == 0:
            self.assert_protected(fault, out)
        elif status == 1:
            if out:
                self.assertNotIn(json.loads(out)["code"], (0, 3), told)
            self.assertEqual(self.left(), [], told)
        else:
            self.assertEqual(status, -9, told)
        self.count["killed" if status == -9 else status] += 1
        self.clean_up(fault)

    def test_add(self):
        calls = self.calls_of("ADD")
        self.clean_up("no fault")
        for fault in self.faults(calls):
            self.one_add(fault)
        self.say("ADD")
        self.assertGreater(self.count[1], 0)
        self.assert_invariants()

    def test_no_memory(self):
        """From too little to start at all up to enough."""
        seen = collections.Counter()
        for kb in range(800, 3600, 100 * STEP):
            status, out, err = self.raw("ADD", json.dumps(self.node.our_conf(self.prev)), limit_kb=kb)
            seen[status] += 1
            if status == 0:
                self.assert_protected(f"{kb} kB", out)
            elif status == 1 and out:
                self.assertNotIn(json.loads(out)["code"], (0, 3), out)
            self.clean_up(f"{kb} kB")
        self.assertGreater(seen[0], 0, seen)
        self.assertGreater(len(seen), 1, seen)
        self.assert_invariants()


class Del(FaultCase):
    def add(self):
        self.assertEqual(self.node.ours("ADD", self.pod, self.prev)[0], 0)

    def test_del(self):
        """Success whatever cannot be removed, for an error would keep the main plugin from its own work; only
        where it cannot learn what to delete, it says so."""
        self.add()
        calls = self.calls_of("DEL")
        for fault in self.faults(calls):
            self.add()
            status, out, err = self.inject("DEL", fault)
            told = f"{fault}: exit {status}: {out}{err}"
            self.assertIn(status, (0, 1, -9), told)
            if status == 0:
                self.assertEqual(out, "", told)
            if status == 1:
                self.assertEqual(fault[0], "read", told)
                self.assertEqual(json.loads(out)["code"], 5, told)
            self.count["killed" if status == -9 else status] += 1
            self.clean_up(fault)
        self.say("DEL")
        self.assert_invariants()
