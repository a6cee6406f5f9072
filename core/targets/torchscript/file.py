"""A network as a TorchScript file: the run reading, traced, with YOLOv5's `config.txt` inside."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import IO

import torch

from ...network.network import Network
from ...precisions import Precision
from ...precisions.dtype import FLOAT32, DType
from ...readings.torch_runner import TorchRunner, torch_dtype
from ...shapes import InputShape
from ..provenance import Provenance, torchscript_config
from .archive import write_anonymous


def torchscript_bytes(
    network: Network,
    precision: Precision,
    shape: InputShape,
    provenance: Provenance,
    io: DType = FLOAT32,
    *,
    device: str = "cpu",
) -> bytes:
    """What `write_torchscript` writes."""
    file = BytesIO()
    write_torchscript(file, network, precision, shape, provenance, io, device=device)
    return file.getvalue()


def write_torchscript(
    file: IO[bytes],
    network: Network,
    precision: Precision,
    shape: InputShape,
    provenance: Provenance,
    io: DType = FLOAT32,
    *,
    device: str = "cpu",
) -> None:
    """Write the network as a serialized script module, as traced at `shape`, the size it is made for.

    It takes any size. `io`: what its input and outputs are. `device`: where it is traced.
    """
    target = torch.device(device if device == "cpu" else f"cuda:{device}")
    runner = TorchRunner(network).to(torch_dtype(precision.weights)).to(target)
    # Nothing in the code depends on the size, so a small image is traced: FP16 is slow on a CPU. The file also keeps
    # the dimensions of its example, which pnnx goes by. With those asked for, it is what a trace at them gives.
    side = 2 * network.stride
    example = torch.zeros(1, network.channels, side, side, device=target, dtype=torch_dtype(io))
    with torch.inference_mode(), _in_full_float32(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; the tracer distrusts shape arithmetic
        module = torch.jit.trace(runner, example, check_trace=False)
    example.resize_(shape.dims)
    config = torchscript_config(network, precision, shape, provenance, io)
    archive = BytesIO()
    torch.jit.save(module, archive, _extra_files={"config.txt": config})
    del module, runner
    write_anonymous(archive, file)


@contextmanager
def _in_full_float32() -> Iterator[None]:
    """What is traced computes float32 in float32.

    A trace writes PyTorch's setting down in every convolution, where nobody can change it any more, and the setting is
    TF32 unless somebody changes it: 10 bits of mantissa, so that an FP32 file on a GPU is off by 1,000 times its
    rounding noise (yolov5s on an H200).
    """
    cudnn = torch.backends.cudnn
    before, cudnn.allow_tf32 = cudnn.allow_tf32, False
    try:
        yield
    finally:
        cudnn.allow_tf32 = before
