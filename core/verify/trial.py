"""A finished file on trial: it is loaded back, its promises are checked, and it answers the test images."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from . import tail
from .checks.contract import check_contract
from .checks.outputs import wrong_form
from .evidence import Evidence, Verdict
from .lifted import lifted
from .probes import Plan
from .proof import Proof
from .subject import CannotLoad, Subject, load
from .suppression import Suppressed

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
    without being run, which does not keep its answers from being judged. `answers`: the network's own outputs, before a
    file suppresses boxes itself; `suppressed`: what it keeps of them. `proof`: what came of the user's own images.
    `seconds`: what the trial took.
    """

    subject: Subject
    plan: Plan
    loaded: Loaded | None = None
    checks: list[Evidence] = field(default_factory=list[Evidence])
    inspected: list[Evidence] = field(default_factory=list[Evidence])
    answers: list[tuple[Probe, tuple[Array, ...]]] = field(default_factory=list[tuple[Probe, tuple[Array, ...]]])
    suppressed: list[Suppressed] = field(default_factory=list[Suppressed])
    proof: Proof | None = None
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
    runner = loaded if subject.nms is None else _shown(loaded, network, trial)
    copy = _lifted(loaded, network, subject, plan.lifted[0]) if plan.lifted else None
    runs: list[tuple[Probe, Runner]] = [(probe, runner) for probe in plan.own]
    runs += [(probe, copy or runner) for probe in (plan.instead if copy is None else plan.lifted)]
    for done, (probe, each) in enumerate(runs, 2):
        if trial.failed:
            return
        _run(probe, each, network, trial)
        on_step(Step(done, total, f"{probe.shape} image {probe.seed}"))
    if subject.nms is not None and not trial.failed:
        with _noted(trial, "nms", "the part that suppresses boxes cannot be tried by itself"):
            trial.suppressed += tail.on_drawn_answers(loaded, subject, network, subject.nms)


def _shown(loaded: Loaded, network: Network, trial: Trial) -> Runner:
    """A file that suppresses boxes, with its answers before it does; it was tried as it is before."""
    subject = trial.subject
    assert subject.nms is not None
    outputs = _answer(Probe(subject.shape, 0), loaded, network, trial)
    wrong = outputs is not None and wrong_form(outputs, tail.dims_of(network, subject.nms, subject.shape))
    if wrong:
        trial.note("outputs", Verdict.FAIL, f"at {subject.shape}: {wrong}")
    if not trial.failed:
        with _noted(trial, "nms", "its answers before it suppresses boxes cannot be shown"):
            return tail.shown(loaded, network)
    return loaded


def _lifted(loaded: Loaded, network: Network, subject: Subject, probe: Probe) -> Runner | None:
    """A copy that takes other sizes, or None if there is none: simplifiers and others bake the size in."""
    try:
        copy = lifted(loaded, network, subject.shape, () if subject.nms is None else tail.raw_names(network))
        if copy is not None:
            copy.run(_image(network, probe))
    except HalfpintError:
        raise
    except Exception:  # whatever the runtime raises: then the file is tried at its own size alone
        return None
    return copy


def _run(probe: Probe, runner: Runner, network: Network, trial: Trial) -> None:
    """Keep the answer to a probe, or note why there is none that could be judged."""
    outputs, nms = _answer(probe, runner, network, trial), trial.subject.nms
    if outputs is None:
        return
    dims = output_dims(network, probe.shape)
    wrong = wrong_form(outputs, dims if nms is None else [*dims, *tail.dims_of(network, nms, probe.shape)])
    if wrong:
        trial.note("outputs", Verdict.FAIL, f"at {probe.shape}: {wrong}")
        return
    raw, kept = outputs[: len(dims)], outputs[len(dims) :]
    trial.answers.append((probe, raw))
    if nms is not None:
        trial.suppressed += tail.of_batch(network, nms, raw, kept)


def _answer(probe: Probe, runner: Runner, network: Network, trial: Trial) -> tuple[Array, ...] | None:
    """The answer to a probe; None if there is none, which is noted."""
    with _noted(trial, "runs", f"it fails at {probe.shape}"):
        return runner.run(_image(network, probe))
    return None


@contextmanager
def _noted(trial: Trial, name: str, what: str) -> Iterator[None]:
    """Note what a runtime raises within: whatever it is, the file does not do what it promises."""
    try:
        yield
    except HalfpintError:
        raise
    except Exception as error:
        if ran_out_of_memory(error):
            raise MemoryError from error
        trial.note(name, Verdict.FAIL, f"{what}: {told(error)}")


def _image(network: Network, probe: Probe) -> NDArray[np.float32]:
    return batch_for(network.task, *probe.shape.dims[1:], probe.seed, probe.shape.batch)
