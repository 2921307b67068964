# SPDX-License-Identifier: Apache-2.0
"""What is in the image, and that it is the same whoever builds it."""

import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest

from archive import ARCHITECTURES, HOST, Archive, make, path_of, version
from node import ROOT, run

MIB = 1 << 20
SIZE_MAX = 12 * MIB
FILES = {
    "usr": ("d0755", ""),
    "usr/bin": ("d0755", ""),
    "usr/bin/bulkhead": ("-0755", ""),
    "usr/bin/bulkhead-agent": ("-0755", ""),
    "usr/bin/bulkheadctl": ("-0755", ""),
    "usr/bin/kubectl-bulkhead": ("l0777", "bulkheadctl"),
}


class Contents(unittest.TestCase):
    configs = list(ARCHITECTURES)

    @classmethod
    def title(cls, config):
        return f"contents.{config}"

    def setUp(self):
        self.image = Archive(self.config)

    def test_files(self):
        self.assertEqual(self.image.files(), FILES)

    def test_nobodys_and_of_no_time(self):
        for tar in (self.image.layer, self.image.tar):
            for m in tar:
                self.assertEqual((m.uid, m.gid, m.uname, m.gname, m.mtime), (0, 0, "", "", 0), m.name)
        self.assertEqual(self.image.packed[:4], b"\x1f\x8b\x08\x00", "no name in gzip's header")
        self.assertEqual(self.image.packed[4:8], bytes(4), "no time in gzip's header")

    def test_size(self):
        """Neither on its way nor on the node."""
        self.assertLess(os.path.getsize(self.image.path), SIZE_MAX)
        self.assertLess(sum(m.size for m in self.image.layer), SIZE_MAX)

    def test_what_it_says_of_itself(self):
        config = self.image.config
        self.assertEqual((config["os"], config["architecture"]), ("linux", ARCHITECTURES[self.config]))
        self.assertEqual(config["config"]["Entrypoint"], ["/usr/bin/bulkhead-agent"])
        self.assertEqual(config["config"]["Labels"]["org.opencontainers.image.version"], version())
        layer = hashlib.sha256(gzip.decompress(self.image.packed)).hexdigest()
        self.assertEqual(config["rootfs"]["diff_ids"], ["sha256:" + layer])
        name = self.image.entry["annotations"]["io.containerd.image.name"]
        self.assertEqual(name, f"bulkhead.dev/bulkhead:{version()}")


class Same(unittest.TestCase):
    """The same bytes, from a folder of another name that nobody has built in."""

    @classmethod
    def title(cls, _):
        return "same"

    def test_same_bytes(self):
        with tempfile.TemporaryDirectory(suffix="-another-place") as d:
            for name in run("git", "-C", ROOT, "ls-files", "-co", "--exclude-standard").splitlines():
                os.makedirs(os.path.join(d, os.path.dirname(name)), exist_ok=True)
                shutil.copy2(os.path.join(ROOT, name), os.path.join(d, name), follow_symlinks=False)
            subprocess.run([*make(HOST), "image"], cwd=d, check=True)
            with open(path_of(HOST), "rb") as one, open(path_of(HOST, d), "rb") as other:
                self.assertTrue(one.read() == other.read(), "the archives differ")
