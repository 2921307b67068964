# SPDX-License-Identifier: Apache-2.0
"""A cluster of many pods for one agent: the scripted API server of tests/api, with pods of other nodes that
are rendered once, each as large as a real one (7 KB), and sent as they are. A real kube-apiserver with fifty
thousand pods would need gigabytes and both CPUs for itself; what the agent gets to read is the same."""
import json

from fake import MARKER, Fake
from objects import KINDS, head, pod_status

PODS_A_DEPLOYMENT, PODS_A_NODE, DEPLOYMENTS_A_NAMESPACE = 50, 100, 10
SENT_AT_ONCE = 50
DIGEST = "sha256:" + "0123456789abcdef" * 4


def container(name, app):
    probe = {
        "httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    env = [{"name": f"SETTING_{i}", "value": f"the-value-of-setting-{i}-of-{app}"} for i in range(8)]
    env.append(
        {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}
    )
    return {
        "name": name,
        "image": f"registry.example/{app}/{name}@{DIGEST}",
        "env": env,
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "resources": {
            "limits": {"cpu": "1", "memory": "512Mi"},
            "requests": {"cpu": "100m", "memory": "128Mi"},
        },
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/app"},
            {
                "name": "kube-api-access",
                "readOnly": True,
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
            },
        ],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def managed_fields():
    """What the API server notes of who wrote which field: a third of a Pod's size."""
    keys = [
        f"f:{k}"
        for k in ("image", "imagePullPolicy", "name", "resources", "terminationMessagePath", "volumeMounts")
    ]
    spec = {
        f'k:{{"name":"{c}"}}': {
            ".": {},
            **{k: {} for k in keys},
            "f:env": {
                f'k:{{"name":"SETTING_{i}"}}': {".": {}, "f:name": {}, "f:value": {}} for i in range(8)
            },
        }
        for c in ("main", "sidecar")
    }
    status = {
        "f:status": {
            "f:conditions": {
                f'k:{{"type":"{t}"}}': {".": {}, "f:lastTransitionTime": {}, "f:status": {}}
                for t in ("Ready", "Initialized", "ContainersReady")
            }
        }
    }
    return [
        {
            "manager": m,
            "operation": "Update",
            "apiVersion": "v1",
            "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
        }
        for m, fields in (
            ("kube-controller-manager", {"f:spec": {"f:containers": spec}}),
            ("kubelet", status),
        )
    ]


def address(i):
    return f"10.{128 + i // 62500}.{i // 250 % 250}.{i % 250 + 1}"


def labels(i):
    d = i // PODS_A_DEPLOYMENT
    return {
        "app": f"app-{d}",
        "app.kubernetes.io/instance": f"instance-{d}",
        "tier": ("front", "middle", "back")[d % 3],
        "version": f"v{d % 4}",
        "pod-template-hash": f"{d * 2654435761 % 2**32:08x}",
    }


def make_pod(i, more_labels=(), ready=True):
    """The pod number @i, as an API server would send it."""
    d = i // PODS_A_DEPLOYMENT
    obj = head(
        "Pod",
        f"crowd-{d // DEPLOYMENTS_A_NAMESPACE}",
        f"app-{d}-{labels(i)['pod-template-hash']}-{i:05x}",
        {**labels(i), **dict(more_labels)},
    )
    obj["metadata"].update(
        uid=f"00000000-0000-4000-8000-{i:012x}",
        resourceVersion="90",
        creationTimestamp="2026-01-01T00:00:00Z",
        generateName=f"app-{d}-",
        annotations={"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"},
        ownerReferences=[
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": f"app-{d}",
                "uid": f"{d:032x}",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
        managedFields=managed_fields(),
    )
    obj["spec"] = {
        "nodeName": f"node-{i // PODS_A_NODE}",
        "serviceAccountName": f"app-{d}",
        "restartPolicy": "Always",
        "containers": [container("main", f"app-{d}"), container("sidecar", f"app-{d}")],
        "volumes": [{"name": "config", "configMap": {"name": f"app-{d}", "defaultMode": 420}}],
        "tolerations": [
            {"key": f"node.kubernetes.io/{k}", "operator": "Exists", "effect": "NoExecute"}
            for k in ("not-ready", "unreachable")
        ],
    }
    obj["status"] = {
        **pod_status([address(i), f"fd00:128::{i + 1:x}"]),
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "qosClass": "Burstable",
        "startTime": "2026-01-01T00:00:00Z",
        "hostIP": f"192.0.2.{i % 200 + 3}",
        "containerStatuses": [
            {
                "name": c,
                "ready": ready,
                "restartCount": 0,
                "image": f"registry.example/app-{d}",
                "imageID": DIGEST,
                "containerID": f"containerd://{i:064x}",
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
            }
            for c in ("main", "sidecar")
        ],
    }
    return obj


class Crowd(Fake):
    """@pods of other nodes, and the namespaces, nodes' count and policies that go with so many."""

    def __init__(self, node, pods):
        super().__init__(node)
        self.crowd = {i: json.dumps(make_pod(i)).encode() for i in range(pods)}
        for n in range(pods // (PODS_A_DEPLOYMENT * DEPLOYMENTS_A_NAMESPACE) + 1):
            self.apply({**head("Namespace", None, f"crowd-{n}", {"team": f"team-{n % 7}"})})

    def pod_bytes(self):
        return sum(map(len, self.crowd.values()))

    def texts(self, x):
        """All that answers, each as JSON."""
        mine = [json.dumps(o).encode() for o in self.selected(x)]
        others = (
            x.kind == "Pod" and not x.ns and not x.query.get("fieldSelector", "").startswith("spec.nodeName=")
        )
        return mine + (list(self.crowd.values()) if others else [])

    async def list(self, x):
        token, texts = x.query.get("continue"), self.texts(x)
        start, limit = int(token or 0), int(x.query.get("limit") or len(texts) or 1)
        meta = {
            "resourceVersion": str(self.version),
            **({"continue": str(start + limit)} if start + limit < len(texts) else {}),
        }
        await x.start()
        await x.send(
            f'{{"kind":"{x.kind}List","apiVersion":"{KINDS[x.kind][0]}","metadata":{json.dumps(meta)},"items":['
        )
        part = texts[start : start + limit]
        for i in range(0, len(part), SENT_AT_ONCE):
            await x.send((b"," if i else b"") + b",".join(part[i : i + SENT_AT_ONCE]))
        await x.send("]}")
        await x.end()

    async def initial_events(self, x):
        version, lines = self.version, [b'{"type":"ADDED","object":' + t + b"}\n" for t in self.texts(x)]
        for i in range(0, len(lines), SENT_AT_ONCE):
            await x.send(b"".join(lines[i : i + SENT_AT_ONCE]))
        await self.bookmark(x, version, MARKER)
        return version

    def tell(self, what, i, **change):
        """An event about the pod number @i."""
        obj = make_pod(i, **change)
        self.crowd.pop(i, None)
        if what != "DELETED":
            self.crowd[i] = json.dumps(obj).encode()
        self._do(self._tell(what, obj))

    async def _tell(self, what, obj):
        self.version += 1
        obj["metadata"]["resourceVersion"] = str(self.version)
        self.log.append((self.version, what, obj))
        async with self.changed:
            self.changed.notify_all()

    def write_policies(self, node, count=200, here=10):
        """Of the namespaces of the crowd, and @here that are about this node's."""
        for i in range(count):
            peers = [
                {"podSelector": {"matchLabels": {"app": f"app-{i}"}}},
                {
                    "namespaceSelector": {"matchLabels": {"team": f"team-{i % 7}"}},
                    "podSelector": {"matchLabels": {"tier": "front"}},
                },
            ]
            ns = "shop" if i < here else f"crowd-{i % 10}"
            node.write_policy(
                ns,
                f"policy-{i}",
                policyTypes=["Ingress"],
                ingress=[{"from": peers, "ports": [{"port": 8080}]}],
            )
