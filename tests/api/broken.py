# SPDX-License-Identifier: Apache-2.0
"""Ways in which an API server can answer that no real one should: coroutines for Fake.rule()."""
import asyncio
import gzip
import json

from fake import event, status_object


def answer(body, status=200, headers=(), kind="application/json"):
    """Always the same."""

    async def act(x):
        await x.answer(body, status, headers, kind)

    return act


def by_lists(act):
    """The same where there are no streaming lists: @act answers what is asked for in pages."""

    async def wrapped(x):
        if x.streaming_list:
            await x.status(422, "Invalid")
        else:
            await (act if x.verb == "list" else x.server.serve)(x)

    return wrapped


def refuse(code, reason, headers=()):
    async def act(x):
        await x.status(code, reason, headers=headers)

    return act


def mangled(change):
    """What would have been answered, changed as one text: lists, and the initial events of a watch."""

    async def act(x):
        if x.verb == "list":
            await x.answer(change(json.dumps(x.server.page(x)).encode()))
            return
        if not x.streaming_list:
            await x.server.serve(x)
            return
        await x.start()
        sent, whole = [], x.send
        x.send = lambda data: keep(sent, data)
        version = await x.server.initial_events(x)
        x.send = whole
        await x.send(change("".join(sent).encode()))
        await x.server.follow(x, version)
        await x.end()

    return act


async def keep(sent, data):
    sent.append(data)


def more_items(*items):
    """Objects (or their text) amid the good ones, in lists and streams alike."""
    texts = [i if isinstance(i, (bytes, str)) else json.dumps(i) for i in items]
    texts = [t.encode() if isinstance(t, str) else t for t in texts]

    def change(body):
        if body.startswith(b'{"type"'):
            return b"".join(b'{"type":"ADDED","object":' + t + b"}\n" for t in texts) + body
        at = body.index(b'"items": [') + len(b'"items": [')
        empty = body[at : at + 1] == b"]"
        return body[:at] + b", ".join(texts) + (b"" if empty else b", ") + body[at:]

    return mangled(change)


def in_pieces(size, pause_s=0.0):
    """Well, but only so many bytes at a time."""

    async def act(x):
        x.piece = size
        if pause_s:
            whole = x.send

            async def slowly(data):
                data = data.encode() if isinstance(data, str) else data
                for i in range(len(data)):
                    await whole(data[i : i + 1])
                    await asyncio.sleep(pause_s)

            x.send = slowly
        await x.server.serve(x)

    return act


def cut_after(n):
    """The connection is reset after so many bytes of a body that promises more."""

    async def act(x):
        body = json.dumps(x.server.page(x))
        await x.start(headers=[f"Content-Length: {len(body) + 10}"], chunked=False)
        x.writer.write(body[:n].encode())
        await x.writer.drain()
        await asyncio.sleep(0.05)
        x.reset()

    return act


def endless(line, n):
    """One line, n times over, with no end of a value in it."""

    async def act(x):
        await x.start()
        head = (
            b'{"type":"ADDED","object":{"metadata":{"name":"'
            if x.verb == "watch"
            else b'{"items":[{"metadata":{"name":"'
        )
        await x.send(head)
        for _ in range(n):
            await x.send(line)
        await x.end()

    return act


def bomb(megabytes):
    """Compressed, although nobody asked for that."""
    packed = gzip.compress(b" " * (megabytes << 20))

    async def act(x):
        await x.answer(packed, headers=["Content-Encoding: gzip"])

    return act


async def empty(x):
    """A watch that ends at once; lists are good."""
    if x.verb == "watch" and not x.streaming_list:
        await x.answer(b"")
    elif x.verb == "watch":
        await x.status(422, "Invalid")
    else:
        await x.server.serve(x)


async def without_marker(x):
    """An older server's watch, which does not know of initial events to be asked for."""
    if not x.streaming_list:
        await x.server.serve(x)
        return
    await x.start()
    for obj in x.server.selected(x):
        await x.send(event("ADDED", obj))
    await x.server.follow(x, x.server.version)
    await x.end()


def error_event(code, reason):
    """In a stream that began well."""

    async def act(x):
        if x.verb == "list" or x.streaming_list:
            await (x.server.serve(x) if x.verb == "list" else x.status(422, "Invalid"))
            return
        await x.start()
        await x.send(event("ERROR", status_object(code, reason)))
        await x.end()

    return act


async def expired_pages(x):
    """Lists of one object a page, and no second page."""
    if x.verb == "watch":
        await x.status(422, "Invalid")
    elif "continue" in x.query:
        await x.status(410, "Expired", "The provided continue parameter is too old")
    else:
        x.query["limit"] = "1"
        await x.server.list(x)


async def only_lists(x):
    """No streaming lists; pages of two."""
    if x.streaming_list:
        await x.status(400, "BadRequest")
        return
    if x.verb == "list":
        x.query["limit"] = "2"
    await x.server.serve(x)


def redirect(where):
    async def act(x):
        await x.answer(b"", 302, [f"Location: {where}{x.path}"])

    return act
