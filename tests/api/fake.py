# SPDX-License-Identifier: Apache-2.0
"""A scripted API server, for what the real one cannot be made to do. HTTP/1.1 over TLS.

By itself it serves what it was given, well: lists by pages, watches with and without initial events, pods by
name. A rule puts something else in the place of the answers to some requests (see broken.py). It listens
where a Control would, in a network namespace of its own.
"""
import asyncio
import base64
import bisect
import contextlib
import copy
import itertools
import json
import socket
import ssl
import struct
import threading
import time
from urllib.parse import parse_qs, unquote, urlsplit

from control import CONTROL_IP, PORT, Path
from node import in_netns
from objects import KINDS, path
from pki import Authority

TRAP_PORT = 9443  # nobody has anything to say there
MARKER = {"k8s.io/initial-events-end": "true"}
BY_RESOURCE = {resource: kind for kind, (_, resource, _) in KINDS.items()}


class Gone(Exception):
    """The connection is to be dropped."""


class Exchange:
    """One request and the answer to it."""

    def __init__(self, server, method, target, headers, writer):
        url = urlsplit(target)
        self.server, self.method, self.headers, self.writer = server, method, headers, writer
        self.path = unquote(url.path)
        self.query = {k: v[0] for k, v in parse_qs(url.query).items()}
        parts = self.path.strip("/").split("/")
        parts = (parts[2:] if parts[0] == "api" else parts[3:]) or [""]  # /version has none
        self.ns = parts[1] if parts[0] == "namespaces" and len(parts) > 2 else None
        parts = parts[2:] if self.ns else parts
        self.resource, self.name = parts[0], parts[1] if len(parts) > 1 else None
        self.kind = BY_RESOURCE.get(self.resource)
        self.verb = "get" if self.name else "watch" if self.query.get("watch") in ("1", "true") else "list"
        self.verb = {"POST": "create", "PATCH": "patch"}.get(method, self.verb)
        self.at, self.piece = time.monotonic(), None  # piece: bytes a chunk

    def __repr__(self):
        return f"{self.verb} {self.path} {self.query}"

    @property
    def streaming_list(self):
        return self.query.get("sendInitialEvents") == "true"

    def selects(self, obj):
        if self.ns and obj["metadata"].get("namespace") != self.ns:
            return False
        node = obj.get("spec", {}).get("nodeName")
        for term in filter(None, self.query.get("fieldSelector", "").split(",")):
            name, op, value = term.partition("!=") if "!=" in term else term.partition("=")
            if name == "spec.nodeName" and (node == value.lstrip("=")) != (op == "="):
                return False
        return True

    # ---- what an answer is made of --------------------------------------------------------------

    async def start(self, status=200, headers=(), kind="application/json", chunked=True):
        lines = [f"HTTP/1.1 {status} Scripted", f"Content-Type: {kind}", *headers]
        lines += ["Transfer-Encoding: chunked"] if chunked else []
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        await self.writer.drain()

    async def send(self, data):
        data = data.encode() if isinstance(data, str) else data
        size = self.piece or max(1, len(data))
        for i in range(0, len(data), size):
            part = data[i : i + size]
            self.writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            await self.writer.drain()

    async def end(self):
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    async def answer(self, body, status=200, headers=(), kind="application/json"):
        """All of it at once."""
        text = body if isinstance(body, (str, bytes)) else json.dumps(body)
        await self.start(status, headers, kind)
        await self.send(text)
        await self.end()

    async def status(self, code, reason, message="scripted", headers=(), **details):
        await self.answer(status_object(code, reason, message, **details), code, headers)

    def reset(self):
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        raise Gone


def status_object(code, reason, message="scripted", **details):
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
        **details,
    }


def event(kind, obj):
    return json.dumps({"type": kind, "object": obj}) + "\n"


