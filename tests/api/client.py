# SPDX-License-Identifier: Apache-2.0
"""The tests' own client of the API: an administrator who sits beside the server, so that what is done to
the path between server and node does not touch it."""
import http.client
import json
import socket
import ssl
import threading

from node import in_netns
from objects import collection, path, path_of


class ApiError(Exception):
    def __init__(self, what, status, text):
        super().__init__(f"{what}: {status}: {text[:500]}")
        self.status, self.text = status, text


class Connection(http.client.HTTPSConnection):
    """One whose socket lives in another network namespace."""

    def __init__(self, netns, address, context, timeout):
        super().__init__(*address, context=context, timeout=timeout)
        self.netns, self.address, self.tls = netns, address, context

    def connect(self):
        raw = in_netns(self.netns, lambda: socket.create_connection(self.address, timeout=self.timeout))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self.tls.wrap_socket(raw, server_hostname=self.address[0])


class Client:
    """@certificate: (certificate, key) of a user; or @token. Threads may share one."""

    def __init__(self, netns, address, ca, certificate=None, token=None, timeout=20):
        self.netns, self.address, self.timeout, self.token = netns, address, timeout, token
        self.tls = ssl.create_default_context(cafile=ca)
        if certificate:
            self.tls.load_cert_chain(*certificate)
        self.mine = threading.local()

    def _exchange(self, method, where, body, headers):
        if not getattr(self.mine, "connection", None):
            self.mine.connection = Connection(self.netns, self.address, self.tls, self.timeout)
        try:
            self.mine.connection.request(method, where, body, headers)
            answer = self.mine.connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def request(self, method, where, body=None, content="application/json"):
        """The object that answers. Asked again once: the server may have closed an idle connection."""
        headers = {"Content-Type": content, "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        try:
            status, answer = self._exchange(method, where, text, headers)
        except (OSError, http.client.HTTPException):
            status, answer = self._exchange(method, where, text, headers)
        if status >= 300:
            raise ApiError(f"{method} {where}", status, answer)
        return json.loads(answer) if answer.startswith("{") else answer

    def close(self):
        """This thread's connection."""
        if getattr(self.mine, "connection", None):
            self.mine.connection.close()
            self.mine.connection = None

    # ---- what the tests do with objects -------------------------------------------------------

    def get(self, kind, ns, name):
        return self.request("GET", path(kind, ns, name))

    def list(self, kind, ns=None):
        return self.request("GET", collection(kind, ns))

    def apply(self, obj):
        """As it is, whether it is there or not; what an earlier one had and it has not is taken away."""
        return self.request(
            "PATCH", path_of(obj) + "?fieldManager=test&force=true", obj, "application/apply-patch+yaml"
        )

    def apply_text(self, kind, ns, name, text):
        """The same of what is YAML, and without any field that the server does not know."""
        where = path(kind, ns, name) + "?fieldManager=test&force=true&fieldValidation=Strict"
        return self.request("PATCH", where, text, "application/apply-patch+yaml")

    def patch(self, kind, ns, name, change, sub=""):
        return self.request("PATCH", path(kind, ns, name) + sub, change, "application/merge-patch+json")

    def delete(self, kind, ns, name):
        """At once, as the kubelet does with a pod that has ended; nothing if it is not there."""
        try:
            return self.request("DELETE", path(kind, ns, name) + "?gracePeriodSeconds=0")
        except ApiError as e:
            if e.status != 404:
                raise
            return None
