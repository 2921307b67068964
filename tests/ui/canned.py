# SPDX-License-Identifier: Apache-2.0
"""An agent that knows a large cluster by heart: it speaks the protocol of the socket, and what it says is always
the same. For what no real node of a test has: thousands of workloads."""
import json
import os
import socketserver
import sys
import threading
import time

RANDOM = "bcdfghjklmnpqrstvwxz2456789"
PORTS = (80, 443, 5432, 6379, 8080, 9090, 9092, 53)


def suffix(n):
    out = ""
    for _ in range(5):
        n, d = divmod(n, len(RANDOM))
        out += RANDOM[d]
    return out


class Cluster:
    """@workloads with two pods each in namespaces of about forty, and @edges between them; a tenth is denied."""

    def __init__(self, workloads, edges):
        self.n, self.state, self.began = workloads, 12345, time.time()
        self.pods = [self.pod(i) for i in range(workloads)]
        self.pairs = self.choose(edges)

    def next(self, below):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.state >> 33) % below

    def pod(self, i):
        name = f"{('web', 'api', 'db', 'cache', 'queue', 'job', 'auth', 'mail')[i % 8]}-{i}"
        return f"team-{i // 40:02}", f"{name}-6f7c9d8b54-{suffix(i + 7)}", f"10.{i >> 14}.{i >> 6 & 255}.{i & 63}"

    def choose(self, edges):
        """Two thirds stay in their namespace, as in clusters; the same pair and port only once."""
        seen, ports = [], set()
        while len(seen) < edges:
            a = self.next(self.n)
            b = a // 40 * 40 + self.next(40) if self.next(3) else self.next(self.n)
            port = PORTS[self.next(len(PORTS))]
            if b < self.n and a != b and (a, b, port) not in ports:
                ports.add((a, b, port))
                seen.append((a, b, port))
        return seen

    def endpoints(self):
        for i, (ns, name, addr) in enumerate(self.pods):
            for more in ("", "z"):
                labels = {"app": name.rsplit("-", 2)[0], "tier": ("front", "back")[i % 2]}
                yield {"namespace": ns, "name": name[:-1] + more if more else name, "addresses": [addr], "labels": labels}

    def sessions(self):
        for n, (a, b, port) in enumerate(self.pairs):
            if n % 10:
                yield self.session(n, self.pods[a], self.pods[b], port)

    @staticmethod
    def session(n, a, b, port):
        return {
            "pod": f"{a[0]}/{a[1]}", "local": a[2], "remote": b[2], "remote_name": f"{b[0]}/{b[1]}", "proto": "TCP",
            "local_port": 30000 + n % 30000, "remote_port": port, "opener": "egress", "state": "established",
            "packets_in": 10, "bytes_in": 10 ** (n % 8), "packets_out": 12, "bytes_out": 1000, "idle_ms": 5, "left_ms": 1000,
            "flags": [], "rule": f"{a[0]}/allow egress[0]",
        }

    def flows(self):
        now = self.began
        for n, (a, b, port) in enumerate(self.pairs):
            if n % 10:
                continue
            a, b = self.pods[a], self.pods[b]
            at = now - 3 - n % 40
            yield {
                "time": time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(at)) + f"{int(at % 1 * 1000):03}Z",
                "direction": "ingress", "pod": f"{b[0]}/{b[1]}", "src": a[2], "dst": b[2], "src_port": 40000, "dst_port": port,
                "src_name": f"{a[0]}/{a[1]}", "dst_name": f"{b[0]}/{b[1]}", "proto": "TCP",
                "verdict": "audited" if n % 50 == 0 else "denied", "reason": "policy-denied", "rule": None,
                "policies": [f"{b[0]}/default"], "len": 74,
            }


class Agent(socketserver.ThreadingUnixStreamServer):
    """At DIR/agent.sock. @ops: {op: function of the request that gives items}."""

    daemon_threads = True
    request_queue_size = 32

    def __init__(self, directory, ops):
        os.makedirs(directory, exist_ok=True)
        self.ops, self.asked = ops, []
        super().__init__(os.path.join(directory, "agent.sock"), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        request = json.loads(self.rfile.readline())
        self.server.asked.append(request)
        items = self.server.ops.get(request["op"], lambda _: [])(request)
        text = "".join(json.dumps({"v": 1, "item": i}) + "\n" for i in items)
        try:
            self.wfile.write(text.encode() + b'{"v":1,"done":true,"ok":true}\n')
        except BrokenPipeError:
            pass


def large(directory, workloads=2000, edges=20000):
    c = Cluster(workloads, edges)
    return Agent(directory, {"endpoints": lambda _: c.endpoints(), "sessions": lambda _: c.sessions(), "flows": lambda _: c.flows()})


if __name__ == "__main__":
    large(sys.argv[1], *map(int, sys.argv[2:]))
    threading.Event().wait()
