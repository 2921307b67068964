# SPDX-License-Identifier: Apache-2.0
"""The programs of the image, with nothing around them."""

import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import unittest

from archive import ARCHITECTURES, HOST, Archive, version
from node import run
from pki import Authority

PROGRAMS = ["bulkhead", "bulkhead-agent", "bulkheadctl"]
MACHINE = {"x86_64": "X86-64", "aarch64": "AArch64"}
PORT, CLOSED_PORT = 6443, 6444


class Unpacked(unittest.TestCase):
    """A folder with the image's files and nothing else."""

    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        Archive(self.config or HOST).layer.extractall(self.root)

    def path(self, program):
        return os.path.join(self.root, "usr/bin", program)


class Programs(Unpacked):
    configs = list(ARCHITECTURES)

    @classmethod
    def title(cls, config):
        return f"programs.{config}"

    def readelf(self, program):
        return run("readelf", "--wide", "--file-header", "--segments", "--dynamic", self.path(program))

    def test_static(self):
        for program in PROGRAMS:
            text = self.readelf(program)
            self.assertIn(MACHINE[self.config], re.search("Machine: *(.*)", text)[1], program)
            self.assertNotIn("INTERP", text, program)
            self.assertNotIn("(NEEDED)", text, program)

    def test_hardened(self):
        """Placed anywhere, nothing both writable and run, its own tables read-only."""
        for program in PROGRAMS:
            text = self.readelf(program)
            self.assertRegex(text, "Type: +DYN", program)
            self.assertRegex(text, r"\(FLAGS_1\).* NOW .*PIE", program)
            self.assertRegex(text, r"GNU_STACK .* RW +0x", program)
            self.assertIn("GNU_RELRO", text, program)
            self.assertNotRegex(text, r"LOAD .* RWE ", program)

    def test_runs_from_nothing(self):
        emulator = []
        if self.config != HOST:
            name = f"qemu-{self.config}-static"
            if not shutil.which(name):
                self.skipTest(f"no {name} here")
            shutil.copy(shutil.which(name), self.root)
            emulator = ["/" + name]
        for program, args in (("bulkhead-agent", ["--version"]), ("bulkheadctl", ["--version"])):
            text = run("chroot", self.root, *emulator, "/usr/bin/" + program, *args)
            self.assertEqual(text, f"{program} {version()}\n")
        answer = subprocess.run(
            ["chroot", self.root, *emulator, "/usr/bin/bulkhead"],
            env={**os.environ, "CNI_COMMAND": "VERSION"},
            input='{"cniVersion":"1.0.0"}',
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        self.assertIn("1.0.0", json.loads(answer.stdout)["supportedVersions"])


class Names(threading.Thread):
    """A DNS server that knows one name."""

    def __init__(self, name, address):
        super().__init__(daemon=True)
        self.question = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"
        self.address = socket.inet_aton(address)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.start()

    def run(self):
        while True:
            try:
                asked, who = self.socket.recvfrom(512)
            except OSError:
                return
            end = asked.index(b"\0", 12) + 1
            (kind,) = struct.unpack("!H", asked[end : end + 2])
            there = asked[12:end] == self.question
            answers = [b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + self.address] * (there and kind == 1)
            flags = 0x8180 if there else 0x8183
            head = asked[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0)
            self.socket.sendto(head + asked[12 : end + 4] + b"".join(answers), who)


class Server:
    """TLS, and what the first client that comes through it agrees to and says."""

    def __init__(self, crt, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(crt, key)
        context.set_alpn_protocols(["h2"])
        self.socket = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
        self.socket.settimeout(10)
        self.context = context

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def first(self):
        """(protocol, what it said), or the reason why there was no such thing."""
        connection, _ = self.socket.accept()
        try:
            connection.settimeout(10)
            with self.context.wrap_socket(connection, server_side=True) as tls:
                return tls.selected_alpn_protocol(), tls.recv(4096)
        except ssl.SSLError as e:
            return None, e.reason


class Agent(Unpacked):
    """The agent alone in a root, and a server that it is told to follow."""

    @classmethod
    def title(cls, _):
        return "agent"

    def setUp(self):
        super().setUp()
        run("ip", "link", "set", "lo", "up")
        os.mkdir(os.path.join(self.root, "etc"))  # a kubelet puts two files there
        for kind, place in (("proc", "proc"), ("sysfs", "sys"), ("bpf", "sys/fs/bpf"), ("tmpfs", "run")):
            place = os.path.join(self.root, place)
            os.makedirs(place, exist_ok=True)
            run("mount", "-t", kind, "bh-test", place)
            self.addCleanup(run, "umount", place)
        self.pki = Authority(os.path.join(self.root, "pki"), "ca")
        names = "IP:127.0.0.1,IP:::1,DNS:in-hosts.test,DNS:in-dns.test"
        self.crt, self.key = self.pki.issue("server", "/CN=server", f"subjectAltName={names}")
        self.write("etc/hosts", "127.0.0.1 in-hosts.test")
        self.write("etc/resolv.conf", "nameserver 127.0.0.1")
        self.write("etc/token", "a-token")

    def write(self, name, text):
        with open(os.path.join(self.root, name), "w") as f:
            f.write(text + "\n")

    def start(self, server, authority="/pki/ca.crt"):
        config = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [
                {"name": "c", "cluster": {"server": server, "certificate-authority": authority}},
            ],
            "users": [{"name": "u", "user": {"tokenFile": "/etc/token"}}],
        }
        self.write("etc/kubeconfig", json.dumps(config))
        argv = ["chroot", self.root, "/usr/bin/bulkhead-agent", "--source", "kubernetes"]
        argv += ["--kubeconfig", "/etc/kubeconfig", "--node-name", "node"]
        agent = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, agent)
        return agent

    def end(self, agent):
        agent.kill()
        agent.wait()
        agent.stderr.close()

    def line_with(self, agent, text):
        for line in agent.stderr:
            if text in line:
                return line
        self.fail(f"nothing with '{text}' before the end")

    def test_follows(self):
        """By address of either family and by name, from a file and from DNS: HTTP/2 over TLS."""
        names = Names("in-dns.test", "127.0.0.1")
        self.addCleanup(names.socket.close)
        for host in ("127.0.0.1", "[::1]", "in-hosts.test", "in-dns.test"):
            with self.subTest(host), Server(self.crt, self.key) as server:
                agent = self.start(f"https://{host}:{PORT}")
                protocol, said = server.first()
                self.assertEqual(protocol, "h2")
                self.assertTrue(said.startswith(b"PRI * HTTP/2.0\r\n"), said[:32])
                self.end(agent)

    def test_trusts_nobody_else(self):
        Authority(os.path.join(self.root, "other"), "ca")
        with Server(self.crt, self.key) as server:
            agent = self.start(f"https://127.0.0.1:{PORT}", "/other/ca.crt")
            self.assertEqual(server.first()[1], "TLSV1_ALERT_UNKNOWN_CA")
        self.line_with(agent, "certificate")

    def test_nobody_there(self):
        agent = self.start(f"https://127.0.0.1:{CLOSED_PORT}")
        line = self.line_with(agent, "error API server")
        self.assertIn(
            f"https://127.0.0.1:{CLOSED_PORT}: Failed to connect to 127.0.0.1 port {CLOSED_PORT}", line
        )

    def test_answers(self):
        """The other program of the image, beside it."""
        agent = self.start(f"https://127.0.0.1:{CLOSED_PORT}")
        self.line_with(agent, "ready: ")
        self.assertIn("agent", run("chroot", self.root, "/usr/bin/bulkheadctl", "status"))
