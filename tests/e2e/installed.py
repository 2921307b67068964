# SPDX-License-Identifier: Apache-2.0
"""A cluster onto which Bulkhead is brought by Helm, and what the tests ask of it there."""
import contextlib
import json
import os
import subprocess
import time

from cluster import Cluster
from clustercase import ClusterCase
from node import BUILD, PATIENCE, ROOT, eventually, run

CHART = os.path.join(ROOT, "helm/bulkhead")
RELEASE, NAMESPACE = "bulkhead", "bulkhead"
WAIT = ("--wait", "--timeout", f"{int(170 * PATIENCE)}s")
IMAGE = "bulkhead.dev/bulkhead"
# Two releases, out of one tree: what is installed, and what it is upgraded to.
RELEASES = {"1": os.path.join(BUILD, "e2e/1"), "2": os.path.join(BUILD, "e2e/2")}
PRIVILEGED = {f"pod-security.kubernetes.io/{m}": "privileged" for m in ("enforce", "audit", "warn")}
TRACES = "find /sys/fs/bpf /run/bulkhead /opt/cni/bin/bulkhead -not -type d -not -name '*.debug' 2>/dev/null"


def make_images():
    """One build for each release; the version is all that differs."""
    for tag, build in RELEASES.items():
        make = ["make", "-C", ROOT, f"-j{os.cpu_count()}", f"B={build}", f"VERSION=0.1.{tag}", "image"]
        subprocess.run(make, check=True, stdout=subprocess.DEVNULL)


def prepare():
    """All that needs the network; the environment of what follows."""
    env = {}
    run(os.path.join(ROOT, "hack/cluster"), "build", timeout=1200 * PATIENCE)
    for major in ("3", "4"):
        env["BH_HELM" + major] = run(os.path.join(ROOT, "hack/tools/helm"), major, timeout=600 * PATIENCE).strip()
    make_images()
    return env


def archive(tag):
    where = os.path.join(RELEASES[tag], "image")
    return os.path.join(where, [n for n in os.listdir(where) if n.endswith(".tar")][0])


