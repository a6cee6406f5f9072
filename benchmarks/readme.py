"""Writes the tables of README's "Measured" from `benchmarks/results/`.

    python benchmarks/readme.py [--check]

A table stands between `<!-- measured: NAME -->` and `<!-- end -->`, where NAME is a file of results. With `--check`,
nothing is written: exit 1 where the README does not say what the results say.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
README, RESULTS = ROOT / "README.md", ROOT / "benchmarks" / "results"
MIB = 2**20
_PLACE = re.compile(r"(<!-- measured: ([a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description='Write README\'s "Measured" from benchmarks/results/.')
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the README says otherwise")
    args = parser.parse_args()
    said = README.read_text(encoding="utf-8")
    written = filled(said)
    if args.check and written != said:
        sys.exit("README.md does not say what benchmarks/results/ says: run python benchmarks/readme.py")
    if written != said:
        README.write_text(written, encoding="utf-8")


def filled(text: str) -> str:
    """The README with each table as the results have it. Raises KeyError for a table that nobody makes."""

    def table(place: re.Match[str]) -> str:
        name = place[2]
        results = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
        return f"{place[1]}{TABLES[name](results)}{place[3]}"

    return _PLACE.sub(table, text)


def cost(results: Mapping[str, Any]) -> str:
    """Seconds and MiB of whole jobs beside YOLOv5's: medians."""
    rows: list[Sequence[str]] = []
    for job in results["jobs"]:
        ours, theirs = job["ours"], job.get("YOLOv5")
        mine = _cost(ours)
        times = [goal for goal in job["goals"] if "as fast as" in goal["goal"]]
        parts = [goal for goal in job["goals"] if "the memory of" in goal["goal"]]
        ratio = "; ".join(
            [f"{goal['found']:.2f} × as fast" for goal in times]
            + [f"{goal['found']:.2f} × the memory" for goal in parts]
        )
        other = _cost(theirs) if theirs else ("–", "–")
        rows.append((f"{job['weights']}: `{ours['command']}`", *mine, *other, ratio or "–"))
    head = ("job", "seconds", "MiB", "YOLOv5: seconds", "MiB", "Halfpint is")
    return _on(results, f"medians of {results['pairs']} pairs of runs") + _table(head, rows)


def _cost(side: Mapping[str, Any]) -> tuple[str, str]:
    return f"{side['seconds'][0]:.2f}", f"{side['together'][0] / MIB:.0f}"


def cancel(results: Mapping[str, Any]) -> str:
    """From ^C to the end of the command, at moments all over a job."""
    seconds = results["seconds"]
    rows = [
        (
            f"^C at {len(seconds)} moments of a job of {results['weights']}, to the end of the command",
            f"{statistics.median(seconds):.2f} s",
            f"{max(seconds):.2f} s",
        )
    ]
    return _on(results) + _table(("what", "median", "most"), rows)


def wire(results: Mapping[str, Any]) -> str:
    """What the screen sends, and how soon."""
    paint, keys, idle = results["first paint"], results["keys"], results["idle, 8 simulated GPUs"]
    digit = keys["a digit in the size"]
    rows = [
        (
            f"first paint; a Textual app of thirty lines takes {paint['thirty lines ms'][0]:.0f} ms",
            f"{paint['screen ms'][0]:.0f} ms ({paint['median ratio']:.2f} ×)",
        ),
        ("idle, GPU panel live, no GPU", f"{results['idle']['bytes/s']:.0f} B/s"),
        ("idle, eight simulated GPUs whose figures all change every second", f"{idle['bytes/s']:.0f} B/s"),
        (
            "a digit in a size field, estimates live, to the first byte: median, 95th percentile",
            f"{digit['ms p50']:.1f} ms, {digit['ms p95']:.1f} ms",
        ),
        ("the same in bytes: median, most", f"{digit['bytes p50']}, {digit['bytes most']}"),
        ("while four artifacts are exported", f"{results['an export']['bytes/s'] / 1000:.1f} kB/s"),
    ]
    return _on(results) + _table(("what", ""), rows)


def int8(results: Mapping[str, Any]) -> str:
    """Bytes, latency and losses of INT8 files beside those of onnxruntime's `quantize_static`."""
    rows: list[Sequence[str]] = []
    for name, case in results["cases"].items():
        full = case["files"]["FP32"]
        for file, found in case["files"].items():
            times = f"{1e3 * found['latency']['median']:.1f} ({1e3 * found['latency']['p95']:.1f})"
            losses = [_lost(found["loss"][part]) for part in _PARTS] if "loss" in found else ["–"] * len(_PARTS)
            head = f"{name}, {case['side']} px: {case['what']}, {case['most']:g} allowed" if file == "FP32" else ""
            label = "…, convolutions alone" if file.startswith(" ") else file
            rows.append((head, label, f"{found['bytes'] / full['bytes']:.3f}", times, *losses))
        if case["failed"]:
            rows.append(("", "Halfpint", case["failed"], "–", *["–"] * len(_PARTS)))
    head = ("network", "file", "× FP32's bytes", "ms (95th percentile)", *(f"lost: {part}" for part in _PARTS))
    load = results["machine"]["load when it ended"]
    return _on(results, f"the machine's load was {load} when it ended") + _table(head, rows)


_PARTS = ("made on", "judged on", "never seen")


def _lost(found: Mapping[str, Any]) -> str:
    points = "all" if found["points"] is None else f"{round(found['points'], 2) + 0.0:.2f}"
    return f"{points}; keeps {found['kept']} of {found['expected']}, {found['new']} new"


def _on(results: Mapping[str, Any], how: str = "") -> str:
    """When and where it was measured."""
    machine = results["machine"]
    where = f"{machine['cores']} cores of {machine['processor']}, {machine['memory']}, Python {machine['python']}"
    return f"{results['date']}, {where}{f'; {how}' if how else ''}:\n\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


TABLES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"cancel": cancel, "cost": cost, "int8": int8, "wire": wire}

if __name__ == "__main__":
    main()
