# SPDX-License-Identifier: Apache-2.0
"""Values: each is documented and typed, what makes no sense is refused by name, and what is set arrives."""

import json
import os
import re
import unittest

from chart import CHART, HELMS, Objects, containers, template

# (what is set, the key that the message must name)
REFUSED = [
    ("cni.confdir=/etc/cni/net.d", "confdir"),
    ("nosuch=1", "nosuch"),
    ("agent.privileged=true", "privileged"),
    ("cni.confDir=etc/cni/net.d", "cni.confDir"),
    ("cni.confDir=/etc/../root", "cni.confDir"),
    ("cni.confDir=/etc/cni/net.d/", "cni.confDir"),
    ("cni.confDir=/", "cni.confDir"),
    ("cni.confDir=", "cni.confDir"),
    ("cni.binDir=/opt/a b", "cni.binDir"),
    ("cni.binDir=/opt/a:ro", "cni.binDir"),
    ("cni.binDir=null", "binDir"),
    ("cni.failMode=maybe", "cni.failMode"),
    ("cni.failMode=Closed", "cni.failMode"),
    ("cni.failOpenNamespaces=kube-system", "cni.failOpenNamespaces"),
    ("cni.failOpenNamespaces={Kube_System}", "cni.failOpenNamespaces.0"),
    ("cni.failOpenNamespaces={a,a}", "cni.failOpenNamespaces"),
    ("cni.timeoutMs=0", "cni.timeoutMs"),
    ("cni.timeoutMs=10001", "cni.timeoutMs"),
    ("cni.timeoutMs=2s", "cni.timeoutMs"),
    ("cni.attach=xdp", "cni.attach"),
    ("agent.logLevel=verbose", "agent.logLevel"),
    ("agent.logFormat=xml", "agent.logFormat"),
    ("agent.sessions=-1", "agent.sessions"),
    ("agent.sessions=16777217", "agent.sessions"),
    ("agent.podCIDRs=10.0.0.0/16", "agent.podCIDRs"),
    ("agent.podCIDRs={10.0.0.0}", "agent.podCIDRs"),
    ("agent.podCIDRs={pods/16}", "agent.podCIDRs"),
    ("sessions.timeouts.udp=0", "sessions.timeouts.udp"),
    ("sessions.timeouts.udp=5s", "sessions.timeouts.udp"),
    ("sessions.timeouts.tcp=5", "tcp"),
    ("sessions.timeouts=null", "timeouts"),
    ("agent.apiServer.host=10.0.0.1", "agent.apiServer"),
    ("agent.apiServer.port=6443", "agent.apiServer"),
    ("agent.apiServer.host=https://x,agent.apiServer.port=1", "agent.apiServer.host"),
    ("agent.preflight=maybe", "agent.preflight"),
    ("agent.resources.requests.cpu=much", "agent.resources.requests.cpu"),
    ("agent.resources.requests.gpu=1", "gpu"),
    ("agent.updateStrategy.type=Recreate", "agent.updateStrategy.type"),
    ("agent.updateStrategy.maxSurge=0", "agent.updateStrategy.maxSurge"),
    ("agent.updateStrategy.maxSurge=0%", "agent.updateStrategy.maxSurge"),
    ("agent.updateStrategy.maxUnavailable=1", "maxUnavailable"),
    ("agent.terminationGracePeriodSeconds=0", "agent.terminationGracePeriodSeconds"),
    ("agent.nodeSelector.pool=7", "agent.nodeSelector.pool"),
    ("agent.securityContext.seLinuxType=spc t", "agent.securityContext.seLinuxType"),
    ("agent.securityContext.privileged=true", "privileged"),
    ("image.digest=sha256:12", "image.digest"),
    ("image.pullPolicy=Sometimes", "image.pullPolicy"),
    ("image.tag=a:b", "image.tag"),
    ("image.repository=", "image.repository"),
    ("openshift.scc=a b", "openshift.scc"),
    ("resourceQuota.pods=none", "resourceQuota.pods"),
    ("flowSchema.enabled=1", "flowSchema.enabled"),
    ("crds.enabled=1", "crds.enabled"),
    ("crds.keep=true", "keep"),
    ("uninstall.timeoutSeconds=5", "uninstall.timeoutSeconds"),
    ("uninstall.hook=yes", "uninstall.hook"),
    ("events.deniedFlows=1", "events.deniedFlows"),
    ("flowLog.to=stderr", "flowLog.to"),
    ("flowLog.to=/var/flows.log", "flowLog.to"),
    ("flowLog.to=/var/log/../flows.log", "flowLog.to"),
    ("metrics.enabled=1", "metrics.enabled"),
    ("ui.enabled=1", "ui.enabled"),
    ("ui.port=0", "ui.port"),
    ("ui.address=0.0.0.0", "ui"),
    ("ui.resources.limits.memory=much", "ui.resources.limits.memory"),
    ("metrics.address=node", "metrics.address"),
    ("metrics.port=0", "metrics.port"),
    ("metrics.monitor=Service", "metrics.monitor"),
    ("metrics.interval=30", "metrics.interval"),
]


