# SPDX-License-Identifier: Apache-2.0
"""A large cluster, for one agent: memory with 5,000 and 50,000 pods of 7 KB each as JSON, how long it takes
to read them for the first time and again after a 410, the peak of that, and CPU while a hundred pods a second
change. The server is scripted and in Python (crowd.py); how long it takes to send the same to a reader that
throws it away is stated."""
import contextlib
import os
import socket
import ssl
import time

from control import CONTROL_IP, PORT
from crowd import Crowd, make_pod
from figures import IN, row
from memory import maps_mb, status_of
from node import eventually
from node_api import ApiNode

SIZES = (5000, 50000)
PEAK_MB = 64
CHANGES_S, SECONDS = 100, 20
CGROUPS = ("/sys/fs/cgroup/memory", "/sys/fs/cgroup")


class Cgroup:
    """A memory cgroup for the agent alone: what it holds, kernel memory and maps included."""

    def __init__(self):
        base = next(d for d in CGROUPS if os.path.exists(os.path.join(d, "cgroup.procs")))
        with open("/proc/self/cgroup") as f:
            mine = next(
                line.strip().split(":", 2)[2]
                for line in f
                if ":memory:" in line or line.startswith("0::") and base == CGROUPS[1]
            )
        self.home = base + mine if os.path.isdir(base + mine) else base
        self.dir = os.path.join(base, f"bh-bench-{os.stat('/proc/self/ns/net').st_ino}")
        os.mkdir(self.dir)

    def _enter(self, path):
        with open(os.path.join(path, "cgroup.procs"), "w") as f:
            f.write("0")

    @contextlib.contextmanager
    def born_here(self):
        """What is started now lives in it."""
        self._enter(self.dir)
        try:
            yield
        finally:
            self._enter(self.home)

    def mb(self):
        for name in ("memory.usage_in_bytes", "memory.current"):
            with contextlib.suppress(FileNotFoundError), open(os.path.join(self.dir, name)) as f:
                return int(f.read()) / 2**20
        raise RuntimeError("no memory cgroup")

    def close(self):
        eventually(self._gone, 5)

    def _gone(self):
        with contextlib.suppress(OSError):
            os.rmdir(self.dir)
        return not os.path.isdir(self.dir)


def new_peak(pid):
    with open(f"/proc/{pid}/clear_refs", "w") as f:
        f.write("5")


def drained_s(api):
    """How long the server takes to send it to somebody who does not look."""
    path = "/api/v1/pods?watch=1&sendInitialEvents=true&timeoutSeconds=0"
    tls = ssl.create_default_context(cafile=api.ca.crt)
    began = time.monotonic()
    with socket.create_connection((CONTROL_IP, PORT)) as raw, tls.wrap_socket(
        raw, server_hostname=CONTROL_IP
    ) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        tail, size = b"", 0
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            part = s.recv(1 << 20)
            tail, size = (tail + part)[-16:], size + len(part)
    if size < api.pod_bytes():
        raise RuntimeError(f"{size} bytes came")
    return time.monotonic() - began


def settled(node, pods, timeout=120):
    """Until the agent knows so many pods, and has nothing to do."""

    def there():
        status = node.ask("status") or {}
        return status.get("pods") == pods and status.get("in_force")

    if not eventually(there, timeout, 0.02):
        raise RuntimeError(f"the agent does not get there: {node.ask('status')}, not {pods} pods")


def relisted(node, api, pods, name):
    """All again after a 410; one pod is gone meanwhile, which is known when the list is over."""
    pid = node.agent.pid
    new_peak(pid)
    gone = pods - 1
    kept = api.crowd.pop(gone)
    api.forget()
    api.reset()
    cpu, began = node.cpu_s(), time.monotonic()
    settled(node, len(node.pods) + pods - 1)
    took, cpu = time.monotonic() - began, node.cpu_s() - cpu
    api.crowd[gone] = kept
    api.tell("ADDED", gone)
    settled(node, len(node.pods) + pods)
    return [
        row(f"{name}: all read again after a 410", took, "s", note=f"{cpu:.2f} s of CPU"),
        row(
            f"{name}: peak RSS while that went on",
            status_of(pid, "VmHWM"),
            "MB",
            most=PEAK_MB if pods == 50000 else None,
        ),
    ]


def busy(node, api, pods, name, what, change):
    """CPU in percent of one, while @change(n) is made a hundred times a second."""
    cpu, began = node.cpu_s(), time.monotonic()
    for n in range(CHANGES_S * SECONDS):
        change(n)
        time.sleep(max(0, began + (n + 1) / CHANGES_S - time.monotonic()))
    took = time.monotonic() - began
    rate = CHANGES_S * SECONDS / took
    used = node.cpu_s() - cpu
    settled(node, len(node.pods) + pods)
    return row(
        f"{name}: CPU, 100 pods a second {what}",
        100 * used / took,
        "%",
        note=f"{rate:.0f} a second were made",
    )


def changes(node, api, pods, name):
    def come_and_go(n):
        i = n // 2 % pods
        api.tell("ADDED" if n % 2 else "DELETED", i)

    return [
        busy(
            node,
            api,
            pods,
            name,
            "change what we do not look at",
            lambda n: api.tell("MODIFIED", n * 7 % pods),
        ),
        busy(
            node,
            api,
            pods,
            name,
            "change a label",
            lambda n: api.tell("MODIFIED", n * 7 % pods, more_labels={"turn": str(n)}),
        ),
        busy(node, api, pods, name, "come and go", come_and_go),
    ]


def one_size(pods):
    name = f"{pods:,} pods"
    cgroup = Cgroup()
    try:
        with ApiNode(make=lambda n: Crowd(n, pods)) as node:
            api = node.api
            node.write_namespace("shop")
            api.write_policies(node)
            node.write_policy("shop", "db", policyTypes=IN, ingress=[{"from": [{"podSelector": {}}]}])
            began = time.monotonic()
            with cgroup.born_here():
                node.agent_start(wait=False)
            settled(node, pods)
            took = time.monotonic() - began
            pid = node.agent.pid
            rows = [
                row(
                    f"{name}: started to all known",
                    took,
                    "s",
                    note=f"{api.pod_bytes() / 2**20:.0f} MB of JSON; "
                    f"{drained_s(api):.1f} s to a reader that throws it away",
                ),
                row(
                    f"{name}: peak RSS at the start",
                    status_of(pid, "VmHWM"),
                    "MB",
                    most=PEAK_MB if pods == 50000 else None,
                ),
            ]
            for i in range(5):
                node.add_pod("shop", f"pod-{i}", {"app": "db"}, serve=False)
            settled(node, pods + 5)
            time.sleep(1)
            rows.append(
                row(
                    f"{name}: RSS",
                    status_of(pid, "VmRSS"),
                    "MB",
                    note=f"{status_of(pid, 'RssAnon'):.1f} MB of it anonymous",
                )
            )
            rows.append(
                row(
                    f"{name}: its cgroup, maps included",
                    cgroup.mb(),
                    "MB",
                    note=f"{maps_mb(node):.1f} MB of it maps",
                )
            )
            rows += relisted(node, api, pods, name)
            rows += changes(node, api, pods, name)
            return rows
    finally:
        cgroup.close()


def main():
    size = len(str(make_pod(1)))
    if not 6000 < size < 8500:
        raise RuntimeError(f"a Pod has {size} bytes")
    return [r for pods in SIZES for r in one_size(pods)]
