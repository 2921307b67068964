# SPDX-License-Identifier: Apache-2.0
"""The API server goes away, forgets, distrusts us or is not what it was: what is in force stays, and is
followed again when that is over."""
import time

from case_api import BACK_S, ApiCase, Traffic
from control import RULES
from node import eventually
from pki import Authority


class ServerGoes(ApiCase):
    node_args = {"proxied": True}
    cost = 3

    def while_away(self, away, back):
        """@away and @back: what happens to the server. The policy of before holds, then that of after."""
        self.deny_db("web")
        self.only_to_db(self.web)
        traffic = Traffic(self, self.web, self.job)
        away()
        text, cpu = self.assert_add_fails(manifest=False), self.node.cpu_s()
        time.sleep(2)
        self.assertLess(self.node.cpu_s() - cpu, 0.5, "it runs in circles")
        self.still_to_db(self.web)
        traffic.stop()
        back()
        self.deny_db()
        self.only_to_db(within=BACK_S)
        self.add_and_del()
        return text

    def test_killed(self):
        self.while_away(self.node.api.kill, self.node.api.start)

    def test_stopped(self):
        self.while_away(self.node.api.stop, self.node.api.start)

    def test_database_away(self):
        """The server is there, and cannot answer."""
        self.while_away(self.node.api.etcd.end, lambda: (self.node.api.etcd.start(), self.node.api.ready()))

    def test_connections_cut(self):
        self.deny_db("web")
        self.only_to_db(self.web)
        traffic = Traffic(self, self.web, self.job)
        for _ in range(5):
            self.node.proxy.cut()
            time.sleep(0.3)
        traffic.stop()
        self.deny_db()
        self.only_to_db(within=BACK_S)

    def test_compacted(self):
        """What changed while we did not listen is forgotten: 410, and a list."""
        self.deny_db("web")
        self.deny_db("job", name="gone")
        self.only_to_db(self.web)
        began = time.monotonic()
        self.node.agent_pause()
        self.node.api.kill()
        self.node.api.start()
        self.node.remove_policy("shop", "gone")
        self.node.write_pod("shop", "web", {"app": "other"})
        self.node.write_pod("shop", "gone")
        self.node.remove_pod("shop", "gone")
        self.node.api.compact()
        self.node.api.kill()
        self.node.api.start()
        self.node.agent_resume()
        self.only_to_db(within=BACK_S)
        watches = [r for r in self.node.proxy.requests if r.at > began and r.watch]
        gone = [r for r in watches if r.status == 410 or b'"code":410' in r.said]
        self.assertTrue(gone, f"no watch was too old: {watches}")


class Token(ApiCase):
    """In a cluster: the service account that is mounted into a pod."""

    node_args = {"proxied": True, "in_cluster": True}
    cost = 2

    def setUp(self):
        super().setUp()
        self.addCleanup(lambda: self.node.set_token(self.node.api.token()))
        self.deny_db("web")
        self.only_to_db(self.web)

    def again(self):
        """The server starts anew: it trusts no token of before unseen. When that was."""
        now = time.monotonic()
        self.node.api.kill()
        self.node.api.start()
        return now

    def refused(self, since):
        return [r for r in self.node.proxy.requests if r.at > since and r.status == 401]

    def test_expired(self):
        """Nothing but the file can help, and it does."""
        self.node.set_token(self.node.api.short_token(1))
        time.sleep(1.5)
        began = self.again()
        self.assertTrue(eventually(lambda: self.refused(began), 15))
        self.deny_db()
        self.assert_add_fails()
        time.sleep(1)
        self.still_to_db(self.web)
        self.node.set_token(self.node.api.token())
        self.only_to_db(within=BACK_S)
        self.add_and_del()

    def test_rotated(self):
        """The kubelet puts a new one there long before the old one ends."""
        self.node.set_token(self.node.api.short_token(1))
        time.sleep(1.5)
        self.node.set_token(self.node.api.token())
        began = self.again()
        self.deny_db()
        self.only_to_db(within=BACK_S)
        known = {r.at for r in self.refused(began)}
        self.assertLessEqual(len(known), 8, "more than one 401 for each watch")

    def test_the_file_is_gone_for_a_while(self):
        self.node.set_token("")
        self.again()
        time.sleep(2)
        self.still_to_db(self.web)
        self.node.set_token(self.node.api.token())
        self.deny_db()
        self.only_to_db(within=BACK_S)


