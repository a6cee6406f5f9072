"""The quick verification: a file that holds the weights, loads and answers finitely, and FP16 that resembles FP32.

It tells a broken file from a sound one, not a slightly wrong one: only the full verification does.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..images.probes import Probe
from ..network.network import Network
from ..units import figure
from .changes import change, check_changes
from .compare import differences
from .probes import Plan
from .report import Check, Report, Verdict
from .stored import check_stored
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
        trial.checks += check_stored(loaded.weights(), trial.subject, network)
    loaded.close()


def judge_quickly(trial: Trial, network: Network, full: tuple[Array, ...] | None) -> Report:
    """Conclude from a trial by `quick_plan`. `full`: the answer in the reference precision; None for a file in it.

    What a person keeps is told, and not judged: how far rounding alone may move it is not known here.
    """
    if trial.failed:
        return Report("quick", tuple(trial.checks), (), trial.seconds)
    checks = [*trial.checks, Check("outputs", Verdict.PASS, "finite, and of the right shapes")]
    if full is None:
        return Report("quick", tuple(checks), (), trial.seconds)
    probe, outputs = trial.answers[0]
    found = differences(network, outputs, full, None, probe.shape.dims, probe.seed)
    worst = max(found, key=lambda difference: difference.measured.nrmse)
    label = trial.subject.kind.precision.label
    message = f"{label} moves the {worst.component} by {figure(100 * worst.measured.nrmse)} % of their spread"
    checks.append(Check("halving", worst.verdict, message))
    changes = ()
    if network.result is not None:
        one, wanted = [y[:1] for y in outputs], [y[:1] for y in full]
        changes = (change(network.result, one, wanted, None, probe.shape.dims, probe.seed),)
        checks.append(check_changes(changes))
    return Report("quick", tuple(checks), found, trial.seconds, changes)
