# SPDX-License-Identifier: Apache-2.0
"""A container runtime by itself, and which network configuration it has loaded, asked by CRI's Status. For that one
call a gRPC client is a hundred lines of other people's code or the few frames below."""
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time

from jobs import tools
from node import ROOT, PATIENCE, eventually

CONFIG = {
    "containerd-1": """
version = 2
root = "{dir}/root"
state = "{dir}/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
address = "{socket}"
[debug]
level = "debug"
[plugins."io.containerd.grpc.v1.cri"]
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".cni]
conf_dir = "{conf_dir}"
bin_dir = "{bin_dir}"
""",
    "containerd-2": """
version = 3
root = "{dir}/root"
state = "{dir}/state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]
[grpc]
address = "{socket}"
[debug]
level = "debug"
[plugins."io.containerd.cri.v1.images"]
snapshotter = "native"
[plugins."io.containerd.cri.v1.runtime"]
disable_apparmor = true
[plugins."io.containerd.cri.v1.runtime".cni]
conf_dir = "{conf_dir}"
bin_dirs = ["{bin_dir}"]
""",
}


def program(runtime):
    if runtime == "containerd-2":
        return os.path.join(tools("containerd"), "containerd")
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "bulkhead")
    path = os.path.join(cache, "containerd-debian/usr/bin/containerd")
    if not os.path.exists(path):
        subprocess.run([os.path.join(ROOT, "hack/cluster"), "build"], check=True, stdout=subprocess.DEVNULL)
    return path


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header(name, value):
    """A literal header, not indexed, as HPACK has it (RFC 7541, 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def read_exactly(sock, n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            raise ConnectionError("closed")
        data += more
    return data


class Cri:
    """One HTTP/2 connection to the runtime's socket."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10 * PATIENCE)
        self.sock.connect(path)
        window = struct.pack(">HI", 4, 1 << 30)  # SETTINGS_INITIAL_WINDOW_SIZE
        self.sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, window))
        self.sock.sendall(frame(8, 0, 0, struct.pack(">I", 1 << 30)))
        self.stream = 1

    def close(self):
        self.sock.close()

    def call(self, method, request):
        """The answer's bytes."""
        fields = ((":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "localhost"),
                  ("content-type", "application/grpc"), ("te", "trailers"))
        head = b"".join(header(*f) for f in fields)
        body = struct.pack(">BI", 0, len(request)) + request
        self.sock.sendall(frame(1, 4, self.stream, head) + frame(0, 1, self.stream, body))
        stream, self.stream, data = self.stream, self.stream + 2, b""
        while True:
            h = read_exactly(self.sock, 9)
            kind, flags, at = h[3], h[4], struct.unpack(">I", h[5:])[0]
            payload = read_exactly(self.sock, struct.unpack(">I", b"\0" + h[:3])[0])
            if kind == 4 and not flags & 1:
                self.sock.sendall(frame(4, 1, 0, b""))
            elif kind == 6 and not flags & 1:
                self.sock.sendall(frame(6, 1, 0, payload))
            elif kind == 0 and at == stream:
                data += payload
                if payload:  # that much may come again
                    self.sock.sendall(frame(8, 0, 0, struct.pack(">I", len(payload))))
            elif kind in (3, 7):
                raise ConnectionError(f"refused: {payload!r}")
            if at == stream and flags & 1:
                return data[5:]

    def networks(self):
        """[(network's name, [types of its plugins])] that are loaded, the loopback left out."""
        text = self.call("/runtime.v1.RuntimeService/Status", b"\x08\x01").decode(errors="replace")
        at = text.index('{', text.index("cniconfig"))
        info = json.JSONDecoder().raw_decode(text, at)[0]
        return [(n["Config"]["Name"], [p["Network"]["type"] for p in n["Config"]["Plugins"]])
                for n in info["Networks"] or [] if n["Config"]["Name"] != "cni-loopback"]


class Containerd:
    """Without pods: it only follows its configuration directory. Used as a context manager."""

    def __init__(self, runtime, plugin_dir):
        self.dir = tempfile.mkdtemp(prefix="bh-runtime-")
        self.conf_dir = os.path.join(self.dir, "net.d")
        self.bin_dir = os.path.join(self.dir, "bin")
        os.mkdir(self.conf_dir)
        os.mkdir(self.bin_dir)
        for name in os.listdir(plugin_dir):
            os.symlink(os.path.join(plugin_dir, name), os.path.join(self.bin_dir, name))
        self.socket = os.path.join(self.dir, "sock")
        self.log_path = os.path.join(self.dir, "log")
        config = os.path.join(self.dir, "config.toml")
        with open(config, "w") as f:
            f.write(CONFIG[runtime].format(**vars(self)))
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([program(runtime), "--config", config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self.cri = None

    def __enter__(self):
        if not eventually(self.answers, 60):
            text = self.log()
            self.close()
            raise RuntimeError(f"containerd does not answer:\n{text[-3000:]}")
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.cri:
            self.cri.close()
        self.process.terminate()
        try:
            self.process.wait(20 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def answers(self):
        try:
            cri = Cri(self.socket)
            cri.networks()
        except (OSError, ValueError):
            return False
        self.cri = cri
        return True

    def networks(self):
        return self.cri.networks()

    def types(self):
        """Of the first network's plugins; [] without one."""
        return (self.networks() or [("", [])])[0][1]

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def failed_loads(self, missing=False):
        """What it said each time that it read something that was no configuration; @missing: or found no file,
        as when one goes between listing and reading, after which it reads again."""
        failed = re.findall("failed to reload cni configuration.*", self.log())
        gone = ("no network config found", "no such file", "trying to get file size")
        return [line for line in failed if missing or not any(text in line for text in gone)]

    def seen_within(self, types, timeout=10.0):
        """Seconds until it has loaded a list of just these; None: it has not."""
        began = time.monotonic()
        while time.monotonic() - began < timeout * PATIENCE:
            if self.types() == types:
                return time.monotonic() - began
            time.sleep(0.0005)
        return None
