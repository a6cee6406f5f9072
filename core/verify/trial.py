"""A finished file on trial: it is loaded back, its promises are checked, and it answers the test images."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import HalfpintError
from ..images.probes import Probe
from ..images.synthetic import batch_for
from ..limits import ran_out_of_memory
from ..network.network import Network
from ..targets.contract import output_dims
from ..targets.loaded import Loaded, Runner, told
from .checks.contract import check_contract
from .checks.outputs import wrong_form
from .evidence import Evidence, Verdict
from .lifted import lifted
from .probes import Plan
from .subject import CannotLoad, Subject, load

Array = NDArray[Any]


@dataclass(frozen=True)
class Step:
    """A step of a verification that is done: `done` of `total`, and what it was."""

    done: int
    total: int
    text: str


OnStep: TypeAlias = Callable[[Step], None]  # called after each step; if it raises, the verification ends


def ignored(_: Step) -> None:
    """Nobody wants to know."""


@dataclass
class Trial:
    """What came of it: the checks made so far, and the answers to be judged.

    `loaded`: the file in its runtime; None if it does not load, or once it is closed. `inspected`: what it showed
    without being run, which does not keep its answers from being judged. `seconds`: what the trial took.
    """

    subject: Subject
    plan: Plan
    loaded: Loaded | None = None
    checks: list[Evidence] = field(default_factory=list[Evidence])
    inspected: list[Evidence] = field(default_factory=list[Evidence])
    answers: list[tuple[Probe, tuple[Array, ...]]] = field(default_factory=list[tuple[Probe, tuple[Array, ...]]])
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether the file is wrong already, so that its answers need not be judged."""
        return any(check.verdict is Verdict.FAIL for check in self.checks)

    def note(self, name: str, verdict: Verdict, message: str) -> None:
        """Add what a check found."""
        self.checks.append(Evidence(name, verdict, message))


def on_trial(
    subject: Subject,
    network: Network,
    plan: Plan,
    load: Callable[[Subject], Loaded] = load,
    on_step: OnStep = ignored,
) -> Trial:
    """Load a finished file and run it. `load`: how; it raises `CannotLoad`. `on_step` is called after each step.

    It never raises for a wrong file: the checks say it. What a sandbox refuses, it lets through.
    """
    start = time.perf_counter()
    trial = Trial(subject, plan)
    _try(trial, network, load, on_step)
    trial.seconds = time.perf_counter() - start
    return trial


def _try(trial: Trial, network: Network, load: Callable[[Subject], Loaded], on_step: OnStep) -> None:
    subject, plan = trial.subject, trial.plan
    total = 1 + len(plan.all)
    try:
        loaded = load(subject)
        trial.note("loads", Verdict.PASS, f"{subject.kind.target} loads")
        trial.checks.append(check_contract(loaded.contract, subject.contract))
    except CannotLoad as error:
        trial.note("loads", Verdict.FAIL, f"the runtime refuses the file: {error}")
        return
    trial.loaded = loaded
    on_step(Step(1, total, "loads"))
    copy = _lifted(loaded, network, subject, plan.lifted[0]) if plan.lifted else None
    runs: list[tuple[Probe, Runner]] = [(probe, loaded) for probe in plan.own]
    runs += [(probe, copy or loaded) for probe in (plan.instead if copy is None else plan.lifted)]
    for done, (probe, runner) in enumerate(runs, 2):
        if trial.failed:
            return
        _run(probe, runner, network, trial)
        on_step(Step(done, total, f"{probe.shape} image {probe.seed}"))


def _lifted(loaded: Loaded, network: Network, subject: Subject, probe: Probe) -> Runner | None:
    """A copy that takes other sizes, or None if there is none: simplifiers and others bake the size in."""
    try:
        copy = lifted(loaded, network, subject.shape)
        if copy is not None:
            copy.run(_image(network, probe))
    except HalfpintError:
        raise
    except Exception:  # whatever the runtime raises: then the file is tried at its own size alone
        return None
    return copy


def _run(probe: Probe, loaded: Runner, network: Network, trial: Trial) -> None:
    """Keep the answer to a probe, or note why there is none that could be judged."""
    try:
        outputs = loaded.run(_image(network, probe))
    except HalfpintError:
        raise
    except Exception as error:  # whatever a runtime raises, the file does not do what it promises
        if ran_out_of_memory(error):
            raise MemoryError from error
        trial.note("runs", Verdict.FAIL, f"it fails at {probe.shape}: {told(error)}")
        return
    wrong = wrong_form(outputs, output_dims(network, probe.shape))
    if wrong:
        trial.note("outputs", Verdict.FAIL, f"at {probe.shape}: {wrong}")
    else:
        trial.answers.append((probe, outputs))


def _image(network: Network, probe: Probe) -> NDArray[np.float32]:
    return batch_for(network.task, *probe.shape.dims[1:], probe.seed, probe.shape.batch)
