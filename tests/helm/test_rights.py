# SPDX-License-Identifier: Apache-2.0
"""What our pods may do, to the cluster and to the node: this and nothing more, with every preset."""

import unittest

from chart import PRESETS, Objects, containers, preset

HOST_PATHS = {"/sys/fs/bpf", "/run/bulkhead"}
READ = {"get", "list", "watch"}
AGENT_READS = {
    "pods",
    "namespaces",
    "nodes",
    "services",
    "networkpolicies",
    "clusternetworkpolicies",
    "segmentationpolicies",
    "clustersegmentationpolicies",
    "endpointslices",
    "nodepolicystatuses",
    "networkpolicystatuses",
}
STATUS = {  # what is written of policies: never a spec
    ("policy.bulkhead.dev", "nodepolicystatuses", "create"),
    ("policy.bulkhead.dev", "nodepolicystatuses", "patch"),
    ("policy.bulkhead.dev", "networkpolicystatuses", "create"),
    ("policy.bulkhead.dev", "networkpolicystatuses", "patch"),
    ("policy.bulkhead.dev", "networkpolicystatuses/status", "patch"),
    ("policy.bulkhead.dev", "segmentationpolicies/status", "patch"),
    ("policy.bulkhead.dev", "clustersegmentationpolicies/status", "patch"),
    ("policy.networking.k8s.io", "clusternetworkpolicies/status", "patch"),
    ("coordination.k8s.io", "leases", "create"),
    ("coordination.k8s.io", "leases", "update"),
}
EVENTS = {("events.k8s.io", "events", "create"), ("events.k8s.io", "events", "patch")}


class Rights(unittest.TestCase):
    configs = PRESETS

    @classmethod
    def title(cls, config):
        return f"rights.{config}"

    def setUp(self):
        self.objects = Objects(*preset(self.config))

    def granted(self, account):
        """{(group, resource, verb)}, and the roles that are not ours, by every binding that names it."""
        found, others = set(), set()
        roles = {**self.objects.of("ClusterRole"), **self.objects.of("Role")}
        for kind in ("RoleBinding", "ClusterRoleBinding"):
            for binding in self.objects.of(kind).values():
                if account not in [s["name"] for s in binding["subjects"]]:
                    continue
                role = binding["roleRef"]["name"]
                if role not in roles:
                    others.add(role)
                    continue
                for rule in roles[role]["rules"]:
                    self.assertLessEqual(set(rule), {"apiGroups", "resources", "resourceNames", "verbs"})
                    found |= {
                        (g, r, v) for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]
                    }
        return found, others

    def test_agent(self):
        """Reads what its policy is made of, posts Events, and writes the status of policies."""
        found, others = self.granted("bulkhead-agent")
        reads = {t for t in found if t[2] in READ}
        self.assertEqual(found - reads, EVENTS | STATUS)
        self.assertEqual({r for _, r, _ in reads}, AGENT_READS | {"leases"})
        self.assertEqual({r for _, r, v in reads if v == "get"}, {"pods", "leases"})
        self.assertEqual(others, {"system:openshift:scc:privileged"} if self.config == "openshift" else set())

    def test_lease(self):
        """One by its name, in the release's namespace alone."""
        (role,) = [r for n, r in self.objects.of("Role").items() if n == "bulkhead-status"]
        named = [r for r in role["rules"] if r["verbs"] != ["create"]]
        self.assertEqual([r["resourceNames"] for r in named], [["bulkhead-status"]])
        cluster = self.objects.of("ClusterRole")["bulkhead-agent"]["rules"]
        self.assertFalse([r for r in cluster if "leases" in r["resources"]])

    def test_retire(self):
        """In the release's namespace alone."""
        found, _ = self.granted("bulkhead-retire")
        self.assertEqual(
            found, {("", "pods", "list"), ("", "pods", "patch"), ("events.k8s.io", "events", "list")}
        )
        bound = [
            b
            for b in self.objects.of("ClusterRoleBinding").values()
            if "bulkhead-retire" in [s["name"] for s in b["subjects"]]
        ]
        self.assertFalse(bound)

    def test_nothing_by_a_wildcard(self):
        for kind in ("ClusterRole", "Role"):
            for name, role in self.objects.of(kind).items():
                for rule in role["rules"]:
                    self.assertNotIn("*", [*rule["apiGroups"], *rule["resources"], *rule["verbs"]], name)
                    self.assertNotIn("secrets", rule["resources"], name)

    def test_tokens(self):
        """Only in the pods that ask the API server."""
        for account in self.objects.of("ServiceAccount").values():
            self.assertIs(account["automountServiceAccountToken"], False)
        mounted = {n for n, pod in self.objects.pods().items() if pod["spec"]["automountServiceAccountToken"]}
        self.assertEqual(mounted, {"DaemonSet/bulkhead-agent", "Job/bulkhead-retire"})

    def test_every_container(self):
        for name, pod in self.objects.pods().items():
            for c in containers(pod):
                s = c["securityContext"]
                self.assertNotIn("privileged", s, name)
                self.assertIs(s["allowPrivilegeEscalation"], False, name)
                self.assertIs(s["readOnlyRootFilesystem"], True, name)
                self.assertEqual(s["capabilities"]["drop"], ["ALL"], name)
                self.assertEqual(s["seccompProfile"], {"type": "RuntimeDefault"}, name)
                self.assertNotIn("ports", c, name)
                self.assertTrue(c["resources"]["requests"], name)
                if name == "DaemonSet/bulkhead-agent":
                    self.assertEqual(s["capabilities"]["add"], ["BPF", "NET_ADMIN", "PERFMON"])
                    continue
                self.assertNotIn("add", s["capabilities"], name)
                self.assertIs(s["runAsNonRoot"], True, name)

    def test_every_pod(self):
        for name, pod in self.objects.pods().items():
            for key in ("hostPID", "hostIPC", "shareProcessNamespace"):
                self.assertNotIn(key, pod["spec"], name)
            on_node = name in ("DaemonSet/bulkhead-agent", "Job/bulkhead-retire")
            self.assertEqual(pod["spec"].get("hostNetwork", False), on_node, name)
            self.assertEqual(pod["spec"]["nodeSelector"]["kubernetes.io/os"], "linux", name)
            if name != "DaemonSet/bulkhead-agent":
                self.assertFalse(pod["spec"].get("volumes"), name)

    def test_of_the_node(self):
        agent = self.objects.agent()["spec"]
        paths = {v["hostPath"]["path"] for v in agent["volumes"] if "hostPath" in v}
        args = dict(a.split("=", 1) for a in agent["containers"][0]["args"] if "=" in a)
        self.assertEqual(paths, HOST_PATHS | {args["--cni-conf-dir"], args["--cni-bin-dir"]})
        propagated = {
            m["mountPath"]: m["mountPropagation"]
            for c in containers({"spec": agent})
            for m in c["volumeMounts"]
            if "mountPropagation" in m
        }
        self.assertEqual(propagated, {"/sys/fs/bpf": "HostToContainer"})


