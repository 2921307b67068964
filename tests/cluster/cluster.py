# SPDX-License-Identifier: Apache-2.0
"""A cluster of hack/cluster's, and the pods that deployments made on it, as the integration suite's hosts."""
import collections
import json
import os
import shutil
import subprocess
import tempfile

from node import BUILD, FAMILIES, LOGS, PATIENCE, PORTS, ROOT, Host, Node, Pod, eventually, run

PROGRAM = os.path.join(ROOT, "hack/cluster")
STATES = os.path.join(BUILD, "cluster-tests")
WORLD = {4: "203.0.113.10", 6: "2001:db8:113::10"}
HTTP_PORT = 9000
# What a node would write to on a machine of its own.
PATHS = "/etc/cni /opt/cni /run/netns /run/containerd /run/bulkhead /var/lib/cni /var/lib/kubelet"
TUNABLES = "kernel/panic kernel/panic_on_oops vm/overcommit_memory vm/panic_on_oom"

Answer = collections.namedtuple("Answer", "code out err")


class Tool:
    """hack/cluster, for one cluster."""

    def __init__(self, name):
        self.state = os.path.join(STATES, name)
        self.env = dict(os.environ, BH_CLUSTER_STATE=self.state)
        text = subprocess.run(["sha256sum"], input=self.state + "\n", capture_output=True, text=True).stdout
        self.id = "bh-" + text[:8]

    def __call__(self, *args, **kw):
        """What must succeed; its output."""
        return run(PROGRAM, *args, env=self.env, timeout=240 * PATIENCE, **kw)

    def ask(self, *args, env=None):
        kw = {"env": {**self.env, **(env or {})}, "stdin": subprocess.DEVNULL, "timeout": 240 * PATIENCE}
        done = subprocess.run([PROGRAM, *args], capture_output=True, text=True, **kw)
        return Answer(done.returncode, done.stdout, done.stderr)

    def begin(self, *args):
        """One that goes on, with its output."""
        kw = {"env": self.env, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "text": True}
        return subprocess.Popen([PROGRAM, *args], **kw)

    def pid(self, component):
        with open(os.path.join(self.state, "run", component)) as f:
            return int(f.read().split()[0])

    def log(self, component, lines=20):
        try:
            with open(os.path.join(self.state, "log", component + ".log")) as f:
                return "".join(f.readlines()[-lines:])
        except FileNotFoundError:
            return ""


def traces(tool):
    """All that a cluster could leave behind, outside its state."""
    found = {"state"} if os.path.exists(tool.state) else set()
    for line in run("ps", "-e", "-o", "stat=,pid=,comm=").splitlines():
        stat, pid, comm = line.split(None, 2)
        if stat[0] != "Z" and comm != "ps" and int(pid) != os.getpid():
            found.add(f"process {pid} {comm}")
    with open("/proc/self/mountinfo") as f:
        found |= {"mount " + line.split()[4] for line in f}
    found |= {"interface " + i["ifname"] for i in json.loads(run("ip", "-j", "link"))}
    for top, names, _ in os.walk("/sys/fs/cgroup"):
        if top.count("/") > 4:  # a cluster's cgroup is at the top of each hierarchy
            names.clear()
        found |= {f"cgroup {top}/{n}" for n in names if n == tool.id}
    found |= set(run("find", *PATHS.split(), check=False).split())
    for name in TUNABLES.split():
        with open("/proc/sys/" + name) as f:
            found.add(f"{name}={f.read().strip()}")
    return found


def assert_clean(before, tool):
    """As it was; the dead take a moment to be buried."""

    def clean():
        assert traces(tool) == before, sorted(traces(tool) ^ before)
        return True

    eventually(clean, 10)


