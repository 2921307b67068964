# SPDX-License-Identifier: Apache-2.0
"""Runs a directory's test_*.py files, every class (with each of its `configs`) as a job of its own.

A job is the suite's `run` program started again under `unshare` in network, mount and pid namespaces of
its own, so that all it made dies with it and nothing of the machine's network is touched. Ends with one
line: `N passed, N failed, N skipped`.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import importlib
import json
import os
import resource
import subprocess
import sys
import time
import unittest

from node import LOGS, PATIENCE, ROOT

JOB_TIMEOUT_S = 300  # of a class that gives no timeout_s, on a machine of its own
LONG_TIMEOUT_S = 3600
AGAIN_MAX = 6
NAMESPACES = [
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "private",
]


def jobs(here):
    """[(module, class, config or None)] of all test_*.py files in @here, the slow ones first."""
    found = []
    for name in sorted(os.listdir(here)):
        if not (name.startswith("test_") and name.endswith(".py")):
            continue
        module = importlib.import_module(name[:-3])
        for cls in vars(module).values():
            if (
                isinstance(cls, type)
                and issubclass(cls, unittest.TestCase)
                and cls.__module__ == module.__name__
                and unittest.defaultTestLoader.getTestCaseNames(cls)
            ):
                for config in getattr(cls, "configs", [None]):
                    found.append((module.__name__, cls.__name__, config))
    return sorted(found, key=lambda j: -getattr(getattr(sys.modules[j[0]], j[1]), "cost", 1))


def title(job):
    module, cls, config = job
    return f"{module[5:]}.{cls}" + (f"[{config}]" if config else "")


class Result(unittest.TestResult):
    """One line of JSON for each test, on the descriptor that the parent reads."""

    def __init__(self, out, case_title):
        super().__init__()
        self.out, self.title = out, case_title

    def startTest(self, test):
        super().startTest(test)
        self.began, self.failed = time.monotonic(), False

    def tell(self, test, verdict, text=""):
        name = getattr(test, "_testMethodName", str(test))
        json.dump(
            {
                "name": f"{self.title}.{name}",
                "verdict": verdict,
                "text": text,
                "s": round(time.monotonic() - getattr(self, "began", time.monotonic()), 2),
            },
            self.out,
        )
        self.out.write("\n")
        self.out.flush()

    def fail(self, test, err):
        self.failed = True
        text = self._exc_info_to_string(err, test)
        self.tell(test, "FAIL", text + getattr(test, "context", lambda: "")())

    def addSuccess(self, test):
        self.tell(test, "ok")

    def addFailure(self, test, err):
        self.fail(test, err)

    def addError(self, test, err):
        self.fail(test, err)

    def addSkip(self, test, reason):
        self.tell(test, "skip", reason)

    def addSubTest(self, test, subtest, err):
        if err:
            self.fail(test, err)


def inside(job):
    """What runs in the new namespaces."""
    module, cls, config = job
    test_class = getattr(importlib.import_module(module), cls)
    test_class.config = config
    with contextlib.suppress(FileNotFoundError):  # of the last run of this job
        os.unlink(os.path.join(LOGS, test_class.title(config) + ".log"))
    pattern = os.environ.get("BH_TEST")
    names = [
        n for n in unittest.defaultTestLoader.getTestCaseNames(test_class) if not pattern or pattern in n
    ]
    suite = unittest.TestSuite(test_class(n) for n in names)
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # a stray print must not look like a result
        suite.run(Result(out, title(job)))
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        json.dump({"cpu_s": sum(u.ru_utime + u.ru_stime for u in used)}, out)
        out.write("\n")


def start(program, job, env):
    """One job, in its namespaces: its results, the seconds of CPU that it and whom it waited for took, and
    its seconds."""
    began = time.monotonic()
    argv = [*NAMESPACES, sys.executable, program, "--inside", json.dumps(job)]
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )
    late = False
    own = getattr(getattr(sys.modules[job[0]], job[1]), "timeout_s", JOB_TIMEOUT_S)
    timeout_s = (LONG_TIMEOUT_S if "BH_LONG" in env else own) * PATIENCE
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()  # unshare's --kill-child takes the rest with it
        out, err = process.communicate()
        late = True
    lines = [json.loads(line) for line in out.splitlines()]
    results = [r for r in lines if "verdict" in r]
    cpu_s = sum(r.get("cpu_s", 0) for r in lines)
    if process.returncode or late or not results:
        what = f"ran over {timeout_s} s" if late else f"ended with {process.returncode}"
        results.append({"name": title(job), "verdict": "FAIL", "text": f"the job {what}\n{err}", "s": 0})
    return results, cpu_s, time.monotonic() - began


def show(r, verbose):
    colour = {"ok": "32", "FAIL": "31", "skip": "33"}[r["verdict"]]
    mark = f"\033[{colour}m{r['verdict']:4}\033[0m" if sys.stdout.isatty() else f"{r['verdict']:4}"
    if verbose or r["verdict"] != "ok":
        print(f"{mark} {r['name']} ({r['s']} s)" + (f": {r['text']}" if r["verdict"] == "skip" else ""))
    if r["verdict"] == "FAIL":
        print("     " + r["text"].rstrip().replace("\n", "\n     "))
    sys.stdout.flush()


def tool(name, *args):
    """What one of hack/tools/ prints: where something is."""
    argv = [os.path.join(ROOT, "hack/tools", name), *args]
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def tools(module, *names):
    """The directory of what hack/tools/build makes of a module."""
    return tool("build", module, *names)


def options(description, at_a_time):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("-j", type=int, default=at_a_time, help="jobs at a time, and as many of those that wait")
    parser.add_argument("-k", action="append", help="only jobs or tests whose name holds this text")
    parser.add_argument("-t", help="only test methods whose name holds this text")
    parser.add_argument("-v", action="store_true", help="show what passed, too")
    parser.add_argument("--long", action="store_true", help="more rounds, where a test goes in rounds")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    return parser


def waits(job):
    """Whether it takes hardly any CPU: it waits for packets that must not come."""
    return getattr(getattr(sys.modules[job[0]], job[1]), "waits", False)


def tell(turn, job, results, cpu_s, s, verbose):
    """The verdicts of a job that has ended."""
    for r in results:
        show(r, verbose)
    good = sum(r["verdict"] == "ok" for r in results)
    print(f"[{turn}] {title(job)}: {good} of {len(results)}, CPU {cpu_s:.1f} s in {s:.0f} s", flush=True)
    return [r["verdict"] for r in results]


def run_all(program, todo, env, args):
    """Their verdicts, shown as they come; counted. Jobs that wait run beside the others, as many again.

    A few that failed run once more, alone: what fails only where eight jobs share two CPUs is not broken, but it is
    not well tested either, so it is said. More than AGAIN_MAX are no accident."""
    verdicts = {}
    with contextlib.ExitStack() as stack:
        pools = [stack.enter_context(concurrent.futures.ThreadPoolExecutor(args.j)) for _ in range(2)]
        waiting = {pools[waits(j)].submit(start, program, j, env): n for n, j in enumerate(todo)}
        for turn, done in enumerate(concurrent.futures.as_completed(waiting), 1):
            n = waiting[done]
            verdicts[n] = tell(f"{turn}/{len(todo)}", todo[n], *done.result(), args.v)
    failed = [n for n, found in verdicts.items() if "FAIL" in found]
    if 0 < len(failed) <= AGAIN_MAX and len(todo) > len(failed):
        for n in failed:
            verdicts[n] = tell("alone", todo[n], *start(program, todo[n], env), args.v)
            if "FAIL" not in verdicts[n]:
                print(f"UNSTEADY {title(todo[n])}: failed beside other jobs, passed alone", flush=True)
    return collections.Counter(v for found in verdicts.values() for v in found)


def main(program, args, more_env=dict):
    """@more_env: called before the first job, for what its environment needs besides."""
    if args.inside:
        return inside(json.loads(args.inside))

    todo = [j for j in jobs(os.path.dirname(program)) if not args.k or any(k in title(j) for k in args.k)]
    if args.list:
        print("\n".join(title(j) for j in todo))
        return 0
    if os.geteuid():
        sys.exit(f"{os.path.relpath(program, ROOT)} makes namespaces: run it as root")

    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
    env["BH_TOOLS"] = env.get("BH_TOOLS") or tools("cni")
    if args.long:
        env["BH_LONG"] = "1"
    if args.t:
        env["BH_TEST"] = args.t
    count = run_all(program, todo, {**env, **more_env()}, args)
    print(f"{count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped")
    return 1 if count["FAIL"] or not count["ok"] else 0