class Fake:
    """See the module. `rules`: [(resource or None, verbs, act, [times left or None])], the first that fits;
    act(exchange) is a coroutine. `seen`: every request, in order."""

    def __init__(self, node):
        self.path = Path(node)
        self.ca = Authority("/run/bh-fake", "ca")
        self.objects, self.log, self.version = {}, [], 100
        self.oldest, self.uid = 0, itertools.count(1)
        self.rules, self.seen, self.writers = [], [], set()
        self.changed = None
        self.trapped = []  # who came to the trap
        self.tls = self.context(self.ca.server("fake", f"IP:{CONTROL_IP}"))
        started = threading.Event()
        self.thread = threading.Thread(
            target=in_netns, args=(self.path.netns, lambda: asyncio.run(self._run(started))), daemon=True
        )
        self.thread.start()
        if not started.wait(10):
            raise RuntimeError("the fake server did not start")

    @staticmethod
    def context(pair):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*pair)
        tls.set_alpn_protocols(["http/1.1"])
        return tls

    # ---- its life -------------------------------------------------------------------------------

    async def _run(self, started):
        self.loop, self.changed, self.over = asyncio.get_running_loop(), asyncio.Condition(), asyncio.Event()
        self.listener = await self._listen()
        await asyncio.start_server(self._trap, CONTROL_IP, TRAP_PORT)
        started.set()
        await self.over.wait()
        self.listener.close()

    async def _trap(self, _, writer):
        self.trapped.append(writer.get_extra_info("peername"))
        writer.close()

    def _listen(self):
        return asyncio.start_server(
            self._accept, CONTROL_IP, PORT, ssl=self.tls, limit=1 << 20, ssl_handshake_timeout=5
        )

    def _do(self, what):
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(10)

    def serve_by(self, pair):
        """New connections meet another certificate; those that there are end."""

        async def change():
            self.listener.close()
            self.tls = self.context(pair)
            self.listener = await self._listen()

        self._do(change())
        self.reset()

    def reset(self):
        """Every connection is dropped."""

        async def all_of_them():
            for w in list(self.writers):
                w.transport.abort()

        self._do(all_of_them())

    def mend(self):
        """Nothing that outlives a test's own cleaning up."""

    def close(self):
        self.reset()
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(10)

    def token(self):
        return "a-token-of-the-tests"

    # ---- objects --------------------------------------------------------------------------------

    def apply(self, obj):
        return self._do(self._put(obj))

    async def _put(self, obj):
        key = path(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"])
        old = self.objects.get(key)
        obj = copy.deepcopy(obj)
        obj["metadata"]["uid"] = old["metadata"]["uid"] if old else f"uid-{next(self.uid)}"
        if old and "status" in old and "status" not in obj:
            obj["status"] = old["status"]
        return await self._change("MODIFIED" if old else "ADDED", key, obj)

    async def _change(self, what, key, obj):
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        if what == "DELETED":
            self.objects.pop(key, None)
        else:
            self.objects[key] = obj
        self.log.append((self.version, what, obj))
        async with self.changed:
            self.changed.notify_all()
        return obj

    def delete(self, kind, ns, name):
        key = path(kind, ns, name)
        if key in self.objects:
            self._do(self._change("DELETED", key, copy.deepcopy(self.objects[key])))

    def set_status(self, ns, name, status):
        obj = copy.deepcopy(self.objects[path("Pod", ns, name)])
        self.apply({**obj, "status": status})

    def remove_all(self, kind):
        for obj in [o for o in self.objects.values() if o["kind"] == kind]:
            self.delete(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])

    def forget(self):
        """What is older than now is compacted: 410 for every watch that wants to go on."""
        self.version += 1
        self.oldest = self.version

    def go_back(self, version):
        """As after a restore of etcd: versions are lower than they were."""
        self.log.clear()
        self.version, self.oldest = version, 0

    # ---- rules ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def rule(self, act, resource=None, verbs=("list", "watch"), times=None):
        """In the place of the answers to such requests, @times of them. Drops what is under way, and nobody
        can go on from where he was. Gives the list of requests that met it."""
        met = []

        async def acting(x):
            met.append(x)
            await act(x)

        entry = (resource, verbs, acting, [times])
        self.rules.insert(0, entry)
        try:
            self.forget()
            self.reset()
            yield met
        finally:
            self.rules.remove(entry)
            self.reset()

    def _act_for(self, x):
        if self.too_old(x):
            return self.serve
        for resource, verbs, act, left in self.rules:
            if resource in (None, x.resource) and x.verb in verbs and left[0] != 0:
                left[0] = left[0] and left[0] - 1
                return act
        return self.serve

    def too_old(self, x):
        version = int(x.query.get("resourceVersion") or 0)
        return x.verb == "watch" and not x.streaming_list and not self.oldest <= version <= self.version

    # ---- serving --------------------------------------------------------------------------------

    async def _accept(self, reader, writer):
        self.writers.add(writer)
        with contextlib.suppress(
            OSError, asyncio.IncompleteReadError, asyncio.CancelledError, Gone, ValueError
        ):
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                first, *lines = text.strip().split("\r\n")
                method, target, _ = first.split(" ")
                headers = {
                    k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)
                }
                await reader.readexactly(int(headers.get("content-length", 0)))
                x = Exchange(self, method, target, headers, writer)
                self.seen.append(x)
                await self._act_for(x)(x)
        self.writers.discard(writer)
        writer.close()

    async def serve(self, x):
        """Well."""
        if not x.kind:
            await x.status(404, "NotFound")
        elif x.verb in ("create", "patch"):  # Events: taken, and not looked at
            await x.answer({}, 201 if x.verb == "create" else 200)
        elif x.verb == "get":
            await self.get(x)
        elif x.verb == "list":
            await self.list(x)
        else:
            await self.watch(x)

    async def get(self, x):
        obj = self.objects.get(path(x.kind, x.ns, x.name))
        await (x.answer(obj) if obj else x.status(404, "NotFound"))

    def selected(self, x):
        return [o for _, o in sorted(self.objects.items()) if o["kind"] == x.kind and x.selects(o)]

    def page(self, x):
        """The list that answers, as an object."""
        token = json.loads(base64.b64decode(x.query["continue"])) if "continue" in x.query else {}
        start, items = token.get("start", 0), self.selected(x)
        limit = int(x.query.get("limit", 0))
        meta = {"resourceVersion": token.get("version") or str(self.version)}
        if limit and start + limit < len(items):
            more = {"start": start + limit, "version": meta["resourceVersion"]}
            meta["continue"] = base64.b64encode(json.dumps(more).encode()).decode()
        part = items[start : start + limit] if limit else items[start:]
        return {"kind": f"{x.kind}List", "apiVersion": KINDS[x.kind][0], "metadata": meta, "items": part}

    async def too_large(self, x):
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        await x.status(
            504,
            "Timeout",
            f"Too large resource version: {x.query['resourceVersion']}, current: {self.version}",
            ["Retry-After: 1"],
            details={"causes": [cause], "retryAfterSeconds": 1},
        )

    async def list(self, x):
        if int(x.query.get("resourceVersion") or 0) > self.version:
            await self.too_large(x)
        else:
            await x.answer(self.page(x))

    async def initial_events(self, x):
        """Those of a streaming list; where to go on."""
        version = self.version
        for obj in self.selected(x):
            await x.send(event("ADDED", obj))
        await self.bookmark(x, version, MARKER)
        return version

    async def bookmark(self, x, version, annotations=None):
        meta = {"resourceVersion": str(version), **({"annotations": annotations} if annotations else {})}
        await x.send(event("BOOKMARK", {"kind": x.kind, "apiVersion": KINDS[x.kind][0], "metadata": meta}))

    async def watch(self, x):
        version = int(x.query.get("resourceVersion") or 0)
        if self.too_old(x):
            return await x.status(410, "Expired", "too old resource version")
        if version > self.version:
            return await self.too_large(x)
        await x.start()
        if x.streaming_list:
            version = await self.initial_events(x)
        await self.follow(x, version)
        await x.end()

    async def follow(self, x, version):
        """Events after @version, until the watch is to end."""
        end = time.monotonic() + float(x.query.get("timeoutSeconds", 300))
        while time.monotonic() < end:
            for at, what, obj in self.log[bisect.bisect(self.log, version, key=lambda e: e[0]) :]:
                version = at
                if obj["kind"] == x.kind and x.selects(obj):
                    await x.send(event(what, obj))
            async with self.changed:
                if not any(e[0] > version for e in self.log[-1:]):
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(self.changed.wait(), end - time.monotonic())
