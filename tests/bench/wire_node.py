# SPDX-License-Identifier: Apache-2.0
"""One node of tests/bench/wire.py: two pods on veths that the node routes between, and one kind of filter with a
number of rules, of which the last one lets the first pod reach the second. Reads loads from stdin and answers each
with how much there was a second.

  wire_node.py KIND RULES
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
from figures import IN, Node  # noqa: E402
from node import BUILD, eventually, run  # noqa: E402
import bpf  # noqa: E402  (figures knows the way)

LOAD = os.path.join(BUILD, "tests/bench/load")
PORT = 7000		# and the two after it
SHUT = 22
SLOT_S = 0.25
A_POLICY = 100		# rules, at most


def others(n):
    """(address, port) of rules that match nothing here."""
    return [(f"100.64.{i // 250}.{i % 250 + 1}", 1000 + i % 1000) for i in range(n)]


def rule(peer, *ports):
    return {"from": [peer], "ports": [{"protocol": proto, "port": port, "endPort": port + more}
                                      for proto, port, more in ports]}


def write_policies(node, rules):
    items = [rule({"ipBlock": {"cidr": f"{a}/32"}}, ("TCP", port, 0)) for a, port in others(rules - 1)]
    items.append(rule({"podSelector": {"matchLabels": {"app": "web"}}}, ("TCP", PORT, 2), ("UDP", PORT, 2)))
    for i in range(0, rules, A_POLICY):
        node.write_policy("shop", f"db-{i}", subject={"app": "db"}, policyTypes=IN, ingress=items[i:i + A_POLICY])


def iptables(web, db, rules):
    lines = ["*filter", ":FORWARD DROP [0:0]", "-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"]
    lines += [f"-A FORWARD -s {a} -d {db} -p tcp --dport {port} -j ACCEPT" for a, port in others(rules - 1)]
    lines += [f"-A FORWARD -s {web} -d {db} -p {p} --dport {PORT}:{PORT + 2} -j ACCEPT" for p in ("tcp", "udp")]
    run("iptables-restore", input="\n".join([*lines, "COMMIT\n"]))


def nftables(web, db, rules):
    lines = ["ct state established,related accept"]
    lines += [f"ip saddr {a} ip daddr {db} tcp dport {port} accept" for a, port in others(rules - 1)]
    lines += [f"ip saddr {web} ip daddr {db} {p} dport {PORT}-{PORT + 2} accept" for p in ("tcp", "udp")]
    chain = "\n".join(["type filter hook forward priority filter; policy drop;", *lines])
    run("nft", "-f", "-", input=f"table ip bench {{ chain forward {{ {chain}\n }}\n }}\n")


def empty(pods):
    """A program that does nothing on each of the four hooks; it stays as long as this process."""
    fd = bpf.load_verdict(-1)	# TC_ACT_UNSPEC
    for pod in pods:
        for hook in (bpf.TCX_INGRESS, bpf.TCX_EGRESS):
            bpf.tcx_before_all(fd, pod.ifindex, hook)


def pods_of(node):
    pods = [node.add_pod("shop", name, {"app": name}, serve=False) for name in ("web", "db")]
    for pod in pods:	# connections that are over keep their port for a minute
        pod.run("sysctl", "-qw", "net.ipv4.tcp_tw_reuse=1", "net.ipv4.ip_local_port_range=1024 65535")
    return pods


def start(kind, rules):
    filtered = kind in ("tcx", "clsact")
    node = Node(main="ptp", family="v4", chained=filtered, log=f"wire-{kind}-{rules}",
                **({"attach": kind} if filtered else {}))
    if filtered:
        node.write_namespace("shop")
        write_policies(node, rules)
        node.agent_start()
    web, db = pods_of(node)
    if filtered and not eventually(lambda: node.ask("status")["in_force"], timeout=60):
        raise RuntimeError("the policies are not in force")
    if kind == "empty":
        empty((web, db))
    elif kind in ("iptables", "nftables"):
        {"iptables": iptables, "nftables": nftables}[kind](web.ips[4], db.ips[4], rules)
    return node, web, db


def check(kind, web, db):
    """It is what it is said to be."""
    silent = web.try_all([("tcp", db.ips[4], SHUT)])[0]["error"] == "timeout"
    if silent != (kind not in ("nothing", "empty")):
        raise RuntimeError(f"{kind}: a port without a rule is {'silent' if silent else 'open'}")
    with open("/proc/sys/net/netfilter/nf_conntrack_count") as f:
        tracked = int(f.read())
    if bool(tracked) != (kind in ("iptables", "nftables")):
        raise RuntimeError(f"{kind}: {tracked} connections in conntrack")


def main(kind, rules):
    node, web, db = start(kind, int(rules))
    with node:
        server = db.popen(LOAD, "serve", PORT)
        if server.stdout.readline() != "ready\n":
            raise RuntimeError("the server did not start")
        print("ready", flush=True)
        for line in sys.stdin:
            print(web.run(LOAD, line.strip(), db.ips[4], PORT, SLOT_S).strip(), flush=True)
        check(kind, web, db)
        print("as said", flush=True)
        server.kill()
        server.communicate()


if __name__ == "__main__":
    main(*sys.argv[1:])
