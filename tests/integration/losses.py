# SPDX-License-Identifier: Apache-2.0
"""Where packets go that do not arrive: what the kernel and our programs count meanwhile. For the words of a failure."""
import os

# Of nstat, in the namespace of either end.
KERNEL = (
    "TcpRetransSegs ListenDrops ListenOverflows BacklogDrop SYNTimeouts RcvbufErrors SndbufErrors UdpInErrors "
    "InDiscards OutDiscards OutNoRoutes ReasmFails"
).split()
# Of /proc/net/stat, per CPU in hexadecimal. The neighbour tables are one for all namespaces: when they are full, or
# over gc_thresh2 for 5 s, the kernel forgets neighbours that others talk to (net/core/neighbour.c).
TABLES = {
    "arp_cache": ("forced_gc_runs", "unresolved_discards", "table_fulls"),
    "ndisc_cache": ("forced_gc_runs", "unresolved_discards", "table_fulls"),
    "nf_conntrack": ("insert_failed", "drop", "early_drop"),
}


def of_table(name, columns):
    path = f"/proc/1/net/stat/{name}"  # not in every namespace
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        head, *cpus = (line.split() for line in f)
    return {f"{name} {c}": sum(int(cpu[head.index(c)], 16) for cpu in cpus) for c in columns if c in head}


def of_queues():
    """Packets that the kernel had no room for in the queue that each CPU has for all namespaces' veths
    (net/core/dev.c, netdev_max_backlog): on a busy machine other people's floods cost our flows, too."""
    with open("/proc/net/softnet_stat") as f:
        return sum(int(line.split()[1], 16) for line in f)


def of_machine():
    found = {"softnet dropped": of_queues()}
    for name, columns in TABLES.items():
        found.update(of_table(name, columns))
    return found


def of_host(host):
    lines = (line.split() for line in host.run("nstat", "-asz", check=False).splitlines())
    return {w[0]: int(w[1]) for w in lines if len(w) > 1 and any(k in w[0] for k in KERNEL)}


def of_programs(status):
    """@status: of an agent, or None where there is none to ask."""
    reasons = (status or {}).get("reasons", [])
    return {f"denied {r['reason']}": r["ingress"]["packets"] + r["egress"]["packets"] for r in reasons if r["action"] == "deny"}


class Words:
    def __init__(self, losses, text):
        self.losses, self.text = losses, text

    def __str__(self):
        return f"{self.text}; counted meanwhile: {self.losses.since()}"


class Losses:
    """@sources: {name: a function that counts}, beside the machine's own."""

    def __init__(self, sources):
        self.sources = {"machine": of_machine, **sources}
        self.before = {name: count() for name, count in self.sources.items()}

    def words(self, text):
        """@text and what was counted, for an assertion: read when it fails, and not before."""
        return Words(self, text)

    def excused(self):
        """Packets that no program of ours had: those that CPUs' queues dropped, which are everybody's, and those that
        have arrived, where sockets of the test's own programs had no room. On a busy machine they wait for a CPU."""
        since = self.since()
        sockets = sum(n for more in since.values() for k, n in more.items() if k.endswith(("RcvbufErrors", "ListenOverflows")))
        return since.get("machine", {}).get("softnet dropped", 0) + sockets

    def assert_none(self, case, flows, hammers=(), may=0):
        """Stops flows and new connections, of which nothing may be lost but what is excused, and @may packets.
        Their last reports."""
        reports = [(m, m.stop()) for m in (*flows, *hammers)]
        lost = {}
        for m, last in reports:
            case.assertEqual(last.get("error", ""), "", f"{m}")
            case.assertEqual(last.get("refused", 0), 0, f"{m}: {last}")
            lost[m] = last["sent"] - last["received"] if m.verb == "flow" else last["lost"]
        text = "; ".join(f"{m}: {n} lost: {last}" for (m, last), n in zip(reports, lost.values()) if n)
        case.assertLessEqual(sum(lost.values()), self.excused() + may, self.words(text))
        return [last for _, last in reports]

    def since(self):
        """{name: {counter: how many more}}, where there are any."""
        found = {}
        for name, count in self.sources.items():
            now = count()
            found[name] = {k: n - self.before[name].get(k, 0) for k, n in now.items() if n != self.before[name].get(k, 0)}
        return {name: more for name, more in found.items() if more}