class Installed(Cluster):
    """helm() is Helm of the given major version, as the administrator. @sets: values of every install."""

    helm_major = "4"
    sets = ()

    def helm(self, *argv, **kw):
        env = {**os.environ, "KUBECONFIG": os.path.join(self.tool.state, "admin.kubeconfig")}
        where = self.tool_prefix("fabric")
        return run(*where, os.environ["BH_HELM" + self.helm_major], *argv, env=env, timeout=180 * PATIENCE, **kw)

    def tool_prefix(self, place):
        """What enters the network (of a node: the mounts, too) of a place of the cluster."""
        mount = [] if place == "fabric" else ["--mount"]
        return ["nsenter", "--target", str(self.tool.pid(place)), "--net", *mount, "--"]

    def on(self, node, command, check=True):
        """A shell command on a node."""
        return run(*self.tool_prefix(node), "sh", "-c", command, check=check)

    def load(self, tag):
        """A release's image onto every node, under its tag."""
        self.tool("load-image", archive(tag))

    def install(self, tag="1", *sets):
        self.namespace(NAMESPACE, PRIVILEGED)
        return self.helm("install", RELEASE, CHART, "-n", NAMESPACE, *WAIT, *self.values(tag, *sets))

    def upgrade(self, tag, *sets):
        return self.helm("upgrade", RELEASE, CHART, "-n", NAMESPACE, *WAIT, *self.values(tag, *sets))

    def values(self, tag, *sets):
        own = [f"image.repository={IMAGE}", f"image.tag=0.1.{tag}", "image.pullPolicy=Never", *self.sets, *sets]
        return [arg for s in own for arg in ("--set", s)]

    def nodes(self):
        return [n["metadata"]["name"] for n in self.get("nodes")["items"]]

    def agents(self):
        """{node: its agent's pod}"""
        pods = self.get("pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=agent")["items"]
        return {p["spec"]["nodeName"]: p for p in pods if "deletionTimestamp" not in p["metadata"]}

    def ctl(self, node, *argv, check=True):
        """bulkheadctl in the agent's pod: its JSON."""
        name = self.agents()[node]["metadata"]["name"]
        argv = ["kubectl", "exec", "-n", NAMESPACE, name, "-c", "agent", "--", "bulkheadctl", "-o", "json", *argv]
        done = self.tool.ask(*argv)
        if check and done.code:
            raise RuntimeError(f"{' '.join(argv)}: exit {done.code}: {done.err}{done.out}")
        with contextlib.suppress(ValueError):
            return json.loads(done.out)
        return [json.loads(line) for line in done.out.splitlines() if line.strip()]

    @contextlib.contextmanager
    def forwarded(self, ns, pod, port):
        """As kubectl port-forward: yields get(path, *argv of curl), which is (status, body)."""
        argv = ["kubectl", "port-forward", "-n", ns, pod, f":{port}"]
        forward = self.tool.begin(*argv)
        try:
            line = forward.stdout.readline()  # Forwarding from 127.0.0.1:33333 -> 17971
            local = line.split("->")[0].rsplit(":", 1)[-1].strip()

            def get(path, *more):
                url = f"http://127.0.0.1:{local}{path}"
                said = run(*self.tool_prefix("fabric"), "curl", "-sS", "-m", "20", "-w", "\n%{http_code}", *more, url)
                body, status = said.rsplit("\n", 1)
                return int(status), body

            yield get
        finally:
            forward.terminate()
            forward.communicate()

    def agent_pids(self, node):
        """Of the agents that run on a node, by their executable."""
        found = self.on(node, "for p in /proc/[0-9]*; do echo ${p#/proc/} $(readlink $p/exe); done")
        inside = os.readlink(f"/proc/{self.tool.pid(node)}/ns/net")
        pids = [int(line.split()[0]) for line in found.splitlines() if line.endswith("/bulkhead-agent")]
        return [p for p in pids if self.net_of(p) == inside]

    @staticmethod
    def net_of(pid):
        try:
            return os.readlink(f"/proc/{pid}/ns/net")
        except FileNotFoundError:
            return None

    def conflist(self, node):
        return json.loads(self.on(node, "cat /etc/cni/net.d/10-podnet.conflist"))

    def traces_on(self, node):
        """All of ours that is left on a node."""
        found = self.on(node, TRACES, check=False).split()
        found += [f"program {line}" for line in self.programs(node)]
        return sorted(found)

    def programs(self, node):
        """Our programs on a node's interfaces."""
        text = self.on(node, "bpftool net show 2>/dev/null; for i in /sys/class/net/*; do "
                             "tc filter show dev ${i##*/} ingress; tc filter show dev ${i##*/} egress; done", False)
        return [line for line in text.splitlines() if "bh_" in line]

    def agent_log(self):
        logs = []
        for node, pod in self.agents().items():
            name = pod["metadata"]["name"]
            text = self.tool.ask("kubectl", "logs", "-n", NAMESPACE, name, "-c", "agent")
            with open(os.path.join(self.tool.state, "log", f"{node}-agent.log"), "w") as f:
                f.write(text.out + text.err)
            logs.append(f"{node}:\n" + "\n".join((text.out + text.err).splitlines()[-15:]))
        there = self.tool.ask("kubectl", "get", "pods,networkpolicies", "-A", "-o", "wide")
        return "\n".join([*logs, there.out])


class InstalledCase(ClusterCase):
    """As ClusterCase; by Helm, before there are any pods but the cluster's own."""

    options = ("--no-bulkhead",)
    cluster_class = Installed
    helm_major = "4"
    sets = ()

    @classmethod
    def start(cls):
        cls.node.helm_major, cls.node.sets = cls.helm_major, cls.sets
        cls.node.load("1")
        cls.before_install()
        began = time.monotonic()
        cls.node.install("1")
        cls.install_s = time.monotonic() - began
        super().start()

    def statuses(self):
        return {n: lambda n=n: self.status(n) for n in self.node.nodes()}

    def status(self, node):
        with contextlib.suppress(RuntimeError, LookupError, AttributeError):
            return self.node.ctl(node, "status")
        return None

    @classmethod
    def before_install(cls):
        """What is there first."""

    def assert_protected(self):
        """Every pod of every node is an endpoint, nobody is without programs."""

        def so():
            for node in self.node.nodes():
                left = self.node.ctl(node, "endpoints", "--unprotected")
                self.assertEqual(left, [], f"unprotected on {node}")
            return True

        eventually(so, 15, 0.5)