class DaemonSet(unittest.TestCase):
    @classmethod
    def title(cls, _):
        return "daemonset"

    def setUp(self):
        self.set = Objects().of("DaemonSet")["bulkhead-agent"]
        self.pod = self.set["spec"]["template"]["spec"]

    def test_never_less_than_one_on_a_node(self):
        self.assertEqual(
            self.set["spec"]["updateStrategy"],
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        )

    def test_on_every_node(self):
        self.assertEqual(self.pod["tolerations"], [{"operator": "Exists"}])
        self.assertEqual(self.pod["nodeSelector"], {"kubernetes.io/os": "linux"})
        self.assertEqual(self.pod["priorityClassName"], "system-node-critical")
        self.assertNotIn("affinity", self.pod)

    def test_needs_nobody(self):
        """Not the chain, and not the cluster's DNS."""
        self.assertIs(self.pod["hostNetwork"], True)
        self.assertEqual(self.pod["dnsPolicy"], "Default")

    def test_probes(self):
        """By exec, each its own; liveness has time, and a start has more."""
        agent = self.pod["containers"][0]
        for name, word in (
            ("startupProbe", "livez"),
            ("livenessProbe", "livez"),
            ("readinessProbe", "readyz"),
        ):
            command = agent[name]["exec"]["command"]
            self.assertEqual(
                command, ["/usr/bin/bulkhead-agent", "probe", word, "--probe-dir=/run/bulkhead-probe"]
            )
        start = agent["startupProbe"]
        self.assertGreaterEqual(start["periodSeconds"] * start["failureThreshold"], 120)
        self.assertIn("--probe-dir=/run/bulkhead-probe", agent["args"])
        self.assertIn("/run/bulkhead-probe", [m["mountPath"] for m in agent["volumeMounts"]])

    def test_selector_is_in_the_labels(self):
        wanted = self.set["spec"]["selector"]["matchLabels"]
        labels = self.set["spec"]["template"]["metadata"]["labels"]
        self.assertEqual({k: labels[k] for k in wanted}, wanted)
        self.assertEqual(
            wanted, {"app.kubernetes.io/name": "bulkhead", "app.kubernetes.io/component": "agent"}
        )

    def test_selects_nobody_else(self):
        wanted = self.set["spec"]["selector"]["matchLabels"].items()
        for name, pod in Objects().pods().items():
            labels = pod["metadata"]["labels"].items()
            self.assertEqual(wanted <= labels, name == "DaemonSet/bulkhead-agent", name)

    def test_app_armor(self):
        """A field where Kubernetes knows it, an annotation before."""
        for version, field in (("1.29", False), ("1.30", True)):
            pod = Objects("--kube-version", version).agent()
            notes = pod["metadata"].get("annotations", {})
            for c in containers(pod):
                self.assertEqual(
                    c["securityContext"].get("appArmorProfile"), {"type": "Unconfined"} if field else None
                )
                key = f"container.apparmor.security.beta.kubernetes.io/{c['name']}"
                self.assertEqual(notes.get(key), None if field else "unconfined")


