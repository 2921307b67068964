# SPDX-License-Identifier: Apache-2.0
"""Policies as people write them, and who then reaches whom: every pair of pods, node and outside world,
TCP and UDP, in every way in which a node can be. And the same with our programs taken off."""
import os

import bpf
import invariants
from case import ALL_CONFIGS, FEW_CONFIGS, PolicedCase
from node import POD_NET, WORLD_ADDR, Pod, cidr, run

IN, OUT = ["Ingress"], ["Egress"]


class Matrix(PolicedCase):
    configs = ALL_CONFIGS + ["bridge/1.9/dual/tcx", "ptp/1.9/dual/clsact"]
    cost = 5
    waits = True

    def tearDown(self):
        self.node.remove_policies()

    def policy(self, ns, name="p", **spec):
        self.node.write_policy(ns, name, **spec)

    def in_shop(self, who):
        return isinstance(who, Pod) and who.ns == "shop"

    def in_lab(self, who):
        return isinstance(who, Pod) and who.ns == "lab"

    def blocks(self, per_family):
        return [per_family[f] for f in self.node.families]

    def test_no_policy(self):
        self.assert_policed()

    def test_deny_ingress(self):
        self.policy("shop", policyTypes=IN)
        self.assert_policed(ingress=lambda s, d, *_: not self.in_shop(d))

    def test_deny_egress(self):
        self.policy("shop", policyTypes=OUT)
        self.assert_policed(egress=lambda s, d, *_: not self.in_shop(s))

    def test_deny_both(self):
        self.policy("shop", policyTypes=IN + OUT)
        self.assert_policed(
            ingress=lambda s, d, *_: not self.in_shop(d), egress=lambda s, d, *_: not self.in_shop(s)
        )

    def test_policy_types_by_default(self):
        """Without policyTypes: ingress always, egress because there is an egress rule."""
        self.policy("shop", egress=[{"to": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]}])
        self.assert_policed(
            ingress=lambda s, d, *_: not self.in_shop(d),
            egress=lambda s, d, *_: not self.in_shop(s) or self.in_lab(d),
        )

    def test_pod_selector(self):
        """Alone it means pods of the policy's own namespace: lab/web has the label, too."""
        self.policy(
            "shop",
            subject={"app": "db"},
            ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}],
        )
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s is self.web)

    def test_namespace_selector(self):
        self.policy(
            "shop",
            subject={"app": "db"},
            ingress=[{"from": [{"namespaceSelector": {"matchLabels": {"team": "blue"}}}]}],
        )
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or self.in_lab(s))

    def test_namespace_by_its_name(self):
        """The label that the API server puts on every namespace."""
        by_name = {"matchLabels": {"kubernetes.io/metadata.name": "lab"}}
        self.policy("shop", ingress=[{"from": [{"namespaceSelector": by_name}]}])
        self.assert_policed(ingress=lambda s, d, *_: not self.in_shop(d) or self.in_lab(s))

    def test_both_selectors_in_one_peer(self):
        self.policy(
            "shop",
            subject={"app": "db"},
            ingress=[
                {
                    "from": [
                        {
                            "namespaceSelector": {"matchLabels": {"team": "blue"}},
                            "podSelector": {"matchLabels": {"app": "web"}},
                        }
                    ]
                }
            ],
        )
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s is self.labweb)

    def test_two_peers(self):
        """The same two selectors as two items: either."""
        self.policy(
            "shop",
            subject={"app": "db"},
            ingress=[
                {
                    "from": [
                        {"namespaceSelector": {"matchLabels": {"team": "blue"}}},
                        {"podSelector": {"matchLabels": {"app": "web"}}},
                    ]
                }
            ],
        )
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s is self.web or self.in_lab(s))

    def test_match_expressions(self):
        """NotIn and DoesNotExist match what lacks the key."""
        self.policy(
            "shop",
            subject={"app": "db"},
            ingress=[
                {
                    "from": [
                        {
                            "namespaceSelector": {},
                            "podSelector": {
                                "matchExpressions": [
                                    {"key": "tier", "operator": "NotIn", "values": ["front"]},
                                    {"key": "app", "operator": "In", "values": ["web", "db"]},
                                ]
                            },
                        }
                    ]
                }
            ],
        )
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s is self.labweb)

    def test_empty_selector_is_everybody(self):
        """A peer of all pods of all namespaces: the world outside is not among them."""
        self.policy("shop", ingress=[{"from": [{"namespaceSelector": {}}]}])
        self.assert_policed(ingress=lambda s, d, *_: not self.in_shop(d) or isinstance(s, Pod))

    def test_empty_rule_is_anything(self):
        self.policy("shop", ingress=[{}], egress=[{"to": [{"podSelector": {}}]}], policyTypes=IN + OUT)
        self.assert_policed(egress=lambda s, d, *_: not self.in_shop(s) or self.in_shop(d))

    def test_ip_block(self):
        """The world is inside, pods outside of the block."""
        self.policy(
            "shop",
            ingress=[{"from": [{"ipBlock": {"cidr": cidr(WORLD_ADDR[f], f)}} for f in self.node.families]}],
            egress=[{"to": [{"ipBlock": {"cidr": POD_NET[f]}} for f in self.node.families]}],
            policyTypes=IN + OUT,
        )
        self.assert_policed(
            ingress=lambda s, d, *_: not self.in_shop(d) or s is self.node.world,
            egress=lambda s, d, *_: not self.in_shop(s) or isinstance(d, Pod),
        )

    def test_ip_block_except(self):
        """All pods but one, by address; what another item admits is not taken away."""
        self.policy(
            "shop",
            subject={"app": "db"},
            ingress=[
                {
                    "from": [
                        {"ipBlock": {"cidr": POD_NET[f], "except": [cidr(self.web, f), cidr(self.job, f)]}}
                        for f in self.node.families
                    ]
                    + [{"ipBlock": {"cidr": cidr(self.job, f)}} for f in self.node.families]
                }
            ],
        )
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s in (self.labweb, self.job))

    def test_blocks_inside_each_other(self):
        """The longest prefix must not hide what a shorter one allows."""
        wide = {4: "10.0.0.0/8", 6: "fd00::/8"}
        self.policy(
            "shop",
            subject={"app": "db"},
            ingress=[
                {
                    "from": [{"ipBlock": {"cidr": wide[f]}} for f in self.node.families],
                    "ports": [{"port": 80}],
                },
                {
                    "from": [{"ipBlock": {"cidr": cidr(self.web, f)}} for f in self.node.families],
                    "ports": [{"port": 443}],
                },
            ],
        )
        self.assert_policed(
            ingress=lambda s, d, proto, port: d is not self.db
            or (isinstance(s, Pod) and proto == "tcp" and (port == 80 or (port == 443 and s is self.web)))
        )

    def test_ports(self):
        """TCP by default; one port of UDP."""
        self.policy("shop", ingress=[{"ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}])
        self.assert_policed(
            ingress=lambda s, d, proto, port: not self.in_shop(d)
            or (proto, port) in (("tcp", 80), ("udp", 53))
        )

    def test_end_port(self):
        """Both ends belong to it."""
        self.policy(
            "shop",
            ingress=[
                {"ports": [{"port": 80, "endPort": 443}, {"port": 5000, "endPort": 5353, "protocol": "UDP"}]}
            ],
        )
        self.assert_policed(
            ingress=lambda s, d, proto, port: not self.in_shop(d)
            or (proto, port) in (("tcp", 80), ("tcp", 443), ("udp", 5353))
        )

    def test_protocol_alone(self):
        """A protocol without a port is all of its ports."""
        self.policy("shop", ingress=[{"ports": [{"protocol": "UDP"}]}])
        self.assert_policed(ingress=lambda s, d, proto, port: not self.in_shop(d) or proto == "udp")

    def test_many_ports(self):
        """More ranges than a row holds inline: found by bisection."""
        self.policy(
            "shop",
            ingress=[
                {
                    "ports": [{"port": p} for p in range(70, 90, 2)]
                    + [{"port": 8080}]
                    + [{"port": p, "protocol": "UDP"} for p in (50, 53, 55)]
                }
            ],
        )
        self.assert_policed(
            ingress=lambda s, d, proto, port: not self.in_shop(d)
            or (proto, port) in (("tcp", 80), ("tcp", 8080), ("udp", 53))
        )

    def test_egress_rule(self):
        self.policy(
            "lab",
            subject={"app": "job"},
            policyTypes=OUT,
            egress=[
                {"to": [{"namespaceSelector": {"matchLabels": {"team": "red"}}}], "ports": [{"port": 80}]},
                {"ports": [{"port": 53, "protocol": "UDP"}]},
            ],
        )
        self.assert_policed(
            egress=lambda s, d, proto, port: s is not self.job
            or (proto, port) == ("udp", 53)
            or (self.in_shop(d) and (proto, port) == ("tcp", 80))
        )

    def test_both_ends_must_agree(self):
        """Egress here and ingress there: each allows something else, together only one pair and port."""
        self.policy(
            "shop",
            subject={"app": "web"},
            policyTypes=OUT,
            egress=[
                {
                    "to": [{"podSelector": {"matchLabels": {"app": "db"}}}],
                    "ports": [{"port": 80}, {"port": 443}],
                }
            ],
        )
        self.policy(
            "shop",
            "q",
            subject={"app": "db"},
            ingress=[
                {
                    "from": [{"podSelector": {"matchLabels": {"app": "web"}}}],
                    "ports": [{"port": 443}, {"port": 8080}],
                }
            ],
        )
        self.assert_policed(
            ingress=lambda s, d, proto, port: d is not self.db
            or (s is self.web and (proto, port) in (("tcp", 443), ("tcp", 8080))),
            egress=lambda s, d, proto, port: s is not self.web
            or (d is self.db and (proto, port) in (("tcp", 80), ("tcp", 443))),
        )

    def test_policies_add_up(self):
        self.policy("shop", policyTypes=IN)
        self.policy(
            "shop",
            "q",
            subject={"app": "db"},
            ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}],
        )
        self.policy("shop", "r", subject={"tier": "back"}, ingress=[{"ports": [{"port": 443}]}])
        self.assert_policed(
            ingress=lambda s, d, proto, port: not self.in_shop(d)
            or (d is self.db and (s is self.web or (proto, port) == ("tcp", 443)))
        )

    def test_a_subject_that_is_nobody(self):
        self.policy("shop", subject={"app": "none"}, policyTypes=IN + OUT)
        self.assert_policed()

    def test_another_protocol_isolates_too(self):
        """A policy that only speaks of SCTP denies all TCP and UDP."""
        self.policy("shop", ingress=[{"ports": [{"port": 80, "protocol": "SCTP"}]}])
        self.assert_policed(ingress=lambda s, d, *_: not self.in_shop(d))


class Detached(Matrix):
    """The proof that the tests can fail: every one of them again, on a node of its own; once its matrix is
    as the policy says, the programs are taken off, and then all must be open."""

    configs = FEW_CONFIGS
    fresh = True
    chained = True
    waits = False
    timeout_s = 600  # a node for each test

    def assert_policed(self, ingress=None, egress=None):
        super().assert_policed(ingress, egress)
        self.node.agent_pause()  # it would put them back
        for pod in self.node.pods:
            if invariants.tcx_in_use(self.node):
                for side in ("from", "to"):
                    bpf.link_detach(os.path.join(invariants.LINKS, f"{pod.key()}_{side}"))
            else:
                run("tc", "qdisc", "del", "dev", pod.hostif, "clsact")
        self.assert_matrix(lambda *_: True, self.everybody)
        self.node.agent_resume()
        for pod in list(self.node.pods):
            self.node.del_pod(pod)
