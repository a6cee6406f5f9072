"""Fit the constants of a job's memory to whole jobs, and print them, for `core/memory/fitted.py` and the targets.

    python benchmarks/memory_fit.py [--jobs N] [--rows FILE]

First the constants are fitted to three quarters of the jobs and tried on the last, then to all networks but one and
tried on that one, and at last to all jobs: these are printed. A fit makes the mean error and the largest small
together. `--rows` keeps what was measured, and takes it from there if the file exists.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from memory_matrix import Job, jobs, measured, write_networks

from halfpint.core.memory.job import JobStage, job_stages, weighed
from halfpint.core.memory.workload import Workload
from halfpint.core.network.network import Network
from halfpint.core.shapes import InputShape
from halfpint.core.weights_source import WeightsSource

_STEPS, _RATE = 3000, 0.01
_POWER = 16  # of the mean that stands for the largest error


def main() -> None:
    """Measure, fit, tell."""
    parser = argparse.ArgumentParser(description="Fit the constants of a job's memory.")
    parser.add_argument("--jobs", type=int, default=240, help="how many jobs of the matrix (default 240)")
    parser.add_argument("--rows", type=Path, help="a JSON file of the measured jobs, to write or to read")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_networks(folder)
        if args.rows and args.rows.exists():
            rows = json.loads(args.rows.read_text(encoding="utf-8"))
        else:
            rows = []
            for done, row in enumerate(measured(jobs(args.jobs), folder), 1):
                rows.append(row)
                print(done, *row.values(), flush=True)
            if args.rows:
                args.rows.write_text(json.dumps(rows, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
        fitting = Fitting(rows, folder)
    everything = list(range(len(rows)))
    held = everything[3::4]
    told("a quarter that was not fitted", fitting, fitting.fit([i for i in everything if i % 4 != 3]), held)
    for network in sorted({row["weights"] for row in rows}):
        own = [i for i in everything if rows[i]["weights"] == network]
        told(f"{network}, which was not fitted", fitting, fitting.fit([i for i in everything if i not in own]), own)
    final = fitting.fit(everything)
    told("all, fitted to all", fitting, final, everything)
    for constant, value in zip(fitting.constants, final.tolist(), strict=True):
        print(f"    {constant.name}: {value:.3g}")


class Fitting:
    """The jobs as tensors: what each stage has of each constant, and what was measured, in MiB."""

    def __init__(self, rows: Sequence[dict[str, Any]], folder: Path) -> None:
        networks = {name: _network(folder / f"{name}.pt") for name in {row["weights"] for row in rows}}
        staged = [list(_stages(Job.from_row(row), networks[row["weights"]], folder)) for row in rows]
        parts = (part for stages in staged for stage in stages for part in stage.parts)
        self.constants = tuple(dict.fromkeys(part.constant for part in parts if part.constant is not None))
        stages = [[self._amounts_of(stage) for stage in stages] for stages in staged]
        most = max(map(len, stages))
        padded = [[*found, *[found[-1]] * (most - len(found))] for found in stages]
        self._amounts = (
            torch.tensor(padded, dtype=torch.float64) / 2**20
        )  # jobs × stages × (constants, and what is known)
        self._measured = torch.tensor([row["measured"] for row in rows], dtype=torch.float64) / 2**20

    def fit(self, chosen: Sequence[int]) -> torch.Tensor:
        """The constants that suit these jobs best, from those that are there now."""
        start = torch.tensor([constant.value for constant in self.constants], dtype=torch.float64)
        logarithms = start.clamp(min=0.01).log().requires_grad_()
        optimizer = torch.optim.Adam([logarithms], lr=_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
        for _ in range(_STEPS):
            optimizer.zero_grad()
            errors = self.errors(logarithms.exp(), chosen).abs()
            loss = errors.mean() + errors.pow(_POWER).mean().pow(1 / _POWER)
            loss.backward()
            optimizer.step()
            schedule.step()
        return logarithms.detach().exp()

    def _amounts_of(self, stage: JobStage) -> list[float]:
        """What is there of each constant, and of what needs none, in bytes."""
        amounts = [0.0] * (len(self.constants) + 1)
        for part in stage.parts:
            amounts[-1 if part.constant is None else self.constants.index(part.constant)] += int(part.amount)
        return amounts

    def errors(self, constants: torch.Tensor, chosen: Sequence[int]) -> torch.Tensor:
        """How far the measured peaks are from the predicted ones, as a part of the predicted."""
        amounts = self._amounts[list(chosen)]
        predicted = (amounts[..., :-1] @ constants + amounts[..., -1]).amax(-1)
        return self._measured[list(chosen)] / predicted - 1


def _network(path: Path) -> Network:
    with WeightsSource(path) as source:
        return source.network


def _stages(job: Job, network: Network, folder: Path) -> Iterator[JobStage]:
    shape, work = InputShape(job.batch, network.channels, *job.size), Workload.of(job.spec(folder))
    return job_stages(work, weighed(network, shape.dims), work.tried_at(shape))


def told(name: str, fitting: Fitting, constants: torch.Tensor, chosen: Sequence[int]) -> None:
    """Print how far off the constants are."""
    errors = fitting.errors(constants, chosen)
    least, most, mean = 100 * errors.min(), 100 * errors.max(), 100 * errors.abs().mean()
    print(f"{name}: {len(chosen)} jobs, measured {least:+.1f} to {most:+.1f} % of predicted, {mean:.1f} % on average")


if __name__ == "__main__":
    main()
