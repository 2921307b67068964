# SPDX-License-Identifier: Apache-2.0
"""What comes out: the same by both Helms, the same as is kept, and valid."""

import os
import subprocess
import tempfile
import unittest

from chart import CHART, GOLDEN, HELMS, HERE, PRESETS, checked, helm, preset, template
from node import ROOT


class Render(unittest.TestCase):
    configs = HELMS

    @classmethod
    def title(cls, config):
        return f"render.{config}"

    def compare(self, what, kept):
        with tempfile.TemporaryDirectory() as d:
            render = [os.path.join(ROOT, "hack/render"), what, d]
            subprocess.run(render, env={**os.environ, "HELM": self.config}, check=True)
            self.assertEqual(sorted(os.listdir(d)), sorted(os.listdir(kept)), f"make {what}")
            for name in os.listdir(d):
                with open(os.path.join(d, name)) as new, open(os.path.join(kept, name)) as old:
                    self.assertEqual(new.read(), old.read(), f"{name}: look at it, then make {what}")

    def test_golden(self):
        self.assertLessEqual({p + ".yaml" for p in PRESETS}, set(os.listdir(GOLDEN)))
        self.compare("golden", GOLDEN)

    def test_manifests(self):
        self.compare("manifests", os.path.join(ROOT, "manifests"))

    def test_lint(self):
        for args in ([], *map(preset, PRESETS), ["-f", os.path.join(HERE, "everything.yaml")]):
            answer = helm(self.config, "lint", "--strict", CHART, *args)
            self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)

    def test_package(self):
        with tempfile.TemporaryDirectory() as d:
            answer = helm(self.config, "package", CHART, "--destination", d)
            self.assertEqual(answer.returncode, 0, answer.stderr)
            (name,) = os.listdir(d)
            listing = subprocess.run(
                ["tar", "tzf", os.path.join(d, name)], check=True, stdout=subprocess.PIPE, text=True
            )
            inside = set(listing.stdout.split())
            for path in (
                "Chart.yaml",
                "values.schema.json",
                "README.md",
                "presets/k3s.yaml",
                "templates/NOTES.txt",
            ):
                self.assertIn("bulkhead/" + path, inside)
            rendered = helm(
                self.config, "template", "bulkhead", os.path.join(d, name), "--namespace", "bulkhead"
            )
            self.assertEqual(rendered.stdout, template(self.config).stdout)

    def test_kubernetes_is_too_old(self):
        answer = template(self.config, "--kube-version", "1.24")
        self.assertNotEqual(answer.returncode, 0)
        self.assertIn("1.24", answer.stderr)

    def test_vendors_versions(self):
        """They have more in them than three numbers."""
        for version in ("v1.25.16-eks-1234567", "v1.30.5-gke.1014001", "v1.31.2+k3s1"):
            answer = template(self.config, "--kube-version", version)
            self.assertEqual(answer.returncode, 0, answer.stderr)
            self.assertEqual("appArmorProfile" in answer.stdout, "1.25" not in version, version)


# The validator does not look into it; the api suite asks a real API server.
DEFINED = "/spec/versions/0/schema/openAPIV3Schema/"


class Valid(unittest.TestCase):
    """By the API's own schemas, every field known."""

    @classmethod
    def title(cls, _):
        return "valid"

    def check(self, text):
        for o, errors in checked(text):
            wrong = [e for e in errors if not e.startswith(DEFINED)]
            self.assertFalse(wrong, f"{o['kind']} {o['metadata']['name']}")

    def test_golden(self):
        for name in sorted(os.listdir(GOLDEN)):
            with self.subTest(name), open(os.path.join(GOLDEN, name)) as f:
                self.check(f.read())

    def test_manifests(self):
        for name in sorted(os.listdir(os.path.join(ROOT, "manifests"))):
            with self.subTest(name), open(os.path.join(ROOT, "manifests", name)) as f:
                self.check(f.read())

    def test_wrong_is_seen(self):
        """The check itself."""
        good = template("4").stdout
        for old, new, said in (
            ("hostNetwork: true", "hostNetwrk: true", "/spec/template/spec/hostNetwrk: no such field"),
            ("maxUnavailable: 0", "maxUnavailable: [0]", "/maxUnavailable: "),
            ("appArmorProfile:", "appArmorProfil:", "/appArmorProfil: no such field"),
            ("scopeSelector:", "scopeSelectors:", "/spec/scopeSelectors: no such field"),
        ):
            self.assertIn(old, good)
            errors = [e for _, errors in checked(good.replace(old, new)) for e in errors]
            self.assertTrue(any(said in e for e in errors), (said, errors))


class Notes(unittest.TestCase):
    """What a person is told. Only Helm 4 tells it without a cluster."""

    @classmethod
    def title(cls, _):
        return "notes"

    def notes(self, *args):
        answer = helm("4", "install", "rel", CHART, "--namespace", "walls", "--dry-run=client", *args)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        return answer.stdout.partition("NOTES:")[2]

    def test_commands(self):
        notes = self.notes()
        for command in (
            "kubectl label namespace walls pod-security.kubernetes.io/enforce=privileged --overwrite",
            "kubectl -n walls rollout status daemonset/bulkhead-agent",
            "helm test rel -n walls",
            "kubectl -n walls exec daemonset/bulkhead-agent -c agent -- /usr/bin/bulkheadctl status",
            "kubectl bulkhead status",
            "`helm uninstall rel -n walls` takes everything off the nodes first",
        ):
            self.assertIn(command, notes)
        self.assertNotIn("WARNING", notes)
        self.assertNotIn("<no value>", notes)

    def test_ui(self):
        self.assertNotIn("port-forward", self.notes())
        notes = self.notes("--set", "ui.enabled=true,ui.port=9001")
        self.assertIn("kubectl -n walls logs $POD", notes)
        self.assertIn("kubectl -n walls port-forward $POD 9001", notes)

    def test_what_is_less_than_closed_is_said(self):
        self.assertNotIn("failMode", self.notes())
        self.assertIn("(cni.failMode: open)", self.notes("--set", "cni.failMode=open"))
        self.assertIn("kube-system", self.notes("--set", "cni.failOpenNamespaces={kube-system}"))
        self.assertIn("leaves the nodes as they are", self.notes("--set", "uninstall.hook=false"))