class Status(unittest.TestCase):
    """Of policies."""

    @classmethod
    def title(cls, _):
        return "status"

    def test_off(self):
        """Then nobody may write any of it, or would try."""
        objects = Objects("--set", "status.enabled=false")
        for kind in ("ClusterRole", "Role"):
            for role in objects.of(kind).values():
                self.assertFalse([r for r in role["rules"] if "status" in str(r) or "leases" in r["resources"]])
        self.assertNotIn("--policy-status", objects.agent()["spec"]["containers"][0]["args"])
        self.assertFalse(objects.of("ValidatingAdmissionPolicy"))
        self.assertIn("--policy-status", Objects().agent()["spec"]["containers"][0]["args"])

    def test_admission(self):
        """Where the API server can hold each node to its own."""
        for version, there in (("1.29", False), ("1.30", True)):
            objects = Objects("--kube-version", version)
            for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"):
                names = ["bulkhead-node-status", "bulkhead-status-lease", "bulkhead-status-objects"]
                self.assertEqual(sorted(objects.of(kind)), names if there else [], version)
            for name, binding in objects.of("ValidatingAdmissionPolicyBinding").items():
                self.assertEqual((binding["spec"]["policyName"], binding["spec"]["validationActions"]), (name, ["Deny"]))


class Flows(unittest.TestCase):
    @classmethod
    def title(cls, _):
        return "flows"

    def test_all_that_may_be_asked_is_in_a_flow(self):
        objects = Objects()
        flows = sorted(objects.of("FlowSchema").values(), key=lambda f: f["spec"]["matchingPrecedence"])
        asked = set()
        for flow in flows:
            (rule,) = flow["spec"]["rules"]
            (subject,) = rule["subjects"]
            self.assertEqual(subject["serviceAccount"], {"name": "bulkhead-agent", "namespace": "bulkhead"})
            for r in rule["resourceRules"]:
                asked |= {(x, v) for x in r["resources"] for v in r["verbs"]}
            # before the schemas of ordinary accounts (9000) and of kube-system's (900), after the system's own (800)
            self.assertTrue(800 < flow["spec"]["matchingPrecedence"] < 900)
        may = {
            (x, v)
            for role in (objects.of("ClusterRole")["bulkhead-agent"], objects.of("Role")["bulkhead-status"])
            for r in role["rules"]
            for x in r["resources"]
            for v in r["verbs"]
        }
        self.assertLessEqual(may, asked)

    def test_new_pods_first(self):
        """What an ADD waits for, and nothing that reads the whole cluster."""
        first = Objects().of("FlowSchema")["bulkhead-new-pods"]["spec"]
        self.assertEqual(first["priorityLevelConfiguration"]["name"], "workload-high")
        of_cluster = {"clusternetworkpolicies", "clustersegmentationpolicies"}  # few, and an ADD asks for them
        found = set()
        for rule in first["rules"][0]["resourceRules"]:
            found |= set(rule["resources"])
            self.assertEqual("clusterScope" in rule, set(rule["resources"]) <= of_cluster)
            self.assertNotIn("watch", rule["verbs"])
        self.assertEqual(found, of_cluster | {"pods", "networkpolicies", "segmentationpolicies"})

    def test_versions(self):
        for version, want in (("1.25", "v1beta2"), ("1.26", "v1beta3"), ("1.28", "v1beta3"), ("1.29", "v1")):
            text = [o["apiVersion"] for o in Objects("--kube-version", version).of("FlowSchema").values()]
            self.assertEqual(set(text), {"flowcontrol.apiserver.k8s.io/" + want}, version)


