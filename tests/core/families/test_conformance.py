"""Every checkpoint with recorded answers: the readings agree with the code that wrote it.

That weighing agrees with running is held by `tests/core/memory/test_plan.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from halfpint.core.formats import Precision
from halfpint.core.network.network import Network
from halfpint.core.readings.reference import Reference
from halfpint.core.readings.torch_runner import TorchRunner
from halfpint.core.verify.answers import Answers
from halfpint.core.verify.report import LEAST_NOISE
from support.checkpoints import Checkpoint, network_of, nrmse
from support.onnx import answer, written

# FP32 rounding moves the recorded answers themselves by up to 4.7e-5 (v2.0-s).
RECORDED = 5e-5
# As in verification: a right answer may be off by four times what rounding does to the network.
FACTOR = 4


def test_reference(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network:
        answers = Reference(np.float64).run(network, checkpoint.image)
        assert len(answers) == len(checkpoint.answers)
        for got, recorded in zip(answers, checkpoint.answers, strict=True):
            assert got.shape == recorded.shape
            assert nrmse(got, recorded) <= RECORDED


def fp32_noise(network: Network, image: NDArray[Any]) -> list[float]:
    """How far FP32 rounding moves the answer to an image, by output (NRMSE)."""
    exact, rounded = (Reference(dtype).run(network, image) for dtype in (np.float64, np.float32))
    return [max(nrmse(y, x), LEAST_NOISE) for y, x in zip(rounded, exact, strict=True)]


def test_torch(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network, torch.inference_mode():
        runner = TorchRunner(network)
        image = torch.from_numpy(checkpoint.image)
        exact = Reference(np.float64).run(network, checkpoint.image)
        for got, wanted, noise in zip(runner(image), exact, fp32_noise(network, checkpoint.image), strict=True):
            assert nrmse(got.numpy(), wanted) <= FACTOR * noise
        # In float64 both readings compute the same thing, so what is left above is rounding.
        for got, wanted in zip(runner.double()(image.double()), exact, strict=True):
            assert nrmse(got.numpy(), wanted) <= 1e-11


def test_onnx(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network:
        model = written(network)
        onnx.checker.check_model(model, full_check=True)
        exact = Reference(np.float64).run(network, checkpoint.image)
        noises = fp32_noise(network, checkpoint.image)
        for got, wanted, noise in zip(answer(model, checkpoint.image), exact, noises, strict=True):
            assert nrmse(got, wanted) <= FACTOR * noise


def test_onnx_in_fp16_is_off_by_rounding_alone(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network:
        model = written(network, half=True)
        onnx.checker.check_model(model, full_check=True)
        exact = Reference(np.float64).run(network, checkpoint.image)
        half = Reference(np.float16).run(network, checkpoint.image)
        for got, rounded, wanted in zip(answer(model, checkpoint.image), half, exact, strict=True):
            assert got.dtype == np.float32
            assert nrmse(got, wanted) <= FACTOR * nrmse(rounded, wanted)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_torch_exporter_agrees_with_our_writer(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """A second witness: torch's own exporter, on the run reading."""
    with network_of(checkpoint.path) as network, torch.inference_mode():
        runner = TorchRunner(network)
        path = tmp_path / "traced.onnx"
        torch.onnx.export(runner, (torch.from_numpy(checkpoint.image),), path, dynamo=False, opset_version=17)
        ours = answer(written(network), checkpoint.image)
        # Both are off by rounding.
        noise = Answers(network).noise(Precision.FP32).distances
        limit = 2 * FACTOR * max(distance.nrmse for distance in noise.values())
        for got, wanted in zip(answer(onnx.load(path), checkpoint.image), ours, strict=True):
            assert nrmse(got, wanted) <= limit
