"""A right FP16 file passes on every processor, in whichever order it sums, in FP16 or FP32."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
import torch

from halfpint.core.images.synthetic import batch_for
from halfpint.core.kinds import Kind
from halfpint.core.precisions import FP16
from halfpint.core.shapes import InputShape
from halfpint.core.verify.answers import Answers
from halfpint.core.verify.evidence import Verdict
from halfpint.core.verify.full import judge
from halfpint.core.verify.probes import plan
from halfpint.core.verify.report import Report
from halfpint.core.verify.subject import Subject
from halfpint.core.verify.trial import Trial
from support import dbnet
from support.checkpoints import Checkpoint, network_of
from support.fp16_sums import Fp16Sums, Sums, Way
from support.targets import TORCHSCRIPT

pytestmark = pytest.mark.numbers

SHAPE = InputShape(1, 3, 128, 192)
SUMS = [Sums(16, Way.CHANNELS), Sums(16, Way.TAPS), Sums(16, Way.BACKWARDS), Sums(32, Way.TAPS), Sums(64, Way.SPLIT)]


def report_on(answers: Answers, sums: Sums) -> Report:
    """The report on an FP16 TorchScript file that runs on such a processor."""
    network = answers.network
    subject = Subject((Path("model.fp16.torchscript"),), Kind(TORCHSCRIPT, FP16), SHAPE, None)
    trial = Trial(subject, plan(subject, network.stride))
    runner = Fp16Sums(network, sums)
    with torch.inference_mode():
        for probe in trial.plan.all:
            image = torch.from_numpy(batch_for(network.task, *probe.shape.dims[1:], probe.seed, probe.shape.batch))
            trial.answers.append((probe, tuple(y.numpy() for y in runner(image))))
    return judge(trial, answers)


@pytest.fixture(scope="module")
def reference() -> Iterator[Callable[[Path], Answers]]:
    """By checkpoint: what its network must answer, computed once for all ways to sum."""
    with ExitStack() as stack:

        @cache
        def answers(path: Path) -> Answers:
            found = Answers(stack.enter_context(network_of(path)))
            stack.callback(found.close)
            return found

        yield answers


@pytest.mark.one_in(9)
@pytest.mark.parametrize("sums", SUMS, ids=str)
@pytest.mark.parametrize("name", ["shapes-n", *dbnet.VARIANTS])
def test_networks_that_rounding_moves_little(
    name: str, sums: Sums, reference: Callable[[Path], Answers], trained: Path
) -> None:
    report = report_on(reference(trained if name == "shapes-n" else dbnet.checkpoint(name)), sums)
    assert report.verdict is Verdict.PASS, report.checks
    # What a person keeps is kept, and the yardstick is not much wider than it has to be.
    assert report.headline.startswith("all ")
    assert report.noise_multiple is not None
    assert 0.25 < report.noise_multiple < 4


@pytest.mark.one_in(3)
def test_all_others(checkpoint: Checkpoint, reference: Callable[[Path], Answers]) -> None:
    report = report_on(reference(checkpoint.path), Sums(16, Way.TAPS))
    assert report.verdict is Verdict.PASS, report.checks