class Hooks(unittest.TestCase):
    @classmethod
    def title(cls, _):
        return "hooks"

    def setUp(self):
        self.hooks = [o for o in Objects().all if "helm.sh/hook" in o["metadata"].get("annotations", {})]

    def order(self, kind):
        def weight(o):
            return int(o["metadata"]["annotations"]["helm.sh/hook-weight"])

        found = [o for o in self.hooks if o["metadata"]["annotations"]["helm.sh/hook"] == kind]
        return [o["kind"] for o in sorted(found, key=weight)]

    def test_uninstall(self):
        """The account before who uses it."""
        order = self.order("pre-delete")
        self.assertEqual(order[-2:], ["RoleBinding", "Job"])
        self.assertEqual(sorted(order[:-2]), ["Role", "ServiceAccount"])

    def test_test(self):
        """The policy before the server that it is for, and the client last."""
        self.assertEqual(self.order("test"), ["NetworkPolicy", "Service", "Deployment", "Pod"])

    def test_nothing_stays_of_what_went_well(self):
        for o in self.hooks:
            policy = o["metadata"]["annotations"]["helm.sh/hook-delete-policy"].split(",")
            self.assertEqual(policy, ["before-hook-creation", "hook-succeeded"], o["metadata"]["name"])

    def test_can_always_run(self):
        job = Objects().of("Job")["bulkhead-retire"]["spec"]["template"]["spec"]
        self.assertIs(job["hostNetwork"], True)
        self.assertEqual(job["restartPolicy"], "Never")
        self.assertEqual(job["priorityClassName"], "system-node-critical")

    def tolerates(self, key, effect, *args):
        """Whether the hook's Job may be put on a node with this taint."""
        job = Objects(*args).of("Job")["bulkhead-retire"]["spec"]["template"]["spec"]
        return [
            t
            for t in job["tolerations"]
            if t["operator"] == "Exists" and t.get("key", key) == key and t.get("effect", effect) == effect
        ]

    def test_not_on_a_lost_node(self):
        """Where no kubelet would ever start it, so that the uninstall fails for one node that is down."""
        lost = "node.kubernetes.io/unreachable"
        self.assertFalse(self.tolerates(lost, "NoSchedule"))
        (soon,) = self.tolerates(lost, "NoExecute")  # of its own, or admission adds five minutes
        self.assertLessEqual(soon["tolerationSeconds"], 30)
        for key in ("not-ready", "network-unavailable", "unschedulable", "disk-pressure"):
            self.assertTrue(self.tolerates("node.kubernetes.io/" + key, "NoSchedule"), key)
        self.assertTrue(self.tolerates("node-role.kubernetes.io/control-plane", "NoSchedule"))
        more = ("--set", "uninstall.tolerations[0].key=pool", "--set", "uninstall.tolerations[0].operator=Exists")
        self.assertFalse(self.tolerates("pool", "NoSchedule"))
        self.assertTrue(self.tolerates("pool", "NoSchedule", *more))

    def test_test_asks_what_the_policy_says(self):
        objects = Objects()
        policy = objects.of("NetworkPolicy")["bulkhead-selftest"]["spec"]
        server = objects.of("Deployment")["bulkhead-selftest"]["spec"]["template"]
        client = objects.of("Pod")["bulkhead-selftest"]
        wanted = policy["podSelector"]["matchLabels"]
        self.assertEqual({k: server["metadata"]["labels"][k] for k in wanted}, wanted)
        peer = policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
        self.assertEqual({k: client["metadata"]["labels"][k] for k in peer}, peer)
        self.assertNotEqual(peer, wanted)
        serve, probe = server["spec"]["containers"][0]["args"], client["spec"]["containers"][0]["args"]
        allowed, denied = serve[2:]
        self.assertEqual(
            probe, ["selftest", "probe", "$(BULKHEAD_SELFTEST_SERVICE_HOST)", allowed, denied, "60"]
        )
        self.assertEqual([p["port"] for p in policy["ingress"][0]["ports"]], [int(allowed)])
        ports = {p["port"] for p in objects.of("Service")["bulkhead-selftest"]["spec"]["ports"]}
        self.assertEqual(ports, {int(allowed), int(denied)})
