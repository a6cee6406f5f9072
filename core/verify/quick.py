"""The quick verification: a file that holds the weights, loads and answers finitely, and FP16 that resembles FP32.

It tells a broken file from a sound one, not a slightly wrong one: only the full verification does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from ..images.probes import Probe
from ..network.network import Network
from .changes import change
from .checks import check_answers, check_file
from .checks.found import Compared, Stored
from .compare import differences
from .probes import Plan
from .report import Report, Way
from .subject import Subject
from .trial import Trial

Array = NDArray[Any]


def quick_plan(subject: Subject) -> Plan:
    """One image of the file's own size."""
    return Plan((Probe(subject.shape, 0),))


def inspect_quickly(trial: Trial, network: Network) -> None:
    """Compare what the file stores with the network, and close it."""
    loaded, trial.loaded = trial.loaded, None
    if loaded is None:
        return
    if loaded.ours:
        trial.checks += check_file(Way.QUICK, Stored(trial.subject, network, loaded.weights()))
    loaded.close()


def judge_quickly(trial: Trial, network: Network, full: tuple[Array, ...] | None) -> Report:
    """Conclude from a trial by `quick_plan`. `full`: the answer in the reference precision; None for a file in it.

    What a person keeps is told, and not judged: how far rounding alone may move it is not known here.
    """
    checks = tuple(trial.checks)
    if trial.failed:
        return Report(Way.QUICK, checks, (), trial.seconds)
    found = replace(_compared(trial, network, full), suppressed=tuple(trial.suppressed))
    checks += tuple(check_answers(Way.QUICK, found))
    return Report(Way.QUICK, checks, found.differences, trial.seconds, found.changes, trial.proof)


def _compared(trial: Trial, network: Network, full: tuple[Array, ...] | None) -> Compared:
    precision = trial.subject.kind.precision
    if full is None:
        return Compared(precision, proof=trial.proof)
    probe, outputs = trial.answers[0]
    image = (probe.shape.dims, probe.seed)
    changes = ()
    if network.result is not None:
        changes = (change(network.result, [y[:1] for y in outputs], [y[:1] for y in full], None, *image),)
    return Compared(precision, differences(network, outputs, full, None, *image), changes, proof=trial.proof)
