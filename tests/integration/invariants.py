# SPDX-License-Identifier: Apache-2.0
"""What must hold after every test: links, pins, map entries, state files and descriptors are those of
the pods that there are, neither more nor fewer."""
import ipaddress
import json
import os
import time

import bpf
from node import PIN_DIR, POD_NET, RUN_DIR, PATIENCE, run

LINKS = os.path.join(PIN_DIR, "links")
BPFFS = os.path.dirname(PIN_DIR)
RECORDS = os.path.join(RUN_DIR, "endpoints")


def names(path):
    return set(os.listdir(path)) if os.path.isdir(path) else set()


def tcx_in_use(node):
    """Whether this node's pods hang by tcx links: as asked for, or what the kernel has."""
    return node.attach == "tcx" or (
        node.attach == "auto" and bpf.tcx_programs(1, bpf.TCX_INGRESS) is not None
    )


def filters(ifname, direction):
    """Ids of the programs of our clsact filters on one side of an interface."""
    out = run("tc", "-j", "filter", "show", "dev", ifname, direction, check=False)
    found = json.loads(out) if out.strip() else []
    return [f["options"]["prog"]["id"] for f in found if "prog" in f.get("options", {})]


def check_hooks(node, pod, problems):
    """Exactly our two programs, first on their hooks, by the way that was asked for."""
    want = {"ingress": bpf.program_id("prog_from_pod"), "egress": bpf.program_id("prog_to_pod")}
    for side, kind in (("ingress", bpf.TCX_INGRESS), ("egress", bpf.TCX_EGRESS)):
        tcx, clsact = bpf.tcx_programs(pod.ifindex, kind) or [], filters(pod.hostif, side)
        ours, other = (tcx, clsact) if tcx_in_use(node) else (clsact, tcx)
        if ours[:1] != [want[side]] or want[side] in ours[1:]:
            problems.append(
                f"{pod}: programs on {side} are {ours}, the first and only one of ours should be {want[side]}"
            )
        if want[side] in other:
            problems.append(f"{pod}: our program hangs on {side} in the other way, too")


def check_links(node, protected, problems):
    """Each pin is of a pod that is there, and hangs on it."""
    want = (
        {f"{p.key()}_{side}": p.ifindex for p in protected for side in ("from", "to")}
        if tcx_in_use(node)
        else {}
    )
    links = os.path.join(bpf.PIN_DIR, "links")
    there = names(links)
    for name in sorted(there - set(want)):
        problems.append(f"link pin {name} is nobody's")
    for name in sorted(set(want) - there):
        problems.append(f"link pin {name} is missing")
    for name in sorted(there & set(want)):
        at = bpf.link_ifindex(os.path.join(links, name))
        if at != want[name]:
            problems.append(f"link pin {name} hangs on interface {at}, not {want[name]}")


def check_records(pods, problems):
    want = {p.key() + ".json": p for p in pods}
    there = names(RECORDS)
    for name in sorted(there - set(want)):
        problems.append(f"state file {name} is nobody's")
    for name in sorted(set(want) - there):
        problems.append(f"state file {name} of {want[name]} is missing")
    for name in sorted(there & set(want)):
        with open(os.path.join(RECORDS, name)) as f:
            record, pod = json.load(f), want[name]
        if record["ifindex"] != pod.ifindex or record["mac"] != pod.mac:
            problems.append(
                f"state file of {pod} says {record['ifindex']} {record['mac']}, is {pod.ifindex} {pod.mac}"
            )
        if not set(pod.ips.values()) <= set(record["addrs"]):
            problems.append(f"state file of {pod} has {record['addrs']}, is {pod.ips}")
        if os.stat(os.path.join(RECORDS, name)).st_mode & 0o777 != 0o600:
            problems.append(f"state file {name} is not 0600")


def check_maps(pods, problems):
    live = bpf.endpoints()
    want = {p.ifindex: p for p in pods}
    for ifindex in sorted(set(live) - set(want)):
        problems.append(f"bh_endpoints has interface {ifindex}, which is nobody's")
    for ifindex in sorted(set(want) - set(live)):
        problems.append(f"bh_endpoints lacks {want[ifindex]} (interface {ifindex})")
    for ifindex in sorted(set(want) & set(live)):
        if live[ifindex][2] != want[ifindex].mac:
            problems.append(f"bh_endpoints: {want[ifindex]} has {live[ifindex][2]}, is {want[ifindex].mac}")


