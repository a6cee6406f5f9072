"""The quick verification: a file that loads and answers finitely, and an FP16 one that resembles the FP32 one.

It tells a broken file from a sound one, not a slightly wrong one: only the full verification does.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from ..network.network import Network
from ..units import figure
from .compare import differences
from .probes import Plan, Probe
from .report import Check, Difference, Distance, Report, Verdict
from .subject import Subject
from .trial import Trial

Array = NDArray[Any]

# FP16 rounding moves trained networks by 0.001 of an answer's spread and untrained ones by up to 0.1; a file
# that computes something else is off by about 1.
_ROUNDING, _BROKEN = 0.1, 0.3


def quick_plan(subject: Subject) -> Plan:
    """One image of the file's own size."""
    return Plan((Probe(subject.shape, 0),))


def judge_quickly(trial: Trial, network: Network, full: tuple[Array, ...] | None) -> Report:
    """Conclude from a trial by `quick_plan`. `full`: the FP32 network's answer; None for an FP32 file."""
    checks, found = list(trial.checks), list[Difference]()
    if not trial.failed:
        probe, outputs = trial.answers[0]
        checks.append(Check("outputs", Verdict.PASS, "finite, and of the right shapes"))
        if full is not None:
            noise = {component.name: Distance(_ROUNDING, float("inf")) for component in network.components}
            measured = differences(network, outputs, full, noise, probe.shape.dims, probe.seed)
            found += [replace(difference, verdict=_verdict(difference.measured.nrmse)) for difference in measured]
            worst = max(found, key=lambda difference: difference.measured.nrmse)
            message = f"FP16 moves the {worst.component} by {figure(100 * worst.measured.nrmse)} % of their spread"
            checks.append(Check("halving", worst.verdict, message))
    return Report("quick", tuple(checks), tuple(found), trial.seconds)


def _verdict(error: float) -> Verdict:
    if error <= _ROUNDING:
        return Verdict.PASS
    return Verdict.WARN if error <= _BROKEN else Verdict.FAIL