class Certificates(ApiCase):
    cost = 2

    def test_ca_rotated(self):
        """The server's certificate is by another CA. It is trusted when the CA's file says so, not before."""
        api = self.node.api
        self.deny_db("web")
        self.only_to_db(self.web)
        new = Authority("/run/bh-new-ca", "new-ca")
        self.addCleanup(self.trust_only, api.ca)
        api.admin.tls.load_verify_locations(new.crt)
        api.serve_by(new)
        api.kill()
        api.start()
        self.deny_db()
        time.sleep(3)
        self.still_to_db(self.web)
        self.assert_add_fails()
        self.assertIn("certificate", self.node.trouble())
        self.node.set_ca(api.ca, new)
        self.only_to_db(within=BACK_S)
        self.add_and_del()

        api.serve_by(api.ca)  # both are trusted: nobody notices
        api.kill()
        api.start()
        self.deny_db("web")
        self.only_to_db(self.web, within=BACK_S)

    def trust_only(self, authority):
        self.node.api.serve_by(authority)
        self.node.set_ca(authority)

    def test_client_certificate(self):
        """A kubeconfig that holds everything itself, and no token."""
        self.node.agent_kill()
        crt, key = self.node.api.ca.client("agent", "system:masters")
        self.node.set_kubeconfig(self.node.embedded(crt, key))
        try:
            self.node.agent_start()
            self.deny_db("web")
            self.only_to_db(self.web)
            self.add_and_del()
        finally:
            self.node.set_server(self.node.port)
            self.node.agent_kill()
            self.node.agent_start()


class Rights(ApiCase):
    cost = 2

    def setUp(self):
        super().setUp()
        self.addCleanup(self.node.api.grant, RULES)
        self.deny_db("web")
        self.only_to_db(self.web)

    def only(self, *resources):
        """The agent may see these and no others, as a server says that starts anew."""
        self.node.api.grant(
            [
                {**r, "resources": [n for n in r["resources"] if n in resources]}
                for r in RULES
                if set(r["resources"]) & set(resources)
            ]
        )
        self.node.api.kill()
        self.node.api.start()

    def test_policies_taken_away(self):
        self.only("pods", "namespaces", "nodes", "services", "endpointslices")
        self.deny_db()
        self.assert_add_fails()
        time.sleep(1)
        self.still_to_db(self.web)
        self.log_says("forbidden")
        self.node.api.grant(RULES)
        self.only_to_db(within=BACK_S)
        self.add_and_del()

    def test_everything_taken_away(self):
        self.only()
        self.deny_db()
        time.sleep(2)
        self.still_to_db(self.web)
        self.node.api.grant(RULES)
        self.only_to_db(within=BACK_S)

    def test_what_is_not_needed_degrades_alone(self):
        """Without slices and nodes less is allowed; without Services it would be more."""
        self.only(
            "pods",
            "namespaces",
            "networkpolicies",
            "clusternetworkpolicies",
            "segmentationpolicies",
            "clustersegmentationpolicies",
            "services",
        )
        self.deny_db()
        self.only_to_db(within=BACK_S)
        self.add_and_del()
        self.node.agent_kill()
        self.node.agent_start()
        self.deny_db("web")
        self.only_to_db(self.web)

    def test_started_without_rights(self):
        """Nothing that is in force is changed before everything is known."""
        self.node.agent_kill()
        self.only("pods", "namespaces")
        self.deny_db()
        self.node.agent_start(wait=False)
        time.sleep(4)
        self.still_to_db(self.web)
        self.assertFalse(self.node.synced())
        self.node.api.grant(RULES)
        self.only_to_db(within=BACK_S)