def check_slices(problems):
    """No set is two endpoints', and what is nobody's is empty."""
    for name, runs in bpf.slices().items():
        owner = {}
        for ifindex, mine in runs.items():
            for base, sets in mine:
                for s in range(base, base + sets):
                    if owner.setdefault(s, ifindex) != ifindex:
                        problems.append(f"{name}: set {s} is of interfaces {owner[s]} and {ifindex}")
        for s, words in bpf.sessions(name).items():
            if s not in owner:
                problems.append(f"{name}: {len(words)} sessions in set {s}, which is nobody's")


def of_the_pods(address):
    """Whether only a pod of this node can have it."""
    a = ipaddress.ip_address(address)
    return a in ipaddress.ip_network(POD_NET[a.version])


def check_places(node, pods, problems):
    """Addresses and places of interfaces that have gone."""
    known = {ip for p in pods for ip in p.ips.values()} | set(getattr(node, "extra_addrs", ()))
    gateways = {str(ipaddress.ip_network(n)[1]) for n in POD_NET.values()}
    for address in sorted(bpf.addresses() - known - gateways):
        if of_the_pods(address):
            problems.append(f"bh_addrs has {address}, which is nobody's")
    for ifindex in sorted(bpf.ep_index() - {p.ifindex for p in pods}):
        problems.append(f"bh_ep_index has interface {ifindex}, which is nobody's")


def check_run_dir(problems):
    """The lock has no bytes, and nobody holds any of it; nothing half written lies about."""
    path = os.path.join(RUN_DIR, "plugin.lock")
    if os.path.exists(path):
        st = os.stat(path)
        file = f"{os.major(st.st_dev):02x}:{os.minor(st.st_dev):02x}:{st.st_ino}"
        with open("/proc/locks") as f:
            held = sum(f" {file} " in line for line in f)
        if st.st_size or held:
            problems.append(f"plugin.lock has {st.st_size} bytes, {held} locks are held or waited for")
    for name in sorted(names(bpf.PIN_DIR)):
        if name.endswith("_new"):
            problems.append(f"{name} was left in {bpf.PIN_DIR}")
    for name in sorted(names(BPFFS)):
        if name.startswith("bulkhead-v") and os.path.join(BPFFS, name) != bpf.PIN_DIR:
            problems.append(f"{name} was left beside {bpf.PIN_DIR}")


def check_agent(node, pods, problems):
    """What the agent says agrees."""
    answer = node.ask("endpoints")
    if not answer or not answer["ok"]:
        problems.append(f"the agent does not list its endpoints: {answer}")
        return
    told = {i.get("container") for i in answer["items"]}
    want = {p.container for p in pods}
    if told != want:
        problems.append(f"the agent lists the containers {sorted(told, key=str)}, there are {sorted(want)}")


def check_self(node, problems):
    """Whatever the agent asked the program about itself was answered as its tables say."""
    check = (node.ask("status") or {}).get("self_check", {})
    if check.get("differ") and not getattr(node, "broken_by_hand", False):
        problems.append(f"the agent's self-check: {check}")


def check_descriptors(node, pods, problems):
    """With no pod left the agent holds what it held before the first one."""
    before, now = getattr(node, "fds_empty", None), node.agent_fds()
    if not pods and before and len(now) > len(before):
        more = [name for name in now if now.count(name) > before.count(name)]
        problems.append(
            f"the agent holds {len(now)} descriptors, held {len(before)} before the first pod; more of {more}"
        )


def problems_of(node):
    """Everything that is not as the pods of @node say."""
    problems = []
    pods = node.pods
    protected = [p for p in pods if not getattr(p, "unprotected", False)]
    check_links(node, protected, problems)
    check_records(pods, problems)
    check_maps(pods, problems)
    check_slices(problems)
    check_places(node, pods, problems)
    check_run_dir(problems)
    for pod in protected:
        check_hooks(node, pod, problems)
    links = {link["ifname"] for link in json.loads(run("ip", "-j", "link"))}
    known = {p.hostif for p in pods} | {"lo", "uplink", "cni0"} | set(getattr(node, "extra_links", ()))
    for name in sorted(links - known):
        problems.append(f"interface {name} is nobody's")
    if node.agent:
        check_descriptors(node, pods, problems)  # before we open one ourselves
        check_agent(node, pods, problems)
        check_self(node, problems)
    return problems


def settled(node, timeout=3.0):
    """The problems that remain: what the agent does by itself may take a moment."""
    end = time.monotonic() + timeout * PATIENCE
    while True:
        problems = problems_of(node)
        if not problems or time.monotonic() > end:
            return problems
        time.sleep(0.05)
