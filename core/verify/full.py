"""The full verification: what a file answered on trial, judged by the reference."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from numpy.typing import NDArray

from ..images.probes import Probe
from ..network.network import Network
from ..precisions import REFERENCE
from .answers import Answers, compared, longer
from .changes import change
from .checks import check_answers, check_file
from .checks.found import Compared, Stored
from .compare import differences
from .evidence import Evidence, Verdict
from .probes import plan
from .report import Change, Difference, Noise, Report, Way
from .subject import Subject
from .trial import OnStep, Step, Trial, ignored

Array = NDArray[Any]


def judge(trial: Trial, answers: Answers, on_step: OnStep = ignored) -> Report:
    """Compare a file's answers with the reference's, and conclude. `on_step` is called after each step."""
    inspect(trial, answers.network)
    start = time.perf_counter()
    checks = (*trial.checks, *trial.inspected)
    if trial.failed:
        return Report(Way.FULL, checks, (), trial.seconds)
    found = _compared(trial, answers, on_step)
    checks += tuple(check_answers(Way.FULL, found))
    seconds = trial.seconds + time.perf_counter() - start
    return Report(Way.FULL, checks, found.differences, seconds, found.changes, trial.proof)


def inspect(trial: Trial, network: Network, way: Way = Way.FULL) -> None:
    """Note what the file shows without being run, and close it: its answers are all that is needed from here on.

    `way`: whose checks of stored tensors are made. The reference, in its own thread, catches up meanwhile. A file that
    is closed already is left alone.
    """
    loaded, trial.loaded = trial.loaded, None
    if loaded is None:
        return
    start = time.perf_counter()
    if loaded.ours:
        trial.inspected += check_file(way, Stored(trial.subject, network, loaded.weights()))
    for found in loaded.inspections():
        trial.inspected.append(Evidence(found.name, Verdict.PASS if found.sound else Verdict.FAIL, found.message))
    loaded.close()
    trial.seconds += time.perf_counter() - start


def _compared(trial: Trial, answers: Answers, on_step: OnStep) -> Compared:
    """Every image's answer next to the reference's, and what rounding and another image make of the reference's."""
    precision = trial.subject.kind.precision
    usual = answers.noise(precision)
    yardsticks, found, changes = [usual], list[Difference](), list[Change]()
    for done, (probe, outputs) in enumerate(trial.answers, 1):
        for index in compared(probe):
            one = [output[index : index + 1] for output in outputs]
            seen = _seen(one, probe, index, usual, answers)
            if not seen.passes and not answers.cheap(probe):
                here = longer(usual, answers.noise_at(precision, probe, index))
                yardsticks.append(here)
                seen = _seen(one, probe, index, here, answers)
            found += seen.differences
            changes += seen.changes
        on_step(Step(done, len(trial.answers), f"{probe.shape} image {probe.seed}"))
    return Compared(
        precision,
        differences=tuple(found),
        changes=tuple(changes),
        noise=reduce(longer, yardsticks).distances,
        largest=answers.largest() if precision != REFERENCE else None,
        others=answers.change(),
        left_out=trial.plan.left_out,
        suppressed=tuple(trial.suppressed),
        proof=trial.proof,
    )


@dataclass(frozen=True)
class _Seen:
    """How the answer to one image compares."""

    differences: tuple[Difference, ...]
    changes: tuple[Change, ...]

    @property
    def passes(self) -> bool:
        """Whether rounding explains all of it."""
        return all(each.verdict is Verdict.PASS for each in (*self.differences, *self.changes))


def _seen(outputs: Sequence[Array], probe: Probe, index: int, noise: Noise, answers: Answers) -> _Seen:
    """An answer to image `index` of a probe's batch, judged by a yardstick."""
    network = answers.network
    exact = answers.exact(probe, index)
    image = (probe.shape.dims, probe.seed + index)
    changes = () if network.result is None else (change(network.result, outputs, exact, noise.decisive, *image),)
    return _Seen(differences(network, outputs, exact, noise.distances, *image), changes)


def needed(subjects: Iterable[Subject], stride: int) -> tuple[Probe, ...]:
    """Every probe that judging these files needs the reference's answers to, the small ones first."""
    probes = {probe for subject in subjects for probe in plan(subject, stride).all}
    return tuple(sorted(probes, key=lambda probe: (probe.shape.area, probe.seed)))
