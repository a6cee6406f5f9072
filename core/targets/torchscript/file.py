"""A network as a TorchScript file: the run reading, traced, with YOLOv5's `config.txt` inside."""

from __future__ import annotations

import io
import warnings

import torch

from ...formats import Precision
from ...network.network import Network
from ...readings.torch_runner import TorchRunner
from ...shapes import InputShape
from ..provenance import Provenance, torchscript_config
from .archive import anonymous


def torchscript_bytes(
    network: Network,
    precision: Precision,
    shape: InputShape,
    provenance: Provenance,
    *,
    half_io: bool = False,
    device: str = "cpu",
) -> bytes:
    """The network as a serialized script module, as traced at `shape`, the size it is made for. It takes any size.

    Input and outputs are float32, or float16 with `half_io`. `device`: where it is traced.
    """
    half = precision is Precision.FP16
    target = torch.device(device if device == "cpu" else f"cuda:{device}")
    runner = TorchRunner(network)
    runner = (runner.half() if half else runner).to(target)
    # Nothing in the code depends on the size, so a small image is traced: FP16 is slow on a CPU. The file also keeps
    # the dimensions of its example, which pnnx goes by. With those asked for, it is what a trace at them gives.
    side = 2 * network.stride
    example = torch.zeros(1, network.channels, side, side, device=target, dtype=torch.half if half_io else torch.float)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; the tracer distrusts shape arithmetic
        module = torch.jit.trace(runner, example, check_trace=False)
    example.resize_(shape.dims)
    config = torchscript_config(network, precision, shape, provenance, half_io=half_io)
    buffer = io.BytesIO()
    torch.jit.save(module, buffer, _extra_files={"config.txt": config})
    return anonymous(buffer)
