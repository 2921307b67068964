# SPDX-License-Identifier: Apache-2.0
"""An image archive, taken apart."""

import hashlib
import io
import json
import os
import platform
import re
import tarfile

from node import ROOT

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
HOST = platform.machine()


def make(arch):
    return ["nice", "make", "-j2", f"ARCH={arch}"]


def version():
    with open(os.path.join(ROOT, "Makefile")) as f:
        return re.search(r"^VERSION := (.*)$", f.read(), re.M)[1]


def path_of(arch, root=ROOT):
    return os.path.join(root, f"build/image/bulkhead-{version()}-{arch}.tar")


class Archive:
    def __init__(self, arch):
        self.path = path_of(arch)
        self.tar = tarfile.open(self.path)
        self.entry = json.loads(self.file("index.json"))["manifests"][0]
        self.manifest = json.loads(self.blob(self.entry))
        self.config = json.loads(self.blob(self.manifest["config"]))
        (layer,) = self.manifest["layers"]
        self.packed = self.blob(layer)
        self.layer = tarfile.open(fileobj=io.BytesIO(self.packed))

    def file(self, name):
        return self.tar.extractfile(name).read()

    def blob(self, entry):
        """What an entry points at, which must be as it says."""
        kind, value = entry["digest"].split(":")
        data = self.file(f"blobs/{kind}/{value}")
        assert (len(data), hashlib.sha256(data).hexdigest()) == (entry["size"], value), entry
        return data

    def files(self):
        """{path: (kind and mode, as ls says it; what a link points at)}"""
        kinds = {tarfile.DIRTYPE: "d", tarfile.REGTYPE: "-", tarfile.SYMTYPE: "l"}
        return {m.name: (f"{kinds[m.type]}{m.mode:04o}", m.linkname) for m in self.layer}
