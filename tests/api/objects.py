# SPDX-License-Identifier: Apache-2.0
"""API objects as the tests write them, and where each kind lives in the API."""
import os
import re

from node import ROOT

NODE = "node"  # the name of the node under test
ELSEWHERE = "elsewhere"  # of one that is not there

# kind: (group and version, resource, whether it has a namespace)
KINDS = {
    "Namespace": ("v1", "namespaces", False),
    "Node": ("v1", "nodes", False),
    "Pod": ("v1", "pods", True),
    "Service": ("v1", "services", True),
    "ServiceAccount": ("v1", "serviceaccounts", True),
    "EndpointSlice": ("discovery.k8s.io/v1", "endpointslices", True),
    "Event": ("events.k8s.io/v1", "events", True),
    "NetworkPolicy": ("networking.k8s.io/v1", "networkpolicies", True),
    "ClusterNetworkPolicy": ("policy.networking.k8s.io/v1alpha2", "clusternetworkpolicies", False),
    "SegmentationPolicy": ("policy.bulkhead.dev/v1alpha1", "segmentationpolicies", True),
    "ClusterSegmentationPolicy": ("policy.bulkhead.dev/v1alpha1", "clustersegmentationpolicies", False),
    "NetworkPolicyStatus": ("policy.bulkhead.dev/v1alpha1", "networkpolicystatuses", True),
    "NodePolicyStatus": ("policy.bulkhead.dev/v1alpha1", "nodepolicystatuses", False),
    "Lease": ("coordination.k8s.io/v1", "leases", True),
    "CustomResourceDefinition": ("apiextensions.k8s.io/v1", "customresourcedefinitions", False),
    "Role": ("rbac.authorization.k8s.io/v1", "roles", True),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "ValidatingAdmissionPolicy": ("admissionregistration.k8s.io/v1", "validatingadmissionpolicies", False),
    "ValidatingAdmissionPolicyBinding": (
        "admissionregistration.k8s.io/v1",
        "validatingadmissionpolicybindings",
        False,
    ),
}


def collection(kind, ns=None):
    """The path of a kind's objects, of one namespace or of all."""
    version, resource, _ = KINDS[kind]
    root = "/api/v1" if version == "v1" else f"/apis/{version}"
    return f"{root}/namespaces/{ns}/{resource}" if ns else f"{root}/{resource}"


def path(kind, ns, name):
    return f"{collection(kind, ns if KINDS[kind][2] else None)}/{name}"


def path_of(obj):
    return path(obj["kind"], obj["metadata"].get("namespace"), obj["metadata"]["name"])


def head(kind, ns, name, labels=None, annotations=None):
    meta = {"name": name}
    if KINDS[kind][2]:
        meta["namespace"] = ns
    if labels is not None:
        meta["labels"] = dict(labels)
    if annotations:
        meta["annotations"] = dict(annotations)
    return {"apiVersion": KINDS[kind][0], "kind": kind, "metadata": meta}


def namespace(name, labels=None):
    return head("Namespace", None, name, labels or {})


def pod(ns, name, labels=None, annotations=None, **spec):
    spec.setdefault("nodeName", NODE)
    spec.setdefault("containers", [{"name": "main", "image": "none"}])
    return {**head("Pod", ns, name, labels or {}, annotations), "spec": spec}


def pod_status(ips, phase="Running"):
    ips = list(ips)
    ready = {"type": "Ready", "status": "True" if phase == "Running" else "False"}
    status = {"phase": phase, "podIPs": [{"ip": ip} for ip in ips], "conditions": [ready]}
    return {**status, "podIP": ips[0]} if ips else status


def policy(ns, name, **spec):
    """`subject` stands for podSelector.matchLabels."""
    if "subject" in spec:
        spec["podSelector"] = {"matchLabels": spec.pop("subject")}
    spec.setdefault("podSelector", {})
    return {**head("NetworkPolicy", ns, name), "spec": spec}


def cluster_policy(name, tier="Admin", priority=10, subject=None, **rules):
    """`subject` as in the API; none: every pod."""
    spec = {"tier": tier, "priority": priority, "subject": subject or {"namespaces": {}}, **rules}
    return {**head("ClusterNetworkPolicy", None, name), "spec": spec}


def definition(kind, schema=None):
    """A CRD of that kind, which takes what it is sent, or what @schema knows."""
    version, plural, namespaced = KINDS[kind]
    group, version = version.split("/")
    schema = schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"kind": kind, "listKind": kind + "List", "plural": plural, "singular": kind.lower()}
    one = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    one["subresources"] = {"status": {}}
    notes = {"api-approved.kubernetes.io": "unapproved, for tests"}  # of a group that is Kubernetes' own
    return {
        **head("CustomResourceDefinition", None, f"{plural}.{group}", annotations=notes),
        "spec": {
            "group": group,
            "scope": "Namespaced" if namespaced else "Cluster",
            "names": names,
            "versions": [one],
        },
    }


def shipped():
    """[(name, YAML)] of manifests/crds.yaml."""
    with open(os.path.join(ROOT, "manifests/crds.yaml")) as f:
        parts = f.read().split("\n---\n")[1:]
    return [(next(line for line in p.splitlines() if line.startswith("  name: "))[8:], p) for p in parts]


def shipped_rights(ns):
    """[(kind, name, YAML)] of manifests/rbac.yaml without the account, as if its namespace were @ns."""
    with open(os.path.join(ROOT, "manifests/rbac.yaml")) as f:
        text = re.sub(r"(namespace: |serviceaccount:|metadata\.name: )bulkhead\b(?!-)", rf"\g<1>{ns}", f.read())
    for part in text.split("\n---\n")[1:]:
        kind, name = (re.search(rf"^ *{k}: (\S+)$", part, re.M).group(1) for k in ("kind", "name"))
        if kind not in ("Namespace", "ServiceAccount"):
            yield kind, name, part


def from_pods(**labels):
    """One item of `ingress`: pods of the same namespace."""
    return {"from": [{"podSelector": {"matchLabels": labels}}]}
