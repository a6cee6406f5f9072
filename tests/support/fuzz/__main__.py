"""`PYTHONPATH=tests python -m support.fuzz`: try changed files by hand, as many as there is time for."""

from __future__ import annotations

import argparse
import os
import sys

from support.fuzz.run import Summary, cases
from support.fuzz.targets import TARGETS


def main() -> int:
    """Try the cases, and tell what broke the law and how to try that again; 1 if anything did."""
    parser = argparse.ArgumentParser(prog="python -m support.fuzz", description=__doc__)
    parser.add_argument("--target", choices=[*TARGETS, "all"], default="all", help="the kind of file (default: all)")
    parser.add_argument("--cases", type=int, default=1000, help="how many of each (default 1000)")
    parser.add_argument("--seed", type=int, default=1, help="other seeds give other cases (default 1)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case (default 0)")
    parser.add_argument("--json", action="store_true", help="print JSON, a line a kind")
    args = parser.parse_args()
    names = list(TARGETS) if args.target == "all" else [args.target]
    if len(names) > 1:  # a process each: what one kind needs to have imported is not to be another's
        return max(_apart([*sys.argv[1:], "--target", name]) for name in names)
    summary = Summary(names[0])
    for case in cases(names[0], args.seed, args.first, args.cases):
        summary.add(case)
        if case.outcome.broken and not args.json:
            print(case, flush=True)
    print(summary.to_json() if args.json else summary, flush=True)
    return int(bool(summary.broken))


def _apart(arguments: list[str]) -> int:
    """The same in a process of its own; its exit code, 1 if a signal ended it."""
    code = os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-m", "support.fuzz", *arguments])
    if code < 0:
        print(f"signal {-code} ended it: the last line above names the case", flush=True)
    return code if code >= 0 else 1


if __name__ == "__main__":
    sys.exit(main())
