"""Untrained networks find crowds, of which rounding decides what is kept: that is told, and excuses no wrong file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from halfpint.core.families import identify, open_weights
from halfpint.core.images.source import open_images
from halfpint.core.kinds import Kind
from halfpint.core.precisions import FP16
from halfpint.core.proof.prove import Yardstick, prove
from halfpint.core.proof.rounding import lost_by_rounding
from halfpint.core.proof.trial import prove_on_trial
from halfpint.core.shapes import InputShape
from halfpint.core.targets.contract import contract
from halfpint.core.verify.answers import Answers
from halfpint.core.verify.checks.proof import check_proof
from halfpint.core.verify.evidence import Verdict
from halfpint.core.verify.full import judge
from halfpint.core.verify.probes import plan
from halfpint.core.verify.proof import Proof, Rounding
from halfpint.core.verify.report import Report
from halfpint.core.verify.subject import Subject
from halfpint.core.verify.trial import on_trial
from support.proof import MOST, Between, file_of, opened, seen
from support.shapes import picture_folder
from support.targets import ONNX

pytestmark = pytest.mark.numbers

Array = NDArray[Any]
SIZE = (160, 160)
FIXTURES = Path(__file__).parents[2] / "fixtures" / "yolov5"


@pytest.fixture(scope="module")
def by(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yardstick]:
    """What an untrained network finds in pictures of shapes: half of it moves elsewhere in FP16."""
    with open_weights(FIXTURES / "master-n-seg.pt") as archive:
        yield seen(identify(archive).network(), open_images(picture_folder(tmp_path_factory.mktemp("crowds"), 4)), SIZE)


@pytest.fixture(scope="module")
def answers(by: Yardstick) -> Iterator[Answers]:
    answers = Answers(by.network)
    yield answers
    answers.close()


@pytest.fixture(scope="module")
def rounding(by: Yardstick, answers: Answers) -> Rounding:
    return lost_by_rounding(answers.rounded(FP16), by)


def judged(by: Yardstick, answers: Answers, path: Path, data: bytes) -> Report:
    """The full report on an FP16 file, as a job makes it."""
    path.write_bytes(data)
    shape = InputShape(1, 3, *SIZE)
    subject = Subject((path,), Kind(ONNX, FP16), shape, contract(by.network, shape, dynamic=False))
    trial = on_trial(subject, by.network, plan(subject, by.network.stride))
    prove_on_trial(trial, by, MOST, rounded=answers.rounded(FP16))
    return judge(trial, answers)


def test_a_right_file_is_no_fail_and_proves_nothing(by: Yardstick, answers: Answers, tmp_path: Path) -> None:
    report = judged(by, answers, tmp_path / "right.onnx", file_of(by.network, SIZE, FP16)[0])
    assert report.proof is not None and report.proof.loss is not None and report.proof.loss.points > 10
    assert report.verdict is Verdict.WARN and not report.failures
    told = report.message_of("proof")
    assert "rounding alone loses" in told and told.endswith("so that these images prove nothing")


def test_a_layer_that_is_off_by_two_percent_is_a_fail_there_too(
    by: Yardstick, answers: Answers, tmp_path: Path
) -> None:
    model = onnx.load_from_string(file_of(by.network, SIZE, FP16)[0])
    tensor = next(each for each in model.graph.initializer if each.name == "model.4.cv1.conv.weight")
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float16(1.02), tensor.name))
    report = judged(by, answers, tmp_path / "off.onnx", model.SerializeToString())
    assert report.verdict is Verdict.FAIL


@pytest.mark.parametrize("fault", ["channels swapped", "not divided", "moved"])
def test_rounding_does_not_excuse_another_preparation(by: Yardstick, rounding: Rounding, fault: str) -> None:
    prepare = {
        "channels swapped": lambda image: np.ascontiguousarray(image[:, ::-1]),
        "not divided": lambda image: image * 255,
        "moved": lambda image: np.roll(image, 8, axis=3),
    }[fault]
    file = opened(by.network, SIZE, FP16)
    proof = prove(Between(lambda image: file.run(prepare(image))), by, MOST)
    assert replace(proof, rounding=rounding).verdict is Verdict.FAIL
    assert "more than the 0.5 points" in told(replace(proof, rounding=rounding))


def test_a_file_that_finds_nothing_is_a_fail(by: Yardstick, rounding: Rounding) -> None:
    file = opened(by.network, SIZE, FP16)
    proof = prove(Between(lambda image: tuple(answer * 0 for answer in file.run(image))), by, MOST)
    assert replace(proof, rounding=rounding).verdict is Verdict.FAIL


def test_rounding_loses_nothing_of_what_a_trained_network_finds(tmp_path: Path) -> None:
    with open_weights(FIXTURES / "shapes-n.pt") as archive:
        trained = seen(identify(archive).network(), open_images(picture_folder(tmp_path, 4)), (320, 320))
        answers = Answers(trained.network)
        try:
            lost = lost_by_rounding(answers.rounded(FP16), trained)
        finally:
            answers.close()
    assert len(trained.finds(0)) and lost.most < MOST


def told(proof: Proof) -> str:
    return next(check.message for check in check_proof(proof) if check.name == "proof")
