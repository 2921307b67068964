# SPDX-License-Identifier: Apache-2.0
"""Upgrades to a version whose maps have another layout, and back: a standby is ready beside the one that works,
takes its sessions over, and no packet meets a hook without programs."""
import os
import struct

import bpf
from case import FEW_CONFIGS, LiveTraffic, Pair, PolicedCase, Talk
from node import BUILD, LAYOUT, PIN_DIR, eventually, pin_dir

BOTH = ["Ingress", "Egress"]


class LayoutCase(PolicedCase):
    configs = FEW_CONFIGS
    fresh = True
    cost = 3

    def setUp(self):
        self.addCleanup(setattr, bpf, "PIN_DIR", PIN_DIR)  # last: the node is looked at where it is
        super().setUp()

    def one_way(self):
        """web may ask db, and neither may begin anything else: an answer stands on its session alone."""
        web, db = {"app": "web"}, {"app": "db"}
        asks = [{"podSelector": {"matchLabels": {"app": "db"}}}]
        asked = [{"podSelector": {"matchLabels": {"app": "web"}}}]
        self.node.write_policy("shop", "web", subject=web, policyTypes=BOTH, egress=[{"to": asks}])
        self.node.write_policy("shop", "db", subject=db, policyTypes=BOTH, ingress=[{"from": asked}])
        self.assert_one_way()

    def assert_one_way(self):
        def ingress(s, d, *_):
            return d is not self.web and (d is not self.db or s is self.web)

        def egress(s, d, *_):
            return s is not self.db and (s is not self.web or d is self.db)

        self.assert_policed(ingress, egress)

    def standby(self, build):
        process = self.node.agent_process(build)
        self.assertTrue(
            eventually(lambda: self.node.probe("readyz", process) == (0, []), 30), self.node.agent_log()
        )
        return process

    def changed(self, process, build):
        """@process is the node's agent now, and its plugin is installed."""
        self.node.agent = process
        self.node.agent_ready()
        bpf.PIN_DIR = pin_dir(build)
        self.node.install(build)

    def change(self, build, kill=False):
        process = self.standby(build)
        (self.node.agent_kill if kill else self.node.agent_stop)()
        self.changed(process, build)


class Change(LayoutCase):
    def test_under_traffic(self):
        self.one_way()
        traffic = LiveTraffic(self, self.web, self.job)
        self.change(LAYOUT)
        self.assert_invariants()
        said = traffic.stop(least=20)
        with open(self.node.log_path, "a") as log:
            print(f"layout changed: {said}: nothing lost, none let in", file=log)
        self.assert_one_way()