class Refused(unittest.TestCase):
    configs = HELMS

    @classmethod
    def title(cls, config):
        return f"refused.{config}"

    def test_by_name(self):
        for values, key in REFUSED:
            with self.subTest(values):
                answer = template(self.config, "--set", values)
                self.assertNotEqual(answer.returncode, 0)
                self.assertIn("values don't meet the specifications of the schema", answer.stderr)
                name = "/" + key.replace(".", "/") if self.config == "4" and "." in key else key
                self.assertRegex(answer.stderr, re.escape(name) + r"\b")

    def test_shared_by_a_parent(self):
        """A chart that holds this one may have values for all of its own."""
        self.assertEqual(template(self.config, "--set", "global.anything=1").returncode, 0)


class Schema(unittest.TestCase):
    @classmethod
    def title(cls, _):
        return "schema"

    def setUp(self):
        with open(os.path.join(CHART, "values.schema.json")) as f:
            self.schema = json.load(f)

    def each(self, schema, path=""):
        yield path, schema
        for key, below in schema.get("properties", {}).items():
            yield from self.each(below, f"{path}.{key}".lstrip("."))

    def test_strict_and_described(self):
        for path, schema in self.each(self.schema):
            if path in ("", "global"):
                continue
            self.assertTrue(schema.get("description"), path)
            self.assertTrue("type" in schema, path)
            if schema["type"] == "object":
                free = schema.get("additionalProperties")  # names that the chart does not know beforehand
                self.assertTrue(free is False or free == {"type": "string"} or "propertyNames" in schema, path)
        self.assertIs(self.schema["additionalProperties"], False)

    def keys_of(self, name):
        """Of a file of plain mappings: the paths that are there."""
        keys, path = set(), []
        with open(os.path.join(CHART, name)) as f:
            for line in f:
                found = re.match(r"( *)([A-Za-z]\w*):", line)
                if found:
                    path = [*path[: len(found[1]) // 2], found[2]]
                    keys.add(".".join(path))
        return keys

    def test_values_file_has_them_all(self):
        """And each of its keys says what it is, or its parent does."""
        known = {path for path, _ in self.each(self.schema)} - {"", "global"}
        below = {k for k in known if re.match(r"(agent|ui)\.resources\.\w+\.", k)}
        keys = self.keys_of("values.yaml")
        self.assertEqual(known - below - keys, set())
        self.assertEqual(keys - known, set())


class Arrives(unittest.TestCase):
    """One at a time, from the defaults."""

    @classmethod
    def title(cls, _):
        return "arrives"

    def agent(self, *sets, **kw):
        return Objects(*[a for s in sets for a in ("--set", s)], **kw).agent()

    def args(self, *sets):
        return self.agent(*sets)["spec"]["containers"][0]["args"]

    def test_paths(self):
        """At the same place in the pod as on the node."""
        pod = self.agent("cni.confDir=/a/conf", "cni.binDir=/b/bin")
        volumes = {v["name"]: v for v in pod["spec"]["volumes"]}
        self.assertEqual(volumes["cni-conf"]["hostPath"]["path"], "/a/conf")
        self.assertEqual(volumes["cni-bin"]["hostPath"]["path"], "/b/bin")
        for c in containers(pod):
            self.assertIn("--cni-conf-dir=/a/conf", c["args"])
            self.assertIn("--cni-bin-dir=/b/bin", c["args"])
            for mount in c["volumeMounts"]:
                there = volumes[mount["name"]].get("hostPath", {}).get("path", mount["mountPath"])
                self.assertEqual(mount["mountPath"], there)

    def test_plugin(self):
        self.assertFalse([a for a in self.args() if "plugin-conf" in a])
        args = self.args(
            "cni.failMode=open",
            "cni.failOpenNamespaces={kube-system,a}",
            "cni.timeoutMs=500",
            "cni.attach=tcx",
        )
        (conf,) = [a for a in args if a.startswith("--plugin-conf=")]
        self.assertEqual(
            json.loads(conf.partition("=")[2]),
            {
                "failMode": "open",
                "failOpenNamespaces": ["kube-system", "a"],
                "timeoutMs": 500,
                "attach": "tcx",
            },
        )
        self.assertIn("--attach=tcx", args)

    def test_image(self):
        def image(*sets):
            return {
                c["image"]
                for pod in Objects(*[a for s in sets for a in ("--set", s)]).pods().values()
                for c in containers(pod)
            }

        self.assertEqual(image(), {"bulkhead.dev/bulkhead:0.1.0"})
        self.assertEqual(image("image.repository=r:5000/b", "image.tag=x"), {"r:5000/b:x"})
        digest = "sha256:" + "0a" * 32
        self.assertEqual(image(f"image.digest={digest}", "image.tag=x"), {"bulkhead.dev/bulkhead@" + digest})

    def test_api_server(self):
        def env(*sets):
            return {e["name"]: e.get("value") for e in self.agent(*sets)["spec"]["containers"][0]["env"]}

        self.assertNotIn("KUBERNETES_SERVICE_HOST", env())
        told = env("agent.apiServer.host=fd00::1", "agent.apiServer.port=6443")
        self.assertEqual(
            (told["KUBERNETES_SERVICE_HOST"], told["KUBERNETES_SERVICE_PORT"]), ("fd00::1", "6443")
        )

    def test_sessions(self):
        self.assertFalse([a for a in self.args() if "sessions" in a])
        self.assertIn("--sessions=4096", self.args("agent.sessions=4096"))
        self.assertFalse([a for a in self.args() if "timeout" in a])
        args = self.args("sessions.timeouts.tcp_established=1000000,sessions.timeouts.udp=7")
        self.assertIn("--session-timeout=tcp_established=1000000", args)
        self.assertIn("--session-timeout=udp=7", args)

    def test_pod_cidrs(self):
        self.assertFalse([a for a in self.args() if "pod-cidr" in a])
        args = self.args("agent.podCIDRs={10.0.0.0/16,fd00:1::/48}")
        self.assertEqual([a for a in args if "pod-cidr" in a], ["--pod-cidr=10.0.0.0/16", "--pod-cidr=fd00:1::/48"])

    def test_flow_log(self):
        """A file's folder is the node's, at the same place in the pod, and of the agent alone."""
        self.assertFalse([a for a in self.args() if "flow-log" in a])
        self.assertIn("--flow-log=stdout", self.args("flowLog.to=stdout"))
        pod = self.agent("flowLog.to=/var/log/bulkhead/flows.log")
        (volume,) = [v for v in pod["spec"]["volumes"] if v["name"] == "flow-log"]
        self.assertEqual(volume["hostPath"]["path"], "/var/log/bulkhead")
        mounts = {c["name"]: [m["mountPath"] for m in c["volumeMounts"]] for c in containers(pod)}
        self.assertIn("/var/log/bulkhead", mounts["agent"])
        self.assertNotIn("/var/log/bulkhead", mounts["preflight"])

    def test_ui(self):
        """A pod beside each agent's, which is the same: no rights, no token, a network of its own, and one directory of
        the node, only to be read."""
        off, on = Objects(), Objects("--set", "ui.enabled=true", "--set", "ui.port=9001")
        self.assertEqual(on.agent(), off.agent())
        self.assertEqual(set(off.of("DaemonSet")), {"bulkhead-agent"})
        agent, beside = (on.of("DaemonSet")[name]["spec"] for name in ("bulkhead-agent", "bulkhead-ui"))
        self.assertNotEqual(beside["selector"], agent["selector"])
        self.assertEqual(beside["updateStrategy"]["rollingUpdate"], {"maxUnavailable": "100%"})
        agent, pod = agent["template"]["spec"], beside["template"]["spec"]
        self.assertIs(pod["automountServiceAccountToken"], False)
        self.assertEqual({"hostNetwork", "hostPID", "hostIPC", "priorityClassName"} & set(pod), set())
        for key in ("nodeSelector", "tolerations"):
            self.assertEqual(pod[key], agent[key])
        (ui,) = containers(beside["template"])
        self.assertEqual(ui["args"], ["ui", "--unattended", "--listen=127.0.0.1:9001", "--run-dir=/run/bulkhead/read"])
        self.assertEqual(ui["securityContext"]["capabilities"], {"drop": ["ALL"]})
        self.assertIs(ui["securityContext"]["allowPrivilegeEscalation"], False)
        self.assertIs(ui["securityContext"]["readOnlyRootFilesystem"], True)
        self.assertNotIn("appArmorProfile", ui["securityContext"])
        (mount,), (volume,) = ui["volumeMounts"], pod["volumes"]
        self.assertEqual((mount["name"], mount["mountPath"], mount["readOnly"]), (volume["name"], "/run/bulkhead/read", True))
        self.assertEqual(volume["hostPath"]["path"], "/run/bulkhead/read")
        self.assertNotIn("ports", ui)
        self.assertIn("memory", ui["resources"]["limits"])
        other = Objects("--set", "ui.enabled=true", "--set", "agent.securityContext.seLinuxType=spc_t")
        (ui,) = containers(other.of("DaemonSet")["bulkhead-ui"]["spec"]["template"])
        self.assertEqual(ui["securityContext"]["seLinuxOptions"], {"type": "spc_t"})

    def test_events(self):
        self.assertNotIn("--flow-events", self.args())
        self.assertIn("--flow-events", self.args("events.deniedFlows=true"))

    def test_quota(self):
        """Not where the class is admitted anyway."""
        self.assertEqual(len(Objects().of("ResourceQuota")), 1)
        self.assertFalse(Objects(namespace="kube-system").of("ResourceQuota"))
        self.assertFalse(Objects("--set", "resourceQuota.enabled=false").of("ResourceQuota"))

    def test_crds(self):
        """Those of policies stay when the chart goes: with them every policy would. Statuses go: they would be lies."""
        crds = Objects().of("CustomResourceDefinition")
        self.assertEqual(len(crds), 4)
        for name, crd in crds.items():
            kept = crd["metadata"].get("annotations") == {"helm.sh/resource-policy": "keep"}
            self.assertEqual(kept, "segmentationpolicies" in name, name)
        self.assertFalse(Objects("--set", "crds.enabled=false").of("CustomResourceDefinition"))

    def test_hook(self):
        job = Objects("--set", "uninstall.timeoutSeconds=300").of("Job")["bulkhead-retire"]
        self.assertEqual(
            job["spec"]["template"]["spec"]["containers"][0]["args"], ["retire", "--timeout=300"]
        )
        self.assertGreater(job["spec"]["activeDeadlineSeconds"], 600)
        without = Objects("--set", "uninstall.hook=false")
        self.assertFalse([o for o in without.all if o["metadata"]["name"] == "bulkhead-retire"])
