#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""image.py NAME:TAG OUT.tar ROOT COMMAND...: packs the folder ROOT as a container image of one layer.

The archive is an OCI image layout, which every container runtime imports. The same folder gives the
same bytes.
"""
import hashlib
import io
import json
import os
import platform
import sys
import tarfile

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}
MEDIA = "application/vnd.oci.image."


def plain(info):
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info


def layer_of(root):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in sorted(os.listdir(root)):  # add() sorts what is below
            tar.add(os.path.join(root, name), arcname=name, filter=plain)
    return buffer.getvalue()


def config_of(layer, command):
    return {
        "architecture": ARCHITECTURE.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": command, "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
    }


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    def __init__(self, path):
        self.tar = tarfile.open(path, "w")

    def file(self, name, data):
        info = tarfile.TarInfo(name)
        info.size = len(data)
        info.mode = 0o644
        self.tar.addfile(info, io.BytesIO(data))

    def blob(self, kind, data):
        """Stores it, and gives what points at it."""
        self.file("blobs/" + digest(data).replace(":", "/"), data)
        return {"mediaType": MEDIA + kind, "digest": digest(data), "size": len(data)}

    def document(self, kind, value):
        return self.blob(kind, json.dumps(value).encode())


def pack(name, path, root, command):
    layout = Layout(path)
    layer = layer_of(root)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MEDIA + "manifest.v1+json",
        "config": layout.document("config.v1+json", config_of(layer, command)),
        "layers": [layout.blob("layer.v1.tar", layer)],
    }
    entry = layout.document("manifest.v1+json", manifest)
    entry["annotations"] = {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": name.rpartition(":")[2],
    }
    index = {"schemaVersion": 2, "mediaType": MEDIA + "index.v1+json", "manifests": [entry]}
    layout.file("index.json", json.dumps(index).encode())
    layout.file("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
    layout.tar.close()


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    pack(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])