class Cluster:
    """See the module. close() ends the cluster, and complains if that left anything."""

    matrix = Node.matrix
    write_policy = Node.write_policy

    def __init__(self, name, family="dual", options=()):
        self.families = FAMILIES[{"ipv4": "v4", "ipv6": "v6"}.get(family, family)]
        self.name = name
        self.pods = []
        self.world = None
        self.tool = Tool(name)
        self.tool("down")
        self.before = traces(self.tool)
        try:
            self.tool("up", "--family", family, *options)
        except BaseException:
            self.close()
            raise

    def start(self):
        """What tests need on it: a world that answers, and the image of the test's own server."""
        netns = f"/proc/{self.tool.pid('fabric')}/ns/net"
        self.world = Host("world", netns, {f: WORLD[f] for f in self.families})
        self.world.serve()
        self.host = None  # there are two; that they reach their pods, the kubelets' probes show
        with tempfile.TemporaryDirectory() as d:
            os.mkdir(d + "/root")
            shutil.copy(os.path.join(BUILD, "tests/cluster/probe"), d + "/root")
            packer = os.path.join(ROOT, "hack/image.py")
            run("python3", packer, "bulkhead.test/probe:1", d + "/probe.tar", d + "/root", "/probe")
            self.tool("load-image", d + "/probe.tar")

    def close(self):
        if self.world:
            self.world.stop_serving()
        self.keep_logs()
        self.tool("down")
        assert_clean(self.before, self.tool)

    def keep_logs(self):
        there, kept = os.path.join(self.tool.state, "log"), os.path.join(LOGS, self.name)
        shutil.rmtree(kept, ignore_errors=True)
        if os.path.exists(there):
            shutil.copytree(there, kept)

    # ---- objects -----------------------------------------------------------------------------

    def kubectl(self, *args, **kw):
        return self.tool("kubectl", *args, **kw)

    def get(self, *args):
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def apply(self, *objects):
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.kubectl("apply", "-f", "-", input=text)

    def write(self, _, thing):
        self.apply(thing)

    def remove_policies(self):
        self.kubectl("delete", "networkpolicies", "--all", "--all-namespaces")

    def namespace(self, name, labels):
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})

    def service(self, ns, name, selector, ports):
        """@ports: [(protocol, port, targetPort)]"""
        self.apply(
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"namespace": ns, "name": name},
                "spec": {
                    "selector": selector,
                    "ipFamilyPolicy": "PreferDualStack",
                    "ports": [
                        {"name": f"p{p}", "protocol": proto.upper(), "port": p, "targetPort": target}
                        for proto, p, target in ports
                    ],
                },
            }
        )
        ips = self.get("service", "-n", ns, name)["spec"]["clusterIPs"]
        return Host(name, None, {6 if ":" in ip else 4: ip for ip in ips})

    # ---- pods --------------------------------------------------------------------------------

    def deploy(self, ns, name, labels, replicas=1, node=None):
        """Pods that the kubelet probes by HTTP and TCP, and that echo; as many on each node, or on one."""
        image = "bulkhead.test/"
        web = {
            "name": "web",
            "image": image + "agnhost:1",
            "args": ["netexec", f"--http-port={HTTP_PORT}"],
            "readinessProbe": probe({"httpGet": {"path": "/healthz", "port": HTTP_PORT}}, 1),
            "livenessProbe": probe({"tcpSocket": {"port": 80}}, 2),
        }
        ports = [str(p) for p in sorted({p for _, p in PORTS})]
        echo = {"name": "echo", "image": image + "probe:1", "args": ["serve", *ports]}
        spread = {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": labels},
        }
        spec = {
            "containers": [web, echo],
            "terminationGracePeriodSeconds": 0,
            "nodeSelector": {"kubernetes.io/hostname": node} if node else {},
            "topologySpreadConstraints": [] if node else [spread],
        }
        self.apply(deployment(ns, name, labels, replicas, spec))

    def deploy_one(self, ns, name, labels, replicas, node, port):
        """Pods of one container that echoes, on one node."""
        echo = {
            "name": "echo",
            "image": "bulkhead.test/probe:1",
            "args": ["serve", str(port)],
            "readinessProbe": probe({"tcpSocket": {"port": port}}, 1),
        }
        spec = {
            "containers": [echo],
            "terminationGracePeriodSeconds": 0,
            "nodeSelector": {"kubernetes.io/hostname": node},
        }
        self.apply(deployment(ns, name, labels, replicas, spec))

    def await_pods(self):
        """Until all deployments are; then self.pods, by node and name."""
        for item in self.get("deployments", "-A")["items"]:
            meta = item["metadata"]
            where = ("-n", meta["namespace"], "deployment/" + meta["name"])
            self.kubectl("rollout", "status", f"--timeout={int(60 * PATIENCE)}s", *where)
        tasks = self.tasks()
        self.pods = []
        for item in self.get("pods", "-A", "-l", "app")["items"]:
            if "deletionTimestamp" not in item["metadata"]:
                self.pods.append(self.pod(item, tasks))
        self.pods.sort(key=lambda p: (p.node, p.name))

    def tasks(self):
        """{container id: pid}, of all nodes."""
        found = {}
        for node in self.get("nodes")["items"]:
            name = node["metadata"]["name"]
            for line in self.tool("node", name, "ctr", "-n", "k8s.io", "tasks", "ls").splitlines()[1:]:
                container, pid, _ = line.split()
                found[container] = int(pid)
        return found

    def pod(self, item, tasks):
        status, meta = item["status"], item["metadata"]
        container = status["containerStatuses"][0]["containerID"].partition("://")[2]
        pod = Pod(meta["namespace"], meta["name"], f"/proc/{tasks[container]}/ns/net")
        pod.node, pod.labels = item["spec"]["nodeName"], meta["labels"]
        pod.ips = {6 if ":" in a["ip"] else 4: a["ip"] for a in status["podIPs"]}
        return pod

    def execute(self, pod, *argv):
        """In its container `web`: (exit code, output)."""
        done = self.tool.ask("kubectl", "exec", "-n", pod.ns, pod.pod, "-c", "web", "--", *argv)
        return done.code, done.out + done.err

    def ask_from(self, ns, who, *argv):
        """A program there that asks somebody: "" or what went wrong."""
        done = self.tool.ask("kubectl", "exec", "-n", ns, who, "--", "timeout", "5", *argv)
        return (done.out + done.err).split("\n")[0] if done.code else ""

    # ---- shown with a failure ----------------------------------------------------------------

    def agent_log(self):
        logs = [f"{n}:\n{self.tool.log(n + '-agent', 10)}" for n in ("node1", "node2")]
        there = self.tool.ask("kubectl", "get", "pods,networkpolicies", "-A", "-o", "wide")
        return "\n".join([*logs, there.out])


def deployment(ns, name, labels, replicas, pod_spec):
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": ns, "name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec},
        },
    }


def probe(action, period_s):
    return {**action, "periodSeconds": period_s, "failureThreshold": 1, "timeoutSeconds": int(PATIENCE)}
