"""Every checkpoint with recorded answers: the readings agree with the code that wrote it.

That weighing agrees with running is held by `tests/core/memory/test_forward.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from halfpint.core.precisions import FP16
from halfpint.core.precisions.dtype import FLOAT16, FLOAT64
from halfpint.core.readings.reference import Reference
from halfpint.core.readings.torch_runner import TorchRunner
from support.checkpoints import Checkpoint, network_of, nrmse
from support.onnx import answer, written
from support.rounding import limits, limits64

pytestmark = pytest.mark.numbers


@pytest.mark.one_in(2)
def test_reference(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network:
        answers = Reference(FLOAT64).run(network, checkpoint.image)
        assert len(answers) == len(checkpoint.answers)
        # The recorded answers were computed in FP32.
        for got, recorded, limit in zip(answers, checkpoint.answers, limits(network, checkpoint.image), strict=True):
            assert got.shape == recorded.shape
            assert nrmse(recorded, got) <= limit


@pytest.mark.one_in(3)
def test_torch(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network, torch.inference_mode():
        runner = TorchRunner(network)
        image = torch.from_numpy(checkpoint.image)
        exact = Reference(FLOAT64).run(network, checkpoint.image)
        for got, wanted, limit in zip(runner(image), exact, limits(network, checkpoint.image), strict=True):
            assert nrmse(got.numpy(), wanted) <= limit
        # In float64 both readings compute the same thing, so what is left above is rounding.
        exacter = zip(runner.double()(image.double()), exact, limits64(network, checkpoint.image), strict=True)
        for got, wanted, limit in exacter:
            assert nrmse(got.numpy(), wanted) <= limit


@pytest.mark.one_in(3)
def test_onnx(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network:
        model = written(network)
        onnx.checker.check_model(model, full_check=True)
        exact = Reference(FLOAT64).run(network, checkpoint.image)
        bounds = limits(network, checkpoint.image)
        for got, wanted, limit in zip(answer(model, checkpoint.image), exact, bounds, strict=True):
            assert nrmse(got, wanted) <= limit


@pytest.mark.one_in(3)
def test_onnx_in_fp16_is_off_by_rounding_alone(checkpoint: Checkpoint) -> None:
    with network_of(checkpoint.path) as network:
        model = written(network, precision=FP16)
        onnx.checker.check_model(model, full_check=True)
        exact = Reference(FLOAT64).run(network, checkpoint.image)
        bounds = limits(network, checkpoint.image, FLOAT16)
        for got, wanted, limit in zip(answer(model, checkpoint.image), exact, bounds, strict=True):
            assert got.dtype == np.float32
            assert nrmse(got, wanted) <= limit


@pytest.mark.one_in(6)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_torch_exporter_agrees_with_our_writer(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """A second witness: torch's own exporter, on the run reading."""
    with network_of(checkpoint.path) as network, torch.inference_mode():
        runner = TorchRunner(network)
        path = tmp_path / "traced.onnx"
        torch.onnx.export(runner, (torch.from_numpy(checkpoint.image),), path, dynamo=False, opset_version=17)
        ours = answer(written(network), checkpoint.image)
        bounds = limits(network, checkpoint.image)
        for got, wanted, limit in zip(answer(onnx.load(path), checkpoint.image), ours, bounds, strict=True):
            assert nrmse(got, wanted) <= 2 * limit  # both are off by rounding
