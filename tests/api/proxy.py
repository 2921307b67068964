# SPDX-License-Identifier: Apache-2.0
"""A proxy before the API server that ends TLS on both sides and looks into HTTP/2: which stream asks for
what, and what is answered. It can hold back the answers to one request, delay all, cut and freeze.

Frames go through as they are (RFC 9113, section 4.1), so the client talks to the real server. Headers are
only read, by libnghttp2's inflater: the library that libcurl brings along.
"""
import asyncio
import contextlib
import ctypes
import ssl
import threading
import time
from urllib.parse import parse_qs, urlsplit

from control import CONTROL_IP, PORT, PROXY_PORT
from node import in_netns

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, CONTINUATION = 0, 1, 3, 9
END_STREAM, END_HEADERS, PADDED, PRIORITY = 1, 4, 8, 32
SAID_MAX = 1 << 20  # bytes of an answer that are kept


class Nv(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.POINTER(ctypes.c_uint8)),
        ("value", ctypes.POINTER(ctypes.c_uint8)),
        ("namelen", ctypes.c_size_t),
        ("valuelen", ctypes.c_size_t),
        ("flags", ctypes.c_uint8),
    ]


class Inflater:
    """HPACK, one direction of one connection."""

    lib = None

    def __init__(self):
        if not Inflater.lib:
            Inflater.lib = ctypes.CDLL("libnghttp2.so.14")
            Inflater.lib.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
        self.it = ctypes.c_void_p()
        if self.lib.nghttp2_hd_inflate_new(ctypes.byref(self.it)):
            raise MemoryError

    def read(self, block):
        """A whole header block as a dict."""
        buf, at, found = ctypes.create_string_buffer(block, len(block)), 0, {}
        while True:
            nv, flags = Nv(), ctypes.c_int(0)
            n = self.lib.nghttp2_hd_inflate_hd2(
                self.it,
                ctypes.byref(nv),
                ctypes.byref(flags),
                ctypes.byref(buf, at),
                ctypes.c_size_t(len(block) - at),
                1,
            )
            if n < 0:
                raise ValueError(f"hpack: {n}")
            at += n
            if flags.value & 2:
                found[ctypes.string_at(nv.name, nv.namelen).decode()] = ctypes.string_at(
                    nv.value, nv.valuelen
                ).decode()
            if flags.value & 1:
                self.lib.nghttp2_hd_inflate_end_headers(self.it)
                return found

    def __del__(self):
        if self.it:
            self.lib.nghttp2_hd_inflate_del(self.it)


class Request:
    """One stream: what was asked, and what came back."""

    def __init__(self, method, target):
        self.at = time.monotonic()
        self.method = method
        self.url = urlsplit(target)
        self.path, self.query = self.url.path, {k: v[0] for k, v in parse_qs(self.url.query).items()}
        self.resource = self.path.rsplit("/", 1)[1]
        self.status, self.said, self.ended, self.withheld = None, b"", False, 0

    def __repr__(self):
        return f"{self.method} {self.url.path}?{self.url.query} -> {self.status}, {len(self.said)} bytes"

    @property
    def watch(self):
        return self.query.get("watch") in ("1", "true")


def header_block(flags, payload):
    """A HEADERS frame's part of the block, without padding and priority."""
    pad = payload[0] if flags & PADDED else 0
    start = (1 if flags & PADDED else 0) + (5 if flags & PRIORITY else 0)
    return payload[start : len(payload) - pad]


