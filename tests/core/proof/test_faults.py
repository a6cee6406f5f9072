"""Faults that users meet, planted one by one: each ends in FAIL on their own images, and a right file does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from PIL import Image

from halfpint.core.families import identify, open_weights
from halfpint.core.images.source import open_images
from halfpint.core.network.layers import Conv2d, Weights, layers_of
from halfpint.core.network.network import Network
from halfpint.core.precisions import FLOATS, FP16, Precision
from halfpint.core.proof.prove import Yardstick, prove
from halfpint.core.targets.target import Target
from halfpint.core.verify.evidence import Verdict
from support.proof import dynamic, file_of, opened, proved, seen, verified
from support.shapes import shapes
from support.targets import BOTH, ONNX, TORCHSCRIPT

pytestmark = pytest.mark.numbers

Array = NDArray[Any]
SIZE = (320, 320)
BAND = slice(64, 256)  # the rows that a picture of 192×320 takes in a square letterbox of 320×320


@pytest.fixture(scope="module")
def by(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yardstick]:
    """What `shapes-n` finds in 16 pictures of 192×320."""
    folder = tmp_path_factory.mktemp("wide")
    for index, picture in enumerate(shapes()[0]):
        Image.fromarray(picture[BAND]).save(folder / f"{index:02}.png")
    with open_weights(Path(__file__).parents[2] / "fixtures" / "yolov5" / "shapes-n.pt") as archive:
        yield seen(identify(archive).network(), open_images(folder), SIZE)


# ---- right files


@pytest.mark.parametrize("precision", FLOATS, ids=str)
@pytest.mark.parametrize("target", BOTH, ids=str)
def test_a_right_file_loses_nothing(by: Yardstick, target: Target, precision: Precision) -> None:
    if target is TORCHSCRIPT and precision is FP16:
        pytest.skip("it takes seconds an image on a CPU")
    proof = proved(by, opened(by.network, SIZE, precision, target).run)
    assert proof.expected > 50
    assert (proof.verdict, proof.kept, proof.new) == (Verdict.PASS, proof.expected, 0)


def test_a_file_of_a_batch_and_one_of_any_size(by: Yardstick) -> None:
    batch = ONNX.open(file_of(by.network, SIZE, batch=3), "cpu")
    for proof in (prove(batch, by, 0.5, batch=3), prove(dynamic(by.network), by, 0.5)):
        assert (proof.verdict, proof.kept, proof.images) == (Verdict.PASS, proof.expected, 16)


# ---- wrong preparation


def means(image: Array) -> Array:
    """As ImageNet has it, where the network was trained without."""
    mean, deviation = np.array(((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), np.float32)[..., None, None]
    return (image - mean) / deviation


PREPARED: dict[str, Callable[[Array], Array]] = {
    "channels swapped": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "mean and deviation": means,
    "not divided": lambda image: image * 255,
}


@pytest.mark.parametrize("fault", PREPARED)
def test_another_preparation(by: Yardstick, fault: str) -> None:
    file = opened(by.network, SIZE)
    proof = proved(by, lambda image: file.run(PREPARED[fault](image)))
    assert proof.verdict is Verdict.FAIL
    assert proof.loss is not None and proof.loss.points > 10


@pytest.mark.parametrize("mapped", ["boxes as they come", "boxes mapped back"])
def test_a_rect_letterbox_on_one_side_only(by: Yardstick, mapped: str) -> None:
    """As YOLOv5 runs its checkpoints, and its exports not. The missing rows find nothing."""
    file = dynamic(by.network)

    def rect(image: Array) -> tuple[Array, ...]:
        (rows,) = file.run(np.ascontiguousarray(image[:, :, BAND]))
        rows = rows.copy()
        rows[..., 1] += BAND.start if mapped == "boxes mapped back" else 0
        empty = np.zeros((1, 6300 - rows.shape[1], rows.shape[2]), rows.dtype)
        return (np.concatenate((rows, empty), axis=1),)

    assert proved(by, rect).verdict is Verdict.FAIL


def test_an_answer_of_another_form(by: Yardstick) -> None:
    file = dynamic(by.network)
    proof = proved(by, lambda image: file.run(np.ascontiguousarray(image[:, :, BAND])))
    assert proof.verdict is Verdict.FAIL and "instead of 1×6300×85" in proof.headline


# ---- wrong numbers


LAYERS = ("model.0.conv", "model.4.cv1.conv", "model.17.cv3.conv", "model.24.m.0")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_that_is_off_by_two_percent(by: Yardstick, layer: str, tmp_path: Path) -> None:
    model = onnx.load_from_string(file_of(by.network, SIZE)[0])
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == f"{layer}.weight")
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.02), tensor.name))
    _, report = verified(by, tmp_path / "off.onnx", model.SerializeToString())
    assert "accuracy" in {check.name for check in report.failures}


FINE, SIDE = (np.indices((32, 32)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None], 32  # squares of one pixel


def test_an_activation_that_overflows_on_the_user_s_images_alone(tmp_path: Path) -> None:
    """A channel that nothing reads answers fine patterns alone, which no test image has. A CPU computes FP16 files in
    float32 and finds all that is there; elsewhere infinity times zero is no number.
    """
    for index, picture in enumerate(shapes()[0][:3]):
        picture = picture.copy()
        picture[:SIDE, :SIDE] = FINE if index == 1 else 114
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
    network = overflowing()
    by = seen(network, open_images(tmp_path), (320, 320), [FP16])
    data = file_of(network, (320, 320), FP16)[0]
    without, report = verified(by, tmp_path / "overflows.fp16.onnx", data, FP16)
    assert without.verdict is not Verdict.FAIL
    assert [check.name for check in report.failures] == ["ranges"]
    assert report.message_of("ranges") == (
        "the largest value is 1.31e+05, at model.0.conv, on 1.png; float16 ends at 65504"
    )
    assert report.proof is not None and report.proof.kept == report.proof.expected > 5


def overflowing() -> Network:
    with open_weights(Path(__file__).parents[2] / "fixtures" / "yolov5" / "shapes-n.pt") as archive:
        network = identify(archive).network()
        layers = {layer.name: layer for layer in layers_of(network.body) if isinstance(layer, Conv2d)}
        change(layers["model.0.conv"], answers_fine_patterns)
        change(layers["model.1.conv"], without_first_channel)
        file_of(network, (320, 320))  # loads the weights while the file is open
    return network


def change(layer: Conv2d, how: Callable[[Array, Array], None]) -> None:
    weight, bias = (array.copy() for array in layer.weights)
    how(weight, bias)
    layer.__dict__.update(bias=bias, _kept=lambda: Weights(weight, bias))


def answers_fine_patterns(weight: Array, bias: Array) -> None:
    """Twice as far as float16 goes: 54 of the 108 weights see white."""
    sign = 1 - 2 * (np.indices(weight.shape[2:]).sum(axis=0) % 2)
    weight[0], bias[0] = sign * (2 * FP16.largest / 54), 0


def without_first_channel(weight: Array, bias: Array) -> None:
    weight[:, 0] = 0
