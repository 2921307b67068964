# SPDX-License-Identifier: Apache-2.0
"""Certificates and keys of the tests' own, by openssl."""
import base64
import json
import os
import time

from node import run

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Authority:
    """A certificate authority. What it issues lies beside its own files."""

    def __init__(self, directory, name):
        self.dir, self.name = directory, name
        self.crt, self.key = self._paths(name)
        os.makedirs(directory, exist_ok=True)
        run(
            "openssl",
            "req",
            "-x509",
            *KEY,
            "-keyout",
            self.key,
            "-out",
            self.crt,
            "-subj",
            f"/CN={name}",
            "-days",
            2,
            "-addext",
            "basicConstraints=critical,CA:TRUE",
        )

    def _paths(self, name):
        return os.path.join(self.dir, f"{name}.crt"), os.path.join(self.dir, f"{name}.key")

    def issue(self, name, subject, extension):
        """(certificate, key): paths."""
        crt, key = self._paths(name)
        request = run("openssl", "req", *KEY, "-keyout", key, "-subj", subject)
        with open(crt + ".ext", "w") as f:
            f.write(extension)
        text = run(
            "openssl",
            "x509",
            "-req",
            "-CA",
            self.crt,
            "-CAkey",
            self.key,
            "-CAcreateserial",
            "-days",
            2,
            "-extfile",
            crt + ".ext",
            input=request,
        )
        with open(crt, "w") as f:
            f.write(text)
        return crt, key

    def server(self, name, *hosts):
        """A server's certificate for some of IP:…, DNS:…"""
        return self.issue(name, f"/CN={name}", "subjectAltName=" + ",".join(hosts))

    def client(self, user, group):
        return self.issue(user, f"/O={group}/CN={user}", "extendedKeyUsage=clientAuth")


def signing_key(directory):
    """(private, public): a pair that signs tokens."""
    private, public = os.path.join(directory, "tokens.key"), os.path.join(directory, "tokens.pub")
    run("openssl", "genrsa", "-out", private, "2048")
    run("openssl", "rsa", "-in", private, "-pubout", "-out", public)
    return private, public


def sign_token(key, claims, seconds):
    """A token that the API server takes for so many seconds more; its own live ten minutes at least. Servers
    take one for a minute after its end, and remember for ten seconds that they did."""

    def text(b):
        return base64.urlsafe_b64encode(b).rstrip(b"=").decode()

    end = int(time.time()) + seconds - 60
    claims = {**claims, "iat": end - 3600, "nbf": end - 3600, "exp": end}
    head = {"alg": "RS256", "typ": "JWT"}
    signed = ".".join(text(json.dumps(part).encode()) for part in (head, claims))
    return f"{signed}.{text(signature(key, signed))}"


def signature(key, what):
    out = key + ".sig"
    run("openssl", "dgst", "-sha256", "-sign", key, "-out", out, input=what)
    with open(out, "rb") as f:
        return f.read()
