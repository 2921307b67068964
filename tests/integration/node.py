# SPDX-License-Identifier: Apache-2.0
"""One private node and its pods: what the integration tests drive.

Everything happens inside the namespaces that `run` made (network, mount, pid): a Node mounts its own
/run, /var/lib/cni and bpffs there, adds pods by a real chain of CNI plugins through cnitool, and asks
the machine's network for nothing. Nothing of it outlives those namespaces.
"""
import contextlib
import ctypes
import hashlib
import ipaddress
import json
import os
import signal
import socket
import subprocess
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BH_BUILD", os.path.join(ROOT, "build"))
NEXT = os.path.join(BUILD, "next")  # another build, by `make next`
LAYOUT = os.path.join(BUILD, "layout")  # and one with another layout of the maps
TOOLS = os.environ.get("BH_TOOLS", "")
PROBE = os.path.join(BUILD, "tests/integration/probe")
LOGS = os.environ.get("BH_LOGS", os.path.join(BUILD, "test-logs/integration"))
DEBIAN_PLUGINS = "/usr/lib/cni"

RUN_DIR = "/run/bulkhead"
READ_DIR = "/run/bulkhead/read"  # who asks there may only read
PIN_DIR = "/sys/fs/bpf/bulkhead-v3"
NEXT_PIN_DIR = "/sys/fs/bpf/bulkhead-v4"  # of the build in LAYOUT
NETWORK = "podnet"
POD_NET = {4: "10.77.0.0/24", 6: "fd00:77::/64"}
NODE_ADDR = {4: "192.0.2.1", 6: "2001:db8:2::1"}  # of the node's uplink
WORLD_ADDR = {4: "192.0.2.2", 6: "2001:db8:2::2"}  # of the host at its other end
WORLD_MORE = {4: ("198.51.100.10", "198.51.100.20"), 6: ("2001:db8:51::10", "2001:db8:51::20")}
WORLD_NET = {4: "198.51.100.0/24", 6: "2001:db8:51::/48"}
FAMILIES = {"v4": (4,), "v6": (6,), "dual": (4, 6)}
PORTS = (("tcp", 80), ("tcp", 443), ("tcp", 8080), ("udp", 53), ("udp", 5353))
SLOW = float(os.environ.get("BH_SLOW", "1"))  # how much slower than real the machine is, where it is emulated
PATIENCE = 4 * SLOW  # for limits that a test which passes does not reach: others may have this machine's CPUs
DENY_MS = int(500 * SLOW)  # silence for so long is a denial
RETRY_MS = int(3000 * SLOW)  # before an answer that should have come counts as missing

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


def pin_dir(build):
    return NEXT_PIN_DIR if build == LAYOUT else PIN_DIR


class CniError(Exception):
    """A chain or plugin that failed: its output, and the error object if there was one."""

    def __init__(self, what, output, error=None):
        super().__init__(f"{what}: {output.strip()}")
        self.output = output
        self.error = error or {}
        self.code = self.error.get("code")


def run(*argv, check=True, timeout=60 * PATIENCE, **kw):
    """A command that must succeed; its stdout."""
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=timeout, **kw)
    if check and done.returncode:
        raise RuntimeError(
            f"{' '.join(map(str, argv))}: exit {done.returncode}: {done.stderr.strip() or done.stdout}"
        )
    return done.stdout


def eventually(what, timeout=5.0, step=0.05):
    """Calls what() until it is true; its last value. An AssertionError in it is kept for the end."""
    end = time.monotonic() + timeout * PATIENCE
    while True:
        try:
            value = what()
            if value:
                return value
            problem = None
        except AssertionError as e:
            value, problem = None, e
        if time.monotonic() > end:
            if problem:
                raise problem
            return value
        time.sleep(step)


