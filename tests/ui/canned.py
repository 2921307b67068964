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


# ---- a shop, for the picture in docs/ui.md ---------------------------------------------------------

SHOP = {  # namespace: pods
    "ingress-nginx": ["controller-6f7c9d8b54-x2v4z"],
    "shop": [
        "web-5c8f7d6b9d-2k4lm", "web-5c8f7d6b9d-8s9tq", "api-7d9c8b6f54-x2v4z", "api-7d9c8b6f54-w7k2p", "db-0", "db-1",
        "cache-0", "payments-6b9d8c7f54-q8z2x", "report-28934520-x2v4z",
    ],
    "monitoring": ["prometheus-0", "grafana-58d9c7b6f4-t6r8w", "node-exporter-4kx9z"],
    "kube-system": ["coredns-76f75df574-2xk8l", "coredns-76f75df574-9vq4d"],
    "lab": ["notebook-0", "crawler-7f9d6c8b54-zz9xk"],
}
ADDRESS = {"World": "203.0.113.7", "old-db": "10.20.30.40", "service 'shop/db'": "10.96.0.17"}
TALKS = [  # from, to, port, sessions, bytes or a verdict
    ("World", "ingress-nginx/controller", 443, 9, 80_000_000),
    ("ingress-nginx/controller", "shop/web", 8080, 6, 70_000_000),
    ("shop/web", "shop/api", 8080, 5, 9_000_000),
    ("shop/api", "shop/db", 5432, 4, 40_000_000),
    ("shop/api", "shop/cache", 6379, 3, 2_000_000),
    ("shop/api", "shop/payments", 8443, 2, 300_000),
    ("shop/payments", "World", 443, 2, 400_000),
    ("shop/api", "service 'shop/db'", 5432, 4, 40_000_000),
    ("shop/report", "shop/db", 5432, 1, 900_000),
    ("shop/report", "old-db", 5432, 1, "audited"),
    ("shop/web", "kube-system/coredns", 53, 3, 9000),
    ("shop/api", "kube-system/coredns", 53, 3, 9000),
    ("lab/crawler", "kube-system/coredns", 53, 2, 9000),
    ("kube-system/coredns", "World", 53, 2, 70_000),
    ("monitoring/prometheus", "shop/api", 9090, 2, 600_000),
    ("monitoring/prometheus", "shop/db", 9187, 2, 400_000),
    ("monitoring/prometheus", "monitoring/node-exporter", 9100, 2, 500_000),
    ("monitoring/grafana", "monitoring/prometheus", 9090, 1, 800_000),
    ("lab/notebook", "shop/db", 5432, 3, "denied"),
    ("lab/crawler", "shop/api", 8080, 2, "denied"),
    ("lab/crawler", "World", 80, 2, 5_000_000),
    ("shop/web", "shop/db", 5432, 1, "denied"),
]


class Shop:
    def __init__(self):
        self.pods = {}  # workload: [(namespace/name, address)]
        for ns, names in SHOP.items():
            for name in names:
                parts = name.split("-")
                while len(parts) > 1 and (parts[-1].isdigit() or any(c.isdigit() for c in parts[-1]) or parts[-1] in ("zz9xk",)):
                    parts.pop()
                n = sum(map(len, self.pods.values())) + 2
                self.pods.setdefault(f"{ns}/{'-'.join(parts)}", []).append((f"{ns}/{name}", f"10.244.1.{n}"))

    def end(self, who, n):
        if who in self.pods:
            return self.pods[who][n % len(self.pods[who])]
        return ("" if who in ("World", "old-db") else who), ADDRESS[who]

    def endpoints(self):
        for workload, pods in self.pods.items():
            for name, addr in pods:
                ns, pod = name.split("/")
                labels = {"app.kubernetes.io/name": workload.split("/")[1], "app.kubernetes.io/part-of": ns}
                yield {"namespace": ns, "name": pod, "addresses": [addr], "labels": labels}

    def sessions(self):
        for a, b, port, count, carried in TALKS:
            for n in range(count if isinstance(carried, int) else 0):
                (src, sa), (dst, da) = self.end(a, n), self.end(b, n // 2)
                out = src and "/" in src
                yield {
                    "pod": src if out else dst, "local": sa if out else da, "remote": da if out else sa,
                    "remote_name": dst if out else src, "proto": "UDP" if port == 53 else "TCP", "opener": "egress" if out else "ingress",
                    "local_port": 40000 + n if out else port, "remote_port": port if out else 40000 + n, "state": "established",
                    "packets_in": 40, "bytes_in": carried // count, "packets_out": 40, "bytes_out": 800,
                    "rule": f"{b.split('/')[0]}/{b.split('/')[-1]} ingress[0]" if b in self.pods else None,
                }

    def flows(self):
        now = time.time()
        for a, b, port, count, verdict in TALKS:
            for n in range(count if isinstance(verdict, str) else 0):
                (src, sa), (dst, da) = self.end(a, n), self.end(b, n // 2)
                ingress = verdict == "denied"
                yield {
                    "time": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(int(now) // 20 * 20 - 7 * n)),
                    "direction": "ingress" if ingress else "egress", "pod": dst if ingress else src, "src": sa, "dst": da,
                    "src_port": 50000 + n, "dst_port": port, "src_name": src, "dst_name": dst, "proto": "TCP", "verdict": verdict,
                    "reason": "policy-denied" if ingress else "audited", "rule": None, "policies": [b if ingress else a], "len": 74,
                }


def shop(directory):
    s = Shop()
    return Agent(directory, {"endpoints": lambda _: s.endpoints(), "sessions": lambda _: s.sessions(), "flows": lambda _: s.flows()})


if __name__ == "__main__":  # DIR shop, or DIR WORKLOADS EDGES: for whoever wants to look at it
    shop(sys.argv[1]) if sys.argv[2] == "shop" else large(sys.argv[1], *map(int, sys.argv[2:]))
    threading.Event().wait()
