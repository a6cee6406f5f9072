"""The proof of a file that is on trial, while it is open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from ..images.probes import too_slow
from ..targets.budget import ignored
from ..targets.loaded import Runner
from ..verify.tail import shown
from ..verify.trial import Trial
from .marks import Album
from .prove import OnImage, Yardstick, prove
from .rounding import lost_by_rounding

Array = NDArray[Any]

_FEW = 4  # images, where a runtime takes seconds for each


def prove_on_trial(
    trial: Trial,
    by: Yardstick,
    most: float,
    album: Album | None = None,
    on_image: OnImage = ignored,
    rounded: Runner | None = None,
) -> None:
    """Add the proof to a trial; a file that is wrong already needs none. `most`: the loss in points that is allowed.
    `album`: keeps the images that are most worth looking at. `rounded`: the
    reference with the rounding of the file's precision, asked only where more is lost; None where nothing excuses that.

    Of a file that suppresses boxes itself, the answers before are proved: how it suppresses is tried apart.
    """
    subject, loaded = trial.subject, trial.loaded
    if trial.failed or loaded is None:
        return
    runner = loaded if subject.nms is None else _First(shown(loaded, by.network), len(by.network.outputs))
    few = _FEW if too_slow(subject.kind, subject.shape, subject.device) else None
    proof = prove(runner, by, most, subject.shape.batch, few, subject.kind.precision, album, on_image)
    if rounded is not None and proof.loss is not None and proof.loss.points > most:
        proof = replace(proof, rounding=lost_by_rounding(rounded, by))
    trial.proof = proof


class _First:
    """What gives more outputs than are wanted, without those behind the first ones."""

    def __init__(self, runner: Runner, count: int) -> None:
        self._runner, self._count = runner, count

    def run(self, image: Array) -> tuple[Array, ...]:
        return self._runner.run(image)[: self._count]
