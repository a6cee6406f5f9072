"""How a job verifies: which images its files are tried on, and what their answers are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from numpy.typing import NDArray

from ..images.synthetic import batch_for
from ..kinds import Kind
from ..network.network import Network
from ..options import VerifyMode
from ..precisions import REFERENCE, Precision
from ..targets.loaded import Runner
from ..targets.target import Target
from ..verify.answers import Answers
from ..verify.full import inspect, judge, needed
from ..verify.on_images import judge_on_images
from ..verify.probes import Plan, plan
from ..verify.quick import inspect_quickly, judge_quickly, quick_plan
from ..verify.report import Report, Way
from ..verify.subject import Subject
from ..verify.trial import OnStep, Step, Trial
from .order import Order

Array = NDArray[Any]


class Verifier(Protocol):
    """One way to verify the artifacts of a job."""

    def prepare(self, orders: Sequence[Order]) -> None:
        """Begin what can be done before the files are there."""
        ...

    def plan(self, subject: Subject) -> Plan:
        """The images to try a file on."""
        ...

    def rounded(self, precision: Precision) -> Runner | None:
        """What answers an image as rounding to a precision makes it; None where that is not computed."""
        ...

    def inspect(self, trial: Trial) -> None:
        """Look at what a file shows without being run, if anything, and close it."""
        ...

    def judge(self, order: Order, trial: Trial, on_step: OnStep) -> Report:
        """The report on a file that was tried; the orders come as they were tried, the reference precision first.

        `on_step` is called after each step.
        """
        ...

    def close(self) -> None:
        """Drop what is not needed any more."""
        ...


def verifier(mode: VerifyMode, network: Network) -> Verifier:
    """The verifier of a mode; what was made on images is judged by them, whatever the mode."""
    return _ByPrecision(_Full(network) if mode is VerifyMode.FULL else _Quick(network), _OnImages(network))


@dataclass(frozen=True)
class _ByPrecision:
    """One verifier for what rounding alone makes, and one for what was made on images."""

    by_noise: Verifier
    on_images: Verifier

    def prepare(self, orders: Sequence[Order]) -> None:
        self.by_noise.prepare([order for order in orders if not order.kind.precision.needs_images])

    def plan(self, subject: Subject) -> Plan:
        return self._of(subject).plan(subject)

    def rounded(self, precision: Precision) -> Runner | None:
        return None if precision.needs_images else self.by_noise.rounded(precision)

    def inspect(self, trial: Trial) -> None:
        self._of(trial.subject).inspect(trial)

    def judge(self, order: Order, trial: Trial, on_step: OnStep) -> Report:
        return self._of(trial.subject).judge(order, trial, on_step)

    def close(self) -> None:
        self.by_noise.close()
        self.on_images.close()

    def _of(self, subject: Subject) -> Verifier:
        return self.on_images if subject.kind.precision.needs_images else self.by_noise


class _Full:
    """Against the reference."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._answers = Answers(network)

    def prepare(self, orders: Sequence[Order]) -> None:
        subjects = [order.subject(order.paths) for order in orders]
        precisions = dict.fromkeys(order.kind.precision for order in orders)
        self._answers.prepare(needed(subjects, self._network.stride), precisions)

    def plan(self, subject: Subject) -> Plan:
        return plan(subject, self._network.stride)

    def rounded(self, precision: Precision) -> Runner | None:
        return self._answers.rounded(precision)

    def inspect(self, trial: Trial) -> None:
        inspect(trial, self._network)

    def judge(self, order: Order, trial: Trial, on_step: OnStep) -> Report:
        return judge(trial, self._answers, on_step)

    def close(self) -> None:
        self._answers.close()


class _Quick:
    """The runtime alone: a narrow precision against the reference one, from the job's own file if there is one."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._full: dict[Target, tuple[Array, ...]] = {}

    def prepare(self, orders: Sequence[Order]) -> None:
        pass

    def plan(self, subject: Subject) -> Plan:
        return quick_plan(subject)

    def rounded(self, precision: Precision) -> Runner | None:
        return None

    def inspect(self, trial: Trial) -> None:
        inspect_quickly(trial, self._network)

    def judge(self, order: Order, trial: Trial, on_step: OnStep) -> Report:
        target, reduced = order.kind.target, order.kind.precision != REFERENCE
        if reduced and not trial.failed and target not in self._full:
            self._full[target] = _reference_answer(order)
        report = judge_quickly(trial, self._network, self._full.get(target) if reduced else None)
        if not reduced and not trial.failed:
            self._full[target] = trial.answers[0][1]
        on_step(Step(1, 1, "judged"))
        return report

    def close(self) -> None:
        pass


class _OnImages:
    """The proof on the user's images alone: rounding noise tells nothing of files that were made within a budget."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def prepare(self, orders: Sequence[Order]) -> None:
        pass

    def plan(self, subject: Subject) -> Plan:
        return quick_plan(subject)

    def rounded(self, precision: Precision) -> Runner | None:
        return None

    def inspect(self, trial: Trial) -> None:
        inspect(trial, self._network, Way.IMAGES)

    def judge(self, order: Order, trial: Trial, on_step: OnStep) -> Report:
        report = judge_on_images(trial)
        on_step(Step(1, 1, "judged"))
        return report

    def close(self) -> None:
        pass


def _reference_answer(order: Order) -> tuple[Array, ...]:
    """What an artifact's twin in the reference precision answers; it is made in memory and never published.

    It suppresses no boxes: its answer is what others are held against before they do.
    """
    twin = replace(order, kind=Kind(order.kind.target, REFERENCE))
    shape = order.loaded.shape
    image = batch_for(order.loaded.network.task, *shape.dims[1:], 0, shape.batch)
    return order.kind.target.open(twin.in_memory(replace(twin.build, nms=None)), order.spec.device).run(image)
