# SPDX-License-Identifier: Apache-2.0
"""Two agents on one node: the second waits, touches nothing, and takes over when the first is gone."""
import os
import random
import threading
import time

import bpf
from case import FEW_CONFIGS, LiveTraffic, PolicedCase
from node import BUILD, NEXT, differences, eventually

IN = ["Ingress"]


class WebToDb(PolicedCase):
    def only_web_to_db(self):
        self.node.write_policy(
            "shop",
            "db",
            subject={"app": "db"},
            policyTypes=IN,
            ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "web"}}}]}],
        )
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s is self.web)


class Standby(WebToDb):
    configs = FEW_CONFIGS
    fresh = True
    cost = 2

    def standby(self):
        """A second agent that is ready to take over."""
        second = self.node.agent_process()
        self.assertTrue(eventually(lambda: self.node.probe("readyz", second) == (0, []), 30))
        return second

    def take_over(self, second, end):
        """The first one ends by end(); the second is the node's agent then."""
        end()
        self.node.agent = second
        self.node.agent_ready()

    def test_takes_over_when_the_first_leaves(self):
        self.only_web_to_db()
        second = self.standby()
        status = self.node.ask("status")
        self.assertEqual((status["pid"], status["standby_waits"]), (self.node.agent.pid, True))
        self.take_over(second, self.node.agent_stop)
        status = self.node.ask("status")
        self.assertEqual((status["pid"], status["standby_waits"]), (second.pid, False))
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN)
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db)

    def test_takes_over_when_the_first_is_killed(self):
        self.only_web_to_db()
        self.take_over(self.standby(), self.node.agent_kill)
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db or s is self.web)

    def test_never_writes_beside_a_stopped_one(self):
        """Stopped is not gone: what was in force stays until the first one goes on, and is its own again."""
        self.only_web_to_db()
        first = self.node.agent
        self.node.agent_pause()
        second = self.standby()
        endpoints = bpf.endpoints()
        self.node.write_policy("shop", "db", subject={"app": "db"}, policyTypes=IN)
        time.sleep(1)
        want = self.policed(ingress=lambda s, d, *_: d is not self.db or s is self.web)
        bad = differences(self.node.matrix(self.everybody, want=want), want)
        self.assertFalse(bad, "\n".join(bad[:20]))
        self.assertEqual(bpf.endpoints(), endpoints)
        self.assertIsNone(second.poll())
        self.node.agent_resume()
        self.assert_policed(ingress=lambda s, d, *_: d is not self.db)
        self.assertEqual(self.node.ask("status")["pid"], first.pid)

    def test_a_standby_leaves(self):
        """And the first one does not notice."""
        second = self.standby()
        second.terminate()
        self.assertEqual(second.wait(10), 0)
        self.assertFalse(self.node.ask("status")["standby_waits"])
        self.assert_policed()

    def test_pods_added_during_it(self):
        """ADDs all the time while agents come and go: none fails."""
        failed, added, end = [], [], threading.Event()

        def add():
            while not end.is_set():
                name = f"new{len(added)}"
                try:
                    self.node.del_pod(self.node.add_pod("shop", name, {"app": name}, serve=False))
                except Exception as e:
                    failed.append(e)
                added.append(name)

        thread = threading.Thread(target=add)
        thread.start()
        try:
            for i in range(6):
                self.take_over(self.standby(), self.node.agent_kill if i % 2 else self.node.agent_stop)
        finally:
            end.set()
            thread.join()
        self.assertFalse(failed, f"{len(failed)} of {len(added)} ADDs failed: {failed[:3]}")
        self.assertGreater(len(added), 1)

    def test_what_came_while_it_waited(self):
        """It knows pods of after its own start."""
        second = self.standby()
        new = self.node.add_pod("shop", "new", {"app": "new"})
        self.node.write_policy("shop", "new", subject={"app": "new"}, policyTypes=IN)
        self.assert_policed(ingress=lambda s, d, *_: d is not new)
        self.take_over(second, self.node.agent_stop)
        self.assert_policed(ingress=lambda s, d, *_: d is not new)


class Rounds(WebToDb):
    """Agents of two builds end and replace each other in every way, again and again, under traffic that must not
    notice."""

    configs = FEW_CONFIGS
    cost = 4
    rounds = 100 if "BH_LONG" in os.environ else 15

    def finish(self, process, kill):
        (process.kill if kill else process.terminate)()
        process.wait(20)

    def begin(self, dice, ready):
        """An agent of either build; waited for until it could take over, or for a moment."""
        process = self.node.agent_process(dice.choice((BUILD, NEXT)))
        if ready:
            eventually(lambda: self.node.probe("readyz", process) == (0, []), 30)
        else:
            time.sleep(dice.uniform(0, 0.7))
        return process

    def restart(self, dice, kill):
        self.finish(self.node.agent, kill)
        self.node.agent = self.begin(dice, False)

    def hand_over(self, dice, kill):
        new = self.begin(dice, dice.random() < 0.7)
        self.finish(self.node.agent, kill)
        self.node.agent = new

    def standby_killed(self, dice, kill):
        """Before it could take over, or as if it never had been."""
        self.finish(self.begin(dice, dice.random() < 0.3), kill)

    def killed_on_the_way(self, dice, kill):
        """The new one, at some moment of its taking over."""
        new = self.begin(dice, dice.random() < 0.7)
        self.finish(self.node.agent, kill)
        time.sleep(dice.uniform(0, 0.06))
        self.finish(new, True)
        self.node.agent = self.begin(dice, False)

    def other_change(self, i):
        """Something to write for whoever works just then: a policy of another pod."""
        egress = [{"to": [{"podSelector": {"matchLabels": {"app": f"n{i}"}}}]}] if i % 3 else []
        self.node.write_policy(
            "lab", "web", subject={"app": "web"}, policyTypes=["Egress"], egress=egress
        )

    def test_under_traffic(self):
        seed = int(os.environ.get("BH_SEED", time.time_ns() % 1000000))
        dice, done = random.Random(seed), {}
        ways = (self.restart, self.hand_over, self.standby_killed, self.killed_on_the_way)
        self.only_web_to_db()
        traffic = LiveTraffic(self, self.db, [self.web], self.job)
        for i in range(self.rounds):
            self.other_change(i)
            way, kill = ways[i % len(ways)], dice.random() < 0.5
            way(dice, kill)
            self.node.agent_ready()
            name = way.__name__ + (" (SIGKILL)" if kill else " (SIGTERM)")
            done[name] = done.get(name, 0) + 1
        try:
            said = traffic.stop()
        except AssertionError as e:
            raise AssertionError(f"seed {seed}: {e}") from None
        with open(self.node.log_path, "a") as log:
            print(f"{self.rounds} rounds, seed {seed}: {done}; {said}: nothing lost, none let in", file=log)
        self.node.remove_policies()
        self.assert_policed()