class Session:
    """One connection of the agent, and ours to the server for it."""

    def __init__(self, proxy):
        self.proxy, self.streams, self.block, self.writers = proxy, {}, {}, []
        self.inflaters = {True: Inflater(), False: Inflater()}  # by: from the client
        self.moving = asyncio.Event()
        self.moving.set()

    def headers(self, asked, stream, block):
        fields = self.inflaters[asked].read(block)
        if asked and ":path" in fields:
            self.streams[stream] = Request(fields[":method"], fields[":path"])
            self.proxy.requests.append(self.streams[stream])
        elif stream in self.streams and ":status" in fields:
            self.streams[stream].status = int(fields[":status"])

    def seen(self, asked, kind, flags, stream, payload):
        """Notes a frame; whether it may pass."""
        if kind in (HEADERS, CONTINUATION):
            part = header_block(flags, payload) if kind == HEADERS else payload
            self.block[asked] = self.block.get(asked, b"") + part
            if flags & END_HEADERS:
                self.headers(asked, stream, self.block.pop(asked))
        request = self.streams.get(stream)
        if asked or not request or kind not in (DATA, HEADERS, RST_STREAM):
            return True
        # Headers always pass: both ends keep a table of them.
        held = kind != HEADERS and bool(self.proxy.held and self.proxy.held(request))
        if kind == DATA and not held:
            request.said = (request.said + payload)[:SAID_MAX]
        request.withheld += held
        request.ended = request.ended or kind == RST_STREAM or bool(flags & END_STREAM)
        return not held

    async def may_move(self):
        await self.proxy.moving.wait()
        await self.moving.wait()

    async def frames(self, reader, writer, asked):
        """One direction: read at once, written when its time has come."""
        queue = asyncio.Queue()
        later = asyncio.ensure_future(self.write(queue, writer))
        try:
            if asked:
                queue.put_nowait((0, await reader.readexactly(len(PREFACE))))
            while True:
                await self.may_move()
                head = await reader.readexactly(9)
                payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                if self.seen(asked, head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, payload):
                    queue.put_nowait(
                        (time.monotonic() + (0 if asked else self.proxy.delay_s), head + payload)
                    )
        finally:
            queue.put_nowait((0, None))
            await later

    async def write(self, queue, writer):
        with contextlib.suppress(OSError):
            while True:
                due, what = await queue.get()
                await asyncio.sleep(max(0, due - time.monotonic()))
                await self.may_move()
                if what is None:
                    break
                writer.write(what)
                await writer.drain()
            writer.close()

    async def run(self, reader, writer):
        self.writers.append(writer)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            up_reader, up_writer = await asyncio.open_connection(
                "127.0.0.1", PORT, ssl=self.proxy.upstream, limit=1 << 20
            )
            self.writers.append(up_writer)
            ways = [
                asyncio.ensure_future(self.frames(*way))
                for way in ((reader, up_writer, True), (up_reader, writer, False))
            ]
            # The end of one is the end of both: a goodbye over TLS waits half a minute for an answer.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        self.abort()

    def abort(self):
        for w in self.writers:
            w.transport.abort()


class Proxy:
    """Listens where the server does not, in the server's network namespace. `requests` holds all that were
    made. `held`: a question about a request; yes: nothing of its answer passes any more."""

    def __init__(self, control):
        self.requests, self.sessions = [], set()
        self.held, self.delay_s = None, 0.0
        self.upstream = ssl.create_default_context(cafile=control.ca.crt)
        self.upstream.set_alpn_protocols(["h2"])
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(*control.ca.server("proxy", f"IP:{CONTROL_IP}"))
        self.tls.set_alpn_protocols(["h2"])
        started = threading.Event()
        self.thread = threading.Thread(
            target=in_netns, args=(control.path.netns, lambda: asyncio.run(self._run(started))), daemon=True
        )
        self.thread.start()
        if not started.wait(10):
            raise RuntimeError("the proxy did not start")

    async def _run(self, started):
        self.loop, self.moving, self.over = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        self.moving.set()
        await asyncio.start_server(self._accept, CONTROL_IP, PROXY_PORT, ssl=self.tls, limit=1 << 20)
        started.set()
        await self.over.wait()

    async def _accept(self, reader, writer):
        session = Session(self)
        self.sessions.add(session)
        await session.run(reader, writer)
        self.sessions.discard(session)

    def _do(self, what):
        asyncio.run_coroutine_threadsafe(what(), self.loop).result(10)

    def cut(self):
        """Every connection is reset."""

        async def all_of_them():
            for s in list(self.sessions):
                s.abort()

        self._do(all_of_them)

    def freeze(self, still=True):
        """Nothing passes either way; the connections stay."""

        async def turn():
            (self.moving.clear if still else self.moving.set)()

        self._do(turn)

    def freeze_for_good(self):
        """Nothing passes any more on the connections that there are, and nobody says so. A new one works."""

        async def those():
            for s in self.sessions:
                s.moving.clear()

        self._do(those)

    def asked(self, resource, since=0.0):
        """The requests for a resource since then, in order."""
        return [r for r in list(self.requests) if r.resource == resource and r.at >= since]

    def close(self):
        self.cut()
        self.loop.call_soon_threadsafe(self.over.set)
        self.thread.join(10)
