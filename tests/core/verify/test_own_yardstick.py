"""A network that makes more of every rounding in large images is judged there by what rounding makes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from halfpint.core.images.probes import Probe
from halfpint.core.images.synthetic import batch_for
from halfpint.core.kinds import Kind
from halfpint.core.precisions import FLOATS, FP32, Precision
from halfpint.core.readings.reference import Reference
from halfpint.core.shapes import InputShape
from halfpint.core.verify.answers import Answers
from halfpint.core.verify.compare import PASS_FACTOR
from halfpint.core.verify.evidence import Verdict
from halfpint.core.verify.full import judge
from halfpint.core.verify.probes import Plan
from halfpint.core.verify.report import Distance, Noise, Report
from halfpint.core.verify.subject import Subject
from halfpint.core.verify.trial import Trial
from support.checkpoints import network_of
from support.targets import ONNX

pytestmark = pytest.mark.numbers

Outputs = tuple[NDArray[np.float32], ...]


class Calm(Answers):
    """As if the network made a hundredth as much of rounding in small images."""

    def noise(self, precision: Precision) -> Noise:
        usual = super().noise(precision)
        small = {name: Distance(d.nrmse / 100, d.largest / 100) for name, d in usual.distances.items()}
        return Noise(small, usual.decisive / 100)


@pytest.fixture
def answers(trained: Path) -> Iterator[Calm]:
    with network_of(trained) as network:
        found = Calm(network)
        yield found
        found.close()


def probe_of(side: int) -> Probe:
    return Probe(InputShape(1, 3, side, side), 0)


def answered(answers: Answers, probe: Probe, precision: Precision) -> Outputs:
    """What a correct file answers: it rounds as a runtime may."""
    network = answers.network
    image = batch_for(network.task, *probe.shape.dims[1:], probe.seed, 1)
    # The last bits of the image are not those that the yardstick's has, so that all is rounded otherwise.
    outputs = Reference(precision.activations).run(network, image * np.float32(1 - 2**-24))
    return tuple(y.astype(np.float32) for y in outputs)


def report_on(answers: Answers, probe: Probe, precision: Precision, outputs: Outputs) -> Report:
    """The report on a file that was tried at its own size alone, and answered this."""
    subject = Subject((Path("model.onnx"),), Kind(ONNX, precision), probe.shape, None)
    trial = Trial(subject, Plan((probe,)))
    trial.answers.append((probe, outputs))
    return judge(trial, answers)


@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_a_right_file_passes_at_a_large_size(answers: Calm, precision: Precision) -> None:
    probe = probe_of(256)
    assert not answers.cheap(probe)
    report = report_on(answers, probe, precision, answered(answers, probe, precision))
    accuracy = next(check for check in report.checks if check.name == "accuracy")
    assert accuracy.verdict is Verdict.PASS, accuracy.message
    usual = answers.noise(precision).distances
    assert any(d.measured.nrmse > PASS_FACTOR * usual[d.component].nrmse for d in report.differences)


def test_small_images_speak_for_themselves(answers: Calm) -> None:
    """There, the usual yardstick was measured on images of the same size."""
    probe = probe_of(128)
    assert answers.cheap(probe)
    report = report_on(answers, probe, FP32, answered(answers, probe, FP32))
    assert report.verdict is not Verdict.PASS


@pytest.mark.parametrize("precision", FLOATS, ids=str)
def test_a_wrong_file_fails_by_either_yardstick(answers: Calm, precision: Precision) -> None:
    """One box coordinate is off by a tenth: no rounding explains it."""
    probe = probe_of(256)
    outputs = answered(answers, probe, precision)
    first = outputs[0].copy()
    first[..., 0] *= 1.1
    report = report_on(answers, probe, precision, (first, *outputs[1:]))
    assert report.verdict is Verdict.FAIL


def test_power_is_judged_by_the_longest_yardstick(answers: Calm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where rounding moves the answer as far as another image does, nothing is verified, and the report says so."""
    probe = probe_of(256)
    moved = Noise({name: replace(d, nrmse=10.0) for name, d in answers.noise(FP32).distances.items()}, 10.0)
    monkeypatch.setattr(answers, "noise_at", lambda *_: moved)
    report = report_on(answers, probe, FP32, answered(answers, probe, FP32))
    power = next(check for check in report.checks if check.name == "power")
    assert power.verdict is Verdict.WARN
