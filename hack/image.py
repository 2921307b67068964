#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Packs a folder as a container image of one layer, without a container engine.

The archive is an OCI image layout, which every container runtime imports. The same folder gives the
same bytes: files are sorted, belong to root and have no times, and so has what they are wrapped in.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import tarfile

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}
MEDIA = "application/vnd.oci.image."


def plain(info):
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    if info.isdir():
        info.mode = 0o1777 if info.mode & 0o1000 else 0o755
    return info


def layer_of(root):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in sorted(os.listdir(root)):  # add() sorts what is below
            tar.add(os.path.join(root, name), arcname=name, filter=plain)
    return buffer.getvalue()


def config_of(layer, args):
    return {
        "architecture": ARCHITECTURE.get(args.arch, args.arch),
        "os": "linux",
        "config": {
            "Entrypoint": args.command,
            "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
            "Labels": dict(label.split("=", 1) for label in args.label),
        },
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

    def layer(self, data, small):
        if small:
            return self.blob("layer.v1.tar+gzip", gzip.compress(data, 9, mtime=0))
        return self.blob("layer.v1.tar", data)

    def document(self, kind, value):
        return self.blob(kind, json.dumps(value).encode())


def pack(args):
    layout = Layout(args.out)
    layer = layer_of(args.root)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MEDIA + "manifest.v1+json",
        "config": layout.document("config.v1+json", config_of(layer, args)),
        "layers": [layout.layer(layer, args.gzip)],
    }
    entry = layout.document("manifest.v1+json", manifest)
    entry["annotations"] = {
        "io.containerd.image.name": args.name,
        "org.opencontainers.image.ref.name": args.name.rpartition(":")[2],
    }
    index = {"schemaVersion": 2, "mediaType": MEDIA + "index.v1+json", "manifests": [entry]}
    layout.file("index.json", json.dumps(index).encode())
    layout.file("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
    layout.tar.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default=platform.machine(), help="whose programs these are, as uname -m")
    parser.add_argument("--gzip", action="store_true", help="a smaller layer")
    parser.add_argument("--label", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("name", help="as NAME:TAG")
    parser.add_argument("out", help="the archive")
    parser.add_argument("root", help="the folder")
    parser.add_argument("command", nargs="+", help="what the image runs")
    pack(parser.parse_args())
