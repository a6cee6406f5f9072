"""The full verification: what a file answered on trial, judged by the float64 reference."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ..images.probes import Probe
from ..network.network import Network
from ..precisions import REFERENCE
from .answers import Answers, compared
from .changes import change, check_changes
from .checks import check_accuracy, check_power, check_ranges, check_rounding
from .compare import differences
from .probes import plan
from .report import Change, Check, Difference, Report, Verdict
from .stored import check_stored
from .subject import Subject
from .trial import OnStep, Step, Trial, ignored


def judge(trial: Trial, answers: Answers, on_step: OnStep = ignored) -> Report:
    """Compare a file's answers with the reference's, and conclude. `on_step` is called after each step."""
    inspect(trial, answers.network)
    start = time.perf_counter()
    checks, found, changes = [*trial.checks, *trial.inspected], list[Difference](), list[Change]()
    result = answers.network.result
    if not trial.failed:
        for done, (probe, outputs) in enumerate(trial.answers, 1):
            noise = answers.noise(trial.subject.kind.precision)
            for index in compared(probe):
                one = [output[index : index + 1] for output in outputs]
                exact = answers.exact(probe, index)
                image = (probe.shape.dims, probe.seed + index)
                found += differences(answers.network, one, exact, noise.distances, *image)
                if result is not None:
                    changes.append(change(result, one, exact, noise.decisive, *image))
            on_step(Step(done, len(trial.answers), f"{probe.shape} image {probe.seed}"))
        checks += _conclusions(trial, answers, found)
        checks += [check_changes(changes)] if changes else []
    return Report("full", tuple(checks), tuple(found), trial.seconds + time.perf_counter() - start, tuple(changes))


def inspect(trial: Trial, network: Network) -> None:
    """Note what the file shows without being run, and close it: its answers are all that is needed from here on.

    The reference, in its own thread, catches up meanwhile. A file that is closed already is left alone.
    """
    if trial.loaded is None:
        return
    start = time.perf_counter()
    subject, loaded = trial.subject, trial.loaded
    if loaded.ours:
        trial.inspected += check_stored(loaded.weights(), subject, network)
    trial.loaded = None
    for found in loaded.inspections():
        trial.inspected.append(Check(found.name, Verdict.PASS if found.sound else Verdict.FAIL, found.message))
    loaded.close()
    trial.seconds += time.perf_counter() - start


def _conclusions(trial: Trial, answers: Answers, found: list[Difference]) -> Iterable[Check]:
    yield check_accuracy(found)
    precision = trial.subject.kind.precision
    noise = answers.noise(precision).distances
    if precision != REFERENCE:
        yield check_ranges(precision.activations, *answers.largest())
        yield check_rounding(precision, noise)
    yield check_power(answers.change(), noise)
    if trial.plan.left_out:
        yield Check("own size", Verdict.PASS, trial.plan.left_out)


def needed(subjects: Iterable[Subject], stride: int) -> tuple[Probe, ...]:
    """Every probe that judging these files needs the reference's answers to, the small ones first."""
    probes = {probe for subject in subjects for probe in plan(subject, stride).all}
    return tuple(sorted(probes, key=lambda probe: (probe.shape.area, probe.seed)))
