# SPDX-License-Identifier: Apache-2.0
"""How a file in the configuration directory must change for a runtime to notice, and what it loads meanwhile: ways of
writing it, with containerd 1.6 and 2.4, asked by CRI's Status until it has the new list. `failed` counts what
the runtime read and could not use, `empty` answers that named no network at all: the node is not ready then."""
import itertools
import json
import os
import subprocess
import sys
import time

from figures import TESTS, percentile, row

sys.path.insert(0, os.path.join(TESTS, "cluster"))
from node import BUILD, DEBIAN_PLUGINS, run  # noqa: E402
from runtime import Containerd  # noqa: E402

ROUNDS = 25
GIVE_UP_S = 0.4
FILE = "10-net.conflist"
OTHERS = ["bridge", "portmap"]
AGENT = os.path.join(BUILD, "bulkhead-agent")


def text(types):
    plugins = [{"type": t, "padding": "x" * 2000} for t in types]
    return json.dumps({"cniVersion": "0.4.0", "name": "podnet", "plugins": plugins}, indent=1)


def write(path, content):
    with open(path, "w") as f:
        f.write(content)


def slowly(path, content):
    """As a writer that is interrupted: what the kernel has is half a file for 2 ms."""
    with open(path, "w") as f:
        f.write(content[:1500])
        f.flush()
        time.sleep(0.002)
        f.write(content[1500:])


def rename_beside(d, content):
    write(f"{d}/.new", content)
    os.rename(f"{d}/.new", f"{d}/{FILE}")


def rename_from_elsewhere(d, content):
    write(f"{d}/../new", content)
    os.rename(f"{d}/../new", f"{d}/{FILE}")


def in_place(d, content):
    slowly(f"{d}/{FILE}", content)


def remove_and_create(d, content):
    os.unlink(f"{d}/{FILE}")
    slowly(f"{d}/{FILE}", content)


def link_and_chmod(d, content):
    write(f"{d}/../new", content)
    os.chmod(f"{d}/../new", 0o600)
    os.unlink(f"{d}/{FILE}")
    os.link(f"{d}/../new", f"{d}/{FILE}")
    os.chmod(f"{d}/{FILE}", 0o644)
    os.unlink(f"{d}/../new")


def temp_with_suffix(d, content):
    slowly(f"{d}/00-new.conflist", content)
    os.rename(f"{d}/00-new.conflist", f"{d}/{FILE}")


WAYS = {
    "rename in the directory": rename_beside,
    "rename from another one": rename_from_elsewhere,
    "write in place": in_place,
    "remove, then create": remove_and_create,
    "remove, link, chmod": link_and_chmod,
    "rename, temp *.conflist": temp_with_suffix,
}


class Count:
    def __init__(self):
        self.times_ms, self.missed, self.empty = [], 0, 0

    def wait(self, runtime, types):
        began = time.monotonic()
        while time.monotonic() - began < GIVE_UP_S:
            seen = runtime.types()
            if seen == types:
                self.times_ms.append((time.monotonic() - began) * 1000)
                return
            self.empty += not seen
            time.sleep(0.0002)
        self.missed += 1

    def rows(self, name, failed):
        note = f"of {ROUNDS}: not noticed {self.missed}; failed {failed}, empty {self.empty}"
        times = self.times_ms or [0]
        return [row(f"{name}, p{p}", percentile(times, p), "ms", note=note) for p in (50, 100)]


def kick(runtime, types):
    """Back to a known state, whatever was missed."""
    rename_beside(runtime.conf_dir, text(types))
    runtime.seen_within(types)
    time.sleep(0.02)  # for the rest of its events


def measure(runtime, name, way):
    count, failed = Count(), len(runtime.failed_loads(True))
    kick(runtime, OTHERS)
    for types, _ in zip(itertools.cycle((OTHERS + ["tuning"], OTHERS)), range(ROUNDS)):
        way(runtime.conf_dir, text(types))
        count.wait(runtime, types)
        kick(runtime, types)
    return count.rows(name, len(runtime.failed_loads(True)) - failed)


def ours(runtime, name):
    """bulkhead-agent chain: in, and out by the same means."""
    count, failed = Count(), len(runtime.failed_loads(True))
    dirs = ["--cni-conf-dir", runtime.conf_dir, "--cni-bin-dir", runtime.bin_dir]
    kick(runtime, OTHERS)
    run(AGENT, "chain", "install", *dirs)  # the binary, which takes longer
    for conf, _ in zip(itertools.cycle(('{"timeoutMs":1}', '{"timeoutMs":2}')), range(ROUNDS)):
        kick(runtime, OTHERS)
        subprocess.run([AGENT, "chain", "install", *dirs, "--plugin-conf", conf], check=True, stdout=subprocess.DEVNULL)
        count.wait(runtime, OTHERS + ["bulkhead"])
    return count.rows(name, len(runtime.failed_loads(True)) - failed)


def main():
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    rows = []
    for kind in ("containerd-1", "containerd-2"):
        with Containerd(kind, DEBIAN_PLUGINS) as runtime:
            for name, way in WAYS.items():
                rows += measure(runtime, f"{kind}, {name}", way)
            rows += ours(runtime, f"{kind}, bulkhead-agent")
    return rows