def in_netns(path, what):
    """what() called by a thread that has entered the network namespace at @path; sockets stay there."""
    result = []

    def body():
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if LIBC.setns(fd, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {path}")
            result.append(what())
        except BaseException as e:  # handed to the caller
            result.append(e)
        finally:
            os.close(fd)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


class Host:
    """A network namespace that traffic starts and ends in: a pod, the outside world, the node itself."""

    def __init__(self, name, netns, ips):
        self.name = name
        self.netns = netns  # None: the node's own
        self.ips = ips  # {4: address, 6: address}
        self.server = None

    def __repr__(self):
        return self.name

    def argv(self, *argv):
        enter = ["nsenter", f"--net={self.netns}", "--"] if self.netns else []
        return enter + [str(a) for a in argv]

    def run(self, *argv, **kw):
        return run(*self.argv(*argv), **kw)

    def popen(self, *argv, **kw):
        return subprocess.Popen(
            self.argv(*argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **kw
        )

    def serve(self, ports=None):
        numbers = ports or sorted({p for _, p in PORTS})
        self.server = self.popen(PROBE, "serve", *numbers)
        line = self.server.stdout.readline()
        if line != "ready\n":
            raise RuntimeError(f"{self.name}: the echo server did not start")

    def stop_serving(self):
        if self.server:
            self.server.kill()
            self.server.communicate()
            self.server = None

    def try_all(self, targets, ms=DENY_MS):
        """[(proto, address, port) or (…, sport)] -> [{"ok", "ms", "error"}], all at once."""
        text = "".join(" ".join(map(str, t)) + "\n" for t in targets)
        out = self.run(PROBE, "try", ms, input=text, timeout=ms / 1000 + 30 * PATIENCE)
        return [json.loads(line) for line in out.splitlines()]

    def reaches(self, to, proto="tcp", port=80, family=4, sport=None, ms=None):
        """Whether @to (a Host or an address) answers; an expected answer is waited for longer by ms."""
        address = to if isinstance(to, str) else to.ips[family]
        target = (proto, address, port) + ((sport,) if sport else ())
        return self.try_all([target], ms or DENY_MS)[0]["ok"]

    def start(self, verb, interval_ms, proto, address, port, *more):
        return Meter(self, verb, interval_ms, proto, address, port, *more)

    def socket(self, *args):
        make = lambda: socket.socket(*args)  # noqa: E731
        return in_netns(self.netns, make) if self.netns else make()


class Meter:
    """A probe that goes on: `flow` or `hammer`. report() tells what happened so far."""

    def __init__(self, host, *args):
        self.verb = args[0]
        self.name = f"{host} " + " ".join(map(str, args))
        self.process = host.popen(PROBE, *args)

    def __repr__(self):
        return self.name

    def report(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the probe has died")
        return json.loads(line)

    def kill(self):
        """Whatever has become of it."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """The last report; of a flow, with what was under way when it was told to stop."""
        last = None if self.verb == "flow" else self.report()
        self.process.stdin.close()
        last = last or json.loads(self.process.stdout.readline())
        self.process.wait(10 * PATIENCE)
        self.process.stdout.close()
        return last


class Pod(Host):
    def __init__(self, ns, name, netns, ifname="eth0"):
        super().__init__(f"{ns}/{name}", netns, {})
        self.ns, self.pod, self.ifname = ns, name, ifname
        self.labels = {}
        self.uid = ""  # as the API says, where there is one
        self.container = container_of(netns)
        self.network = NETWORK
        self.ifindex = 0  # host side of its veth
        self.hostif = ""
        self.mac = ""
        self.result = None

    def key(self):
        """The owner's name in pins and state files."""
        text = b"".join(s.encode() + b"\0" for s in (self.network, self.container, self.ifname))
        return hashlib.sha256(text).hexdigest()[:32]

    def look(self):
        """What the kernel says of its interface."""
        link = json.loads(self.run("ip", "-j", "addr", "show", "dev", self.ifname))[0]
        self.ifindex = link["link_index"]
        self.mac = link["address"]
        self.ips = {}
        for a in link["addr_info"]:
            if a["scope"] == "global":
                self.ips[4 if a["family"] == "inet" else 6] = a["local"]


def container_of(netns):
    """The container id that cnitool makes of a namespace's path."""
    return "cnitool-" + hashlib.sha512(netns.encode()).digest()[:10].hex()


class Node:
    """See the module. close() takes everything down; used as a context manager it does so by itself."""

    epolls = 5  # of its agent

    def __init__(
        self,
        main="bridge",
        plugins="1.9",
        family="dual",
        attach="auto",
        chained=True,
        conf=None,
        agent_args=(),
        log="agent",
    ):
        self.main, self.plugins, self.family, self.attach = main, plugins, family, attach
        self.chained = chained
        self.families = FAMILIES[family]
        self.version = "1.1.0" if plugins == "1.9" else "1.0.0"
        self.build = BUILD  # of the plugin
        self.agent_args = list(agent_args)
        self.epolls = type(self).epolls + ("--metrics-address" in self.agent_args)  # the port has one
        self.agent = None
        self.agents = []  # all that were started, standbys too
        self.started = 0
        self.pods = []
        self.netns_made = []
        self.undo = contextlib.ExitStack()
        self.log_path = os.path.join(LOGS, f"{log}.log")
        self.manifests = "/run/bh-manifests"
        self.net_dir = "/run/bh-net.d"
        os.makedirs(LOGS, exist_ok=True)
        try:
            self._mounts()
            os.mkdir(self.manifests)
            os.mkdir(self.net_dir)
            self._network()
            self.set_conf(conf or {})
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- what the node stands on ------------------------------------------------------------

    def _mounts(self):
        for path, kind in (("/run", "tmpfs"), ("/var/lib/cni", "tmpfs"), ("/sys/fs/bpf", "bpf")):
            os.makedirs(path, exist_ok=True)
            run("mount", "-t", kind, "bh", path)
            self.undo.callback(run, "umount", "-l", path, check=False)

    def _network(self):
        for key in (
            "net.ipv6.conf.all.forwarding=1",
            "net.ipv4.ip_forward=1",
            "net.ipv6.conf.default.accept_dad=0",
            "net.ipv6.conf.all.accept_dad=0",
        ):
            run("sysctl", "-qw", key)
        run("ip", "link", "set", "lo", "up")
        self.host = Host("node", None, dict(NODE_ADDR))
        self.world = Host("world", self.new_netns("bh-world"), dict(WORLD_ADDR))
        run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", "bh-world")
        self.undo.callback(run, "ip", "link", "del", "uplink", check=False)
        inside = ["-n", "bh-world"]
        run("ip", "link", "set", "uplink", "up")
        run("ip", *inside, "link", "set", "eth0", "up")
        for f, bits in ((4, 24), (6, 64)):
            opts = ["nodad"] if f == 6 else []
            run("ip", "addr", "add", f"{NODE_ADDR[f]}/{bits}", "dev", "uplink", *opts)
            run("ip", *inside, "addr", "add", f"{WORLD_ADDR[f]}/{bits}", "dev", "eth0", *opts)
            for more in WORLD_MORE[f]:  # deprecated: never chosen as a source
                run("ip", *inside, "addr", "add", more, "dev", "eth0", "preferred_lft", "0", *opts)
            run("ip", f"-{f}", "route", "add", "default", "via", WORLD_ADDR[f])
            run("ip", f"-{f}", *inside, "route", "add", POD_NET[f], "via", NODE_ADDR[f])
        self.host.serve()
        self.world.serve()
        self.undo.callback(self.host.stop_serving)
        self.undo.callback(self.world.stop_serving)

    def new_netns(self, name):
        run("ip", "netns", "add", name)
        self.netns_made.append(name)
        run(
            "ip",
            "netns",
            "exec",
            name,
            "sysctl",
            "-qw",
            "net.ipv6.conf.default.accept_dad=0",
            "net.ipv6.conf.all.accept_dad=0",
        )
        run("ip", "-n", name, "link", "set", "lo", "up")
        return f"/run/netns/{name}"

    def del_netns(self, netns):
        name = os.path.basename(netns)
        if name in self.netns_made:
            self.netns_made.remove(name)
            run("ip", "netns", "del", name, check=False)

    # ---- the chain --------------------------------------------------------------------------

    def main_conf(self):
        ranges = [[{"subnet": POD_NET[f]}] for f in self.families]
        routes = [{"dst": "0.0.0.0/0" if f == 4 else "::/0"} for f in self.families]
        ipam = {"type": "host-local", "ranges": ranges, "routes": routes}
        if self.main == "ptp":
            return {"type": "ptp", "ipam": ipam}
        return {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": ipam}

    def bulkhead_conf(self, **more):
        return {
            "type": "bulkhead",
            "runDir": RUN_DIR,
            "pinDir": pin_dir(self.build),
            "attach": self.attach,
            **self.conf,
            **more,
        }

    def set_conf(self, conf):
        """@conf: further keys of our own entry in the chain."""
        self.conf = dict(conf)
        plugins = [self.main_conf(), {"type": "portmap", "capabilities": {"portMappings": True}}]
        if self.chained:
            plugins.append(self.bulkhead_conf())
        path = os.path.join(self.net_dir, "10-podnet.conflist")
        with open(path, "w") as f:
            json.dump({"cniVersion": self.version, "name": NETWORK, "plugins": plugins}, f, indent=1)

    def cni_path(self):
        return os.pathsep.join([TOOLS if self.plugins == "1.9" else DEBIAN_PLUGINS, self.build])

    def install(self, build):
        """The plugin of another build from now on."""
        self.build = build
        self.set_conf(self.conf)

    def cni_args(self, pod):
        name = f"K8S_POD_NAMESPACE={pod.ns};K8S_POD_NAME={pod.pod}"
        uid = f";K8S_POD_UID={pod.uid}" if pod.uid else ""
        return f"IgnoreUnknown=1;{name};K8S_POD_INFRA_CONTAINER_ID={pod.container}{uid}"

    def cnitool(self, verb, pod):
        """`cnitool add|del|check`, as a runtime would; the result it prints."""
        env = {
            **os.environ,
            "NETCONFPATH": self.net_dir,
            "CNI_PATH": self.cni_path(),
            "CNI_ARGS": self.cni_args(pod),
            "CNI_IFNAME": pod.ifname,
        }
        done = subprocess.run(
            [os.path.join(TOOLS, "cnitool"), verb, NETWORK, pod.netns],
            env=env,
            capture_output=True,
            text=True,
            timeout=60 * PATIENCE,
        )
        if done.returncode:
            raise CniError(f"cnitool {verb} {pod}", done.stderr + done.stdout)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def plugin(self, command, stdin, plugin="bulkhead", **env):
        """One plugin by itself: (exit code, what it printed). @stdin: a dict, or text as it is."""
        full = {"PATH": os.environ["PATH"], "CNI_COMMAND": command, "CNI_PATH": self.cni_path()}
        full.update({k: v for k, v in env.items() if v is not None})
        where = [d for d in self.cni_path().split(os.pathsep) if os.path.exists(os.path.join(d, plugin))][0]
        done = subprocess.run(
            [os.path.join(where, plugin)],
            env=full,
            capture_output=True,
            text=True,
            timeout=60 * PATIENCE,
            input=stdin if isinstance(stdin, str) else json.dumps(stdin),
        )
        return done.returncode, done.stdout

    def pod_env(self, pod):
        return {
            "CNI_CONTAINERID": pod.container,
            "CNI_NETNS": pod.netns,
            "CNI_IFNAME": pod.ifname,
            "CNI_ARGS": self.cni_args(pod),
        }

    def our_conf(self, prev=None, **more):
        """The stdin of our plugin alone."""
        conf = {"cniVersion": self.version, "name": NETWORK, **self.bulkhead_conf(), **more}
        if prev is not None:
            conf["prevResult"] = prev
        return conf

    def add_main(self, pod):
        """The main plugin alone: a pod that we are not asked about yet. Its result."""
        conf = {"cniVersion": self.version, "name": NETWORK, **self.main_conf()}
        code, out = self.plugin("ADD", conf, plugin=self.main, **self.pod_env(pod))
        if code:
            raise CniError("main plugin", out)
        return json.loads(out)

    def del_main(self, pod):
        conf = {"cniVersion": self.version, "name": NETWORK, **self.main_conf()}
        self.plugin("DEL", conf, plugin=self.main, **self.pod_env(pod))

    def ours(self, command, pod, prev=None, env=None, **more):
        """Our plugin alone for @pod: (code of the error or 0, what it printed as an object or text)."""
        code, out = self.plugin(command, self.our_conf(prev, **more), **{**self.pod_env(pod), **(env or {})})
        with contextlib.suppress(ValueError):
            out = json.loads(out)
        if code:
            code = out.get("code", -1) if isinstance(out, dict) else -1
        return code, out

    # ---- pods -------------------------------------------------------------------------------

    def new_pod(self, ns, name, netns=None):
        """A pod's namespace, nothing in it yet."""
        return Pod(ns, name, self.new_netns(netns or f"bh-{ns}-{name}"))

    def add_pod(self, ns, name, labels=None, manifest=True, netns=None, serve=True):
        if manifest:
            self.write_pod(ns, name, labels or {})
        pod = self.new_pod(ns, name, netns)
        pod.labels = dict(labels or {})
        try:
            pod.result = self.cnitool("add", pod)
        except BaseException:
            with contextlib.suppress(CniError):  # as a runtime does after a failed ADD
                self.cnitool("del", pod)
            self.del_netns(pod.netns)
            raise
        self.up(pod, serve)
        return pod

    def up(self, pod, serve=True):
        """After an ADD: note what came of it, and serve."""
        pod.look()
        pod.hostif = self.link_name(pod.ifindex)
        self.pods.append(pod)
        if serve:
            pod.serve()

    def link_name(self, ifindex):
        return {link["ifindex"]: link["ifname"] for link in json.loads(run("ip", "-j", "link"))}[ifindex]

    def del_pod(self, pod, manifest=True):
        pod.stop_serving()
        self.cnitool("del", pod)
        if pod in self.pods:
            self.pods.remove(pod)
        self.del_netns(pod.netns)
        if manifest:
            self.remove_pod(pod.ns, pod.pod)

    # ---- manifests --------------------------------------------------------------------------

    def write(self, name, content):
        """A manifest: text as it is, or objects as JSON. By rename, as editors do."""
        path = os.path.join(self.manifests, name)
        text = content if isinstance(content, str) else json.dumps(content)
        with open(path + ".tmp", "w") as f:
            f.write(text)
        os.rename(path + ".tmp", path)

    def remove(self, name):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.manifests, name))

    def write_namespace(self, name, labels=None):
        self.write(
            f"namespace-{name}.json",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}},
        )

    def write_pod(self, ns, name, labels=None, ips=(), **spec):
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": ns, "name": name, "labels": labels or {}},
            "spec": spec,
        }
        if ips:
            pod["status"] = {"podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}
        self.write(f"pod-{ns}-{name}.json", pod)

    def write_policy(self, ns, name, **spec):
        """A NetworkPolicy; `subject` stands for podSelector.matchLabels."""
        if "subject" in spec:
            spec["podSelector"] = {"matchLabels": spec.pop("subject")}
        spec.setdefault("podSelector", {})
        self.write(
            f"policy-{ns}-{name}.json",
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"namespace": ns, "name": name},
                "spec": spec,
            },
        )

    def remove_pod(self, ns, name):
        self.remove(f"pod-{ns}-{name}.json")

    def remove_policy(self, ns, name):
        self.remove(f"policy-{ns}-{name}.json")

    def remove_policies(self):
        for name in os.listdir(self.manifests):
            if name.startswith("policy-"):
                self.remove(name)

    # ---- the agent --------------------------------------------------------------------------

    def source_args(self):
        """Where the agent learns what there is."""
        return ["--source", f"dir:{self.manifests}"]

    def agent_process(self, build=BUILD, *more, inject=None):
        """One more agent, from the binaries in @build; nobody waits for it. @inject: of strace."""
        self.started += 1
        probe_dir = f"/run/bh-probe-{self.started}"
        argv = [
            os.path.join(build, "bulkhead-agent"),
            *self.source_args(),
            "--run-dir",
            RUN_DIR,
            "--pin-dir",
            pin_dir(build),
            "--attach",
            self.attach,
            "--probe-dir",
            probe_dir,
            *self.agent_args,
            *more,
        ]
        if inject:
            argv = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={inject.split(':')[0]}"] + [
                "-e",
                f"inject={inject}",
                *argv,
            ]
        with open(self.log_path, "a") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        process.probe_dir = probe_dir
        self.agents = [p for p in self.agents if p.poll() is None] + [process]
        return process

    def agent_start(self, wait=True):
        self.agent = self.agent_process()
        if wait:
            self.agent_ready()

    def probe(self, what, process=None):
        """(exit code, lines) of `probe livez` or `readyz`, asked of the agent or of another one."""
        argv = [os.path.join(BUILD, "bulkhead-agent"), "probe", what]
        argv += ["--probe-dir", (process or self.agent).probe_dir]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20 * PATIENCE)
        return done.returncode, done.stdout.splitlines()

    def switch(self, *args):
        """`bulkhead-agent node open|close|status`: (exit code, what it said)."""
        argv = [os.path.join(BUILD, "bulkhead-agent"), "node", *args]
        argv += ["--run-dir", RUN_DIR, "--pin-dir", PIN_DIR]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20 * PATIENCE)
        return done.returncode, done.stdout + done.stderr

    def agent_ready(self):
        def answers():
            if self.agent.poll() is not None:
                raise RuntimeError(f"the agent ended with {self.agent.returncode}:\n{self.agent_log()}")
            return self.ask("status") is not None

        if not eventually(answers, timeout=30):
            raise RuntimeError(f"the agent does not answer:\n{self.agent_log()}")

    def agent_signal(self, number):
        os.kill(self.agent.pid, number)

    def agent_stop(self):
        self._agent_end(signal.SIGTERM)

    def agent_kill(self):
        self._agent_end(signal.SIGKILL)

    def agent_pause(self):
        self.agent_signal(signal.SIGSTOP)

    def agent_resume(self):
        self.agent_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def agent_paused(self):
        """It heals nothing meanwhile."""
        self.agent_pause()
        try:
            yield
        finally:
            self.agent_resume()

    def _agent_end(self, number):
        if self.agent and self.agent.poll() is None:
            self.agent_signal(number)
            self.agent.wait(10 * PATIENCE)
        self.agent = None

    def agent_log(self, lines=30):
        with contextlib.suppress(FileNotFoundError), open(self.log_path, errors="replace") as f:
            return "".join(f.readlines()[-lines:])
        return ""

    def agent_fds(self):
        """What the agent's descriptors are, sorted: ["/dev/null", "anon_inode:bpf-map", …]."""
        names = []
        for fd in os.listdir(f"/proc/{self.agent.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                name = os.readlink(f"/proc/{self.agent.pid}/fd/{fd}")
                names.append("socket" if name.startswith("socket:") else name)
        return sorted(names)

    @contextlib.contextmanager
    def asking(self, op, at=RUN_DIR, **fields):
        """The agent's socket (or @at another one) with one request that nobody waits for; yields its answer as a file."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5 * PATIENCE)
            s.connect(os.path.join(at, "agent.sock"))
            s.sendall(json.dumps({"v": 1, "op": op, **fields}).encode() + b"\n")
            with s.makefile() as answer:
                yield answer

    def ask(self, op, at=RUN_DIR, **fields):
        """The agent's socket (or @at another one), by hand: the last line of the answer, with the items before it as
        "items". None if nobody answers."""
        items = []
        with contextlib.suppress(OSError), self.asking(op, at, **fields) as lines:
            for line in lines:
                answer = json.loads(line)
                if answer.get("done"):
                    return {**answer, "items": items}
                items.append(answer["item"])
        return None

    def ctl(self, *args, check=True, codes=(0,)):
        """bulkheadctl -o json: one object, or a list where it prints one a line; None if it failed.
        @codes: how it may end."""
        argv = [os.path.join(BUILD, "bulkheadctl"), "--run-dir", RUN_DIR, "-o", "json", *map(str, args)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20 * PATIENCE)
        if done.returncode not in codes:
            if check:
                raise RuntimeError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr}{done.stdout}")
            return None
        return parse_json(done.stdout)

    def ctl_text(self, *args, stdin=None):
        """bulkheadctl as a person sees it, without colours: (exit code, what it printed)."""
        argv = [os.path.join(BUILD, "bulkheadctl"), "--run-dir", RUN_DIR, *map(str, args)]
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=120 * PATIENCE)
        return done.returncode, done.stdout + done.stderr

    # ---- who reaches whom --------------------------------------------------------------------

    def matrix(self, hosts=None, to=None, ports=PORTS, families=None, ms=DENY_MS, want=None):
        """{(from, to, proto, port, family): reached} for every pair, all at once.

        @want(from, to, proto, port): what should be. An answer that should have come and did not is asked
        for once more with a longer wait, so that a busy machine does not look like a denial.
        """
        hosts = hosts or self.pods
        plan = {
            h: [
                (d, proto, port, f)
                for d in (to or hosts)
                if d is not h
                for proto, port in ports
                for f in families or self.families
            ]
            for h in hosts
        }

        def ask(items, wait_ms):
            result, threads = {}, []

            def one(h, todo):
                answers = h.try_all([(proto, d.ips[f], port) for d, proto, port, f in todo], wait_ms)
                for (d, proto, port, f), a in zip(todo, answers):
                    result[(h, d, proto, port, f)] = (
                        a["ok"] if a["ok"] or a["error"] == "timeout" else a["error"]
                    )

            for h, todo in items.items():
                if todo:
                    threads.append(threading.Thread(target=one, args=(h, todo)))
                    threads[-1].start()
            for t in threads:
                t.join()
            missing = sum(map(len, items.values())) - len(result)
            if missing:  # a thread died, and what it says has gone to stderr
                raise RuntimeError(f"no answer to {missing} attempts")
            return result

        result = ask(plan, ms)
        if want:
            again = {}
            for (h, d, proto, port, f), reached in result.items():
                if reached is False and want(h, d, proto, port):
                    again.setdefault(h, []).append((d, proto, port, f))
            if again:
                result.update(ask(again, RETRY_MS))
        return result

    def close(self):
        for pod in list(self.pods):
            pod.stop_serving()
        for process in self.agents:
            process.kill()
            process.wait(10 * PATIENCE)
        for name in list(self.netns_made):
            run("ip", "netns", "del", name, check=False)
        run("ip", "link", "del", "cni0", check=False)
        self.undo.close()


def parse_json(text):
    """One JSON document, or one a line."""
    try:
        return json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def differences(got, want):
    """Text lines: where a matrix is not as @want(from, to, proto, port) says."""
    bad = []
    for (h, d, proto, port, f), reached in sorted(got.items(), key=str):
        wanted = bool(want(h, d, proto, port))
        if reached is not wanted:
            bad.append(
                f"{h} -> {d} {proto}/{port} v{f}: {'reached' if reached is True else reached or 'silence'}, "
                f"should be {'reached' if wanted else 'silence'}"
            )
    return bad


def cidr(host_or_ip, family=4):
    """The address as a block of one."""
    ip = ipaddress.ip_address(host_or_ip if isinstance(host_or_ip, str) else host_or_ip.ips[family])
    return f"{ip}/{ip.max_prefixlen}"
