"""What the screen puts on the wire and how fast: first paint, idle, keys, an export. At 120×40, 256 colours.

    python benchmarks/wire.py [--runs N] [--seconds S] [--save]

A Textual app of thirty lines takes turns with the screen, for first paints depend on the machine. GPUs are
simulated where it says so: eight busy ones, whose memory, utilisation and temperature change every second.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from line import Line, line
from machine import describe

from halfpint.core.samples.make import write_yolov5

HALFPINT = str(Path(sys.executable).parent / "halfpint")
RESULTS = Path(__file__).parent / "results"
SIZE = (40, 120)
BASELINE = """
from textual.app import App
from textual.widgets import Footer, Input, Label
class Thirty(App):
    BINDINGS = [("ctrl+r", "nothing", "Export"), ("ctrl+g", "nothing", "Cancel")]
    CSS = "Label { height: 1; }"
    def compose(self):
        yield Label("READY")
        for name in ("height", "width", "batch"):
            yield Input(placeholder=name)
        yield Footer()
    def on_mount(self):
        self.seconds = 0
        self.set_interval(1, self.tick)
    def tick(self):
        self.seconds += 1
        self.query_one(Label).update(f"READY {self.seconds}")
Thirty().run()
"""
GPUS = """
import random, sys
from types import SimpleNamespace
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from support.nvml import GIB, FakeGpu, FakeNvml
from halfpint.core.devices import GpuSampler
from halfpint.tui.app import HalfpintApp
class Busy(FakeNvml):
    def nvmlDeviceGetMemoryInfo(self, gpu):
        gpu.used = 12 * GIB + random.randrange(GIB // 4)
        return super().nvmlDeviceGetMemoryInfo(gpu)
    def nvmlDeviceGetUtilizationRates(self, gpu):
        return SimpleNamespace(gpu=random.randrange(80, 100))
    def nvmlDeviceGetTemperature(self, gpu, sensor):
        return random.randrange(70, 73)
HalfpintApp(Path(sys.argv[1]), GpuSampler(Busy(*(FakeGpu() for _ in range(8))))).run()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the screen's bytes and delays.")
    parser.add_argument("--runs", type=int, default=9, help="starts of each program (default 9)")
    parser.add_argument("--seconds", type=float, default=20, help="of each idle window (default 20)")
    parser.add_argument("--save", action="store_true", help="keep the figures in benchmarks/results/")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_yolov5(Path(name, "weights", "sample.pt"))
        bench = Bench(Path(name))
        report = {
            "date": date.today().isoformat(),
            "machine": describe(),
            "first paint": first_paints(bench, args.runs),
            "idle": idle(bench, args.seconds),
            "idle, 8 simulated GPUs": idle(bench, args.seconds, bench.with_gpus),
            "keys": {name: keys(bench, prepare, typed) for name, (prepare, typed) in KEYS.items()},
            "an export": export(bench),
        }
    text = json.dumps(report, indent=2, ensure_ascii=False)
    print(text)
    if args.save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "wire.json").write_text(text + "\n", encoding="utf-8")


class Bench:
    """A folder with weights, and the programs to measure on it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._weights = str(root / "weights")

    @contextmanager
    def _run(self, *command: str) -> Iterator[Line]:
        kept = {"HALFPINT_CONFIG": str(self._root / "config"), "HALFPINT_STATE": str(self._root / "state")}
        with line(list(command), SIZE, kept) as started:
            yield started

    def screen(self) -> Any:
        """The screen as it is installed."""
        return self._run(HALFPINT, self._weights)

    def with_gpus(self) -> Any:
        """The screen with simulated GPUs."""
        return self._run(sys.executable, "-c", GPUS, self._weights, str(Path(__file__).parents[1] / "tests"))

    def baseline(self) -> Any:
        """The app of thirty lines."""
        return self._run(sys.executable, "-c", BASELINE)


def first_paints(bench: Bench, runs: int) -> dict[str, Any]:
    """Milliseconds from the start of the process to the first paint; the first round does not count."""
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(runs + 1):
        for program, marker, seconds in ((bench.screen, "Weights", ours), (bench.baseline, "READY", theirs)):
            with program() as wire:
                painted = wire.until(marker)
                wire.over(1.5)
            if turn:
                seconds.append(painted * 1000)
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return {"screen ms": _spread(ours), "thirty lines ms": _spread(theirs), "median ratio": round(ratio, 2)}


def idle(bench: Bench, seconds: float, program: Callable[[], Any] | None = None) -> dict[str, float]:
    """Bytes a second and CPU while nobody types."""
    with (program or bench.screen)() as wire:
        wire.until("^r exports sample.pt")
        wire.over(4)  # the worker warms up
        cpu, nbytes = wire.cpu_seconds(), wire.over(seconds)
        return {
            "bytes/s": round(nbytes / seconds, 1),
            "CPU %": round(100 * (wire.cpu_seconds() - cpu) / seconds, 2),
        }


# What is pressed first, and then again and again.
KEYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "a digit in the size": ("2", ("\x7f", "1", "\x7f", "6")),
    "an arrow in the size": ("2", ("\x1b[A", "\x1b[B")),
    "space in the options": ("3", (" ",)),
}


def keys(bench: Bench, prepare: str, typed: tuple[str, ...], presses: int = 60) -> dict[str, Any]:
    """Milliseconds from a key to the first byte, and bytes of a key."""
    with bench.screen() as wire:
        wire.until("^r exports sample.pt")
        wire.over(4)
        wire.press(prepare)
        measured = [wire.press(typed[number % len(typed)]) for number in range(presses)]
    seconds = sorted(seconds * 1000 for seconds, _ in measured)
    return {
        "ms p50": round(statistics.median(seconds), 1),
        "ms p95": round(seconds[int(len(seconds) * 0.95) - 1], 1),
        "bytes p50": int(statistics.median(nbytes for _, nbytes in measured)),
        "bytes most": max(nbytes for _, nbytes in measured),
    }


def export(bench: Bench) -> dict[str, float]:
    """Bytes a second while a job runs: TorchScript and ONNX, in FP32 and FP16."""
    with bench.screen() as wire:
        wire.until("^r exports sample.pt")
        wire.over(4)
        wire.press("3")
        for _ in range(2):  # ONNX, OpenVINO, TorchScript
            wire.press("\x1b[B")
        wire.press(" ")
        wire.data = b""
        before, started = wire.nbytes, wire.until("")
        wire.send("\x12")
        seconds = wire.until("done in") - started  # the rest of the line may stand there already
        return {"seconds": round(seconds, 2), "bytes/s": round((wire.nbytes - before) / seconds, 1)}


def _spread(values: list[float]) -> list[float]:
    """Median, least, most."""
    return [round(figure(values), 1) for figure in (statistics.median, min, max)]


if __name__ == "__main__":
    main()
