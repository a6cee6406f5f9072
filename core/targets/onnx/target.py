"""The ONNX target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import resources
from importlib.metadata import distributions
from pathlib import Path
from typing import IO

from ...network.network import Network
from ...option import Values
from ...precisions import Precision
from ..artifact_info import ArtifactInfo
from ..budget import Examples
from ..loaded import Loaded, Magnitudes
from ..nms import ROWS as NMS_ROWS
from ..provenance import Provenance
from ..target import Array, Build, Files, Memory, Pass, PassResult, Sizer, Target
from ..trade import Trade
from .options import OPSET, QUANTISED_FOR, REPORT, SIMPLIFY


def _simplify(files: Sequence[Path], image: Array) -> PassResult:
    from .passes.simplify import simplify

    (path,) = files
    return simplify(path, image)


# onnxsim is started for the weights of one file at a time: 143 and 236 MiB for weights of 7 and 28 MiB.
_SIMPLIFY = Pass(
    SIMPLIFY.name,
    "before onnxsim, whose result is kept only if it is no larger",
    "onnxsim, in a process of its own",
    112 * 2**20,
    4.5,
    _simplify,
)


# ONNX Runtime has a package of its own for CUDA.
_FOR_CUDA = any(distributions(name="onnxruntime-gpu"))


class Onnx(Target):
    """An .onnx file, for ONNX Runtime and many others."""

    name = "onnx"
    label = "ONNX"
    help = "an .onnx file: ONNX Runtime, TensorRT, OpenVINO"
    suffixes = (".onnx",)
    runtime = "ONNX Runtime"
    modules = ("onnx", "onnxruntime")
    # `taken_apart` was fitted as 3.16; a fifth more is for a reference that lags behind on a busy machine.
    memory = Memory(libraries=26.8, least=20, run=1.47, activations=1.35, taken_apart=3.8)
    options = (OPSET, SIMPLIFY, QUANTISED_FOR, REPORT, *NMS_ROWS)

    @property
    def usage(self) -> str:
        return resources.files(f"{__package__}").joinpath("usage.txt").read_text("utf-8")

    @property
    def uses_gpus(self) -> bool:
        return _FOR_CUDA

    def passes(self, values: Values) -> Sequence[Pass]:
        return (_SIMPLIFY,) if values[SIMPLIFY] else ()

    def sizer(self, network: Network) -> Sizer:
        from .sizer import OnnxSizer

        return OnnxSizer(network)

    def write(self, network: Network, build: Build, provenance: Provenance, files: Sequence[IO[bytes]]) -> None:
        from .model import onnx_model
        from .pieces import write_model

        (file,) = files
        opset, promised = build.values[OPSET], build.contract(network)
        write_model(onnx_model(network, promised, build.precision, opset, build.shape, provenance), file)

    def accepts(self, precision: Precision) -> bool:
        return True

    def write_on_images(
        self, network: Network, build: Build, provenance: Provenance, files: Sequence[IO[bytes]], examples: Examples
    ) -> Trade:
        from .int8.write import write_quantised

        (file,) = files
        return write_quantised(network, build, provenance, file, examples)

    def open(self, files: Sequence[Path] | Files, device: str) -> Loaded:
        from .loaded import LoadedOnnx

        (file,) = files
        return LoadedOnnx(file, device)

    def magnitudes(
        self, network: Network, size: tuple[int, int], precisions: Iterable[Precision], device: str
    ) -> Magnitudes | None:
        from .magnitudes import magnitudes

        return magnitudes(network, size, precisions, device)

    def info(self, files: Files) -> ArtifactInfo:
        from .untrusted.file import parsed
        from .untrusted.info import onnx_info

        return onnx_info(parsed(files[0]))

    def recognises(self, head: bytes) -> bool:
        """Never: protobuf has no magic number. What no other target knows is tried as a model."""
        return False

    def checked(self, files: Files, folder: Path) -> Files:
        from .untrusted.file import read_onnx

        return (read_onnx(files[0], folder).SerializeToString(),)
