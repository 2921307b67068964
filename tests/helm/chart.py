# SPDX-License-Identifier: Apache-2.0
"""The chart, as a Helm renders it."""

import json
import os
import subprocess

from node import ROOT

CHART = os.path.join(ROOT, "helm/bulkhead")
HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "golden")
HELMS = ["3", "4"]
PRESETS = sorted(os.path.splitext(name)[0] for name in os.listdir(os.path.join(CHART, "presets")))


def helm(version, *args):
    """Its answer, good or bad."""
    argv = [os.environ[f"BH_HELM_{version}"], *args]
    env = {
        **os.environ,
        "HELM_CACHE_HOME": "/run/helm",
        "HELM_CONFIG_HOME": "/run/helm",
        "HELM_DATA_HOME": "/run/helm",
    }
    return subprocess.run(
        argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False
    )


def preset(name):
    return ["-f", os.path.join(CHART, "presets", name + ".yaml")]


def template(version, *args, namespace="bulkhead"):
    return helm(version, "template", "bulkhead", CHART, "--namespace", namespace, *args)


def checked(text):
    """[(object, what is wrong with it)]"""
    argv = ["node", os.path.join(HERE, "models/objects.js")]
    out = subprocess.run(argv, input=text, stdout=subprocess.PIPE, check=True, text=True).stdout
    return [(entry["object"], entry["errors"]) for entry in json.loads(out)]


class Objects:
    def __init__(self, *args, namespace="bulkhead", version="4"):
        answer = template(version, *args, namespace=namespace)
        assert answer.returncode == 0, answer.stderr
        self.all = [o for o, _ in checked(answer.stdout)]

    def of(self, kind):
        return {o["metadata"]["name"]: o for o in self.all if o["kind"] == kind}

    def agent(self):
        """The pods of the DaemonSet."""
        return self.of("DaemonSet")["bulkhead-agent"]["spec"]["template"]

    def pods(self):
        """{kind/name: the template of a pod}, whatever makes it."""
        found = {}
        for o in self.all:
            spec = o.get("spec", {})
            if o["kind"] == "Pod":
                found["Pod/" + o["metadata"]["name"]] = o
            elif "template" in spec:
                found[f"{o['kind']}/{o['metadata']['name']}"] = spec["template"]
        return found


def containers(pod):
    return pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
