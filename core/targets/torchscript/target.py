"""The TorchScript target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from ...network.network import Network
from ...precisions import HALF, Precision
from ..artifact_info import ArtifactInfo
from ..loaded import Loaded
from ..provenance import Provenance, torchscript_config
from ..target import Build, Files, Memory, Size, Sizer, Target
from .nbytes import torchscript_nbytes

_ZIP = b"PK\x03\x04"


def _built_for_cuda() -> bool:
    """Whether the installed torch is built for CUDA, told without importing it."""
    torch = find_spec("torch")
    folders = torch.submodule_search_locations if torch is not None else None
    return any(any(Path(folder, "lib").glob("*torch_cuda.*")) for folder in folders or ())


# MiB that torch takes more once imported where it is built for CUDA (2.11 for CUDA 13.0, one machine).
_CUDA_LIBRARIES = 300.0 if _built_for_cuda() else 0.0


class TorchScript(Target):
    """A script module, for torch.jit.load and LibTorch. It takes images of any size, and declares none."""

    name = "torchscript"
    label = "TorchScript"
    help = "a file for torch.jit.load, LibTorch"
    suffixes = (".torchscript",)
    runtime = "PyTorch"
    modules = ("torch",)
    install = "pip install torch"
    memory = Memory(libraries=195.0 + _CUDA_LIBRARIES, least=100, write=3.26, run=0.127, activations=2.57)
    declares_sizes = False
    weighed = True

    @property
    def usage(self) -> str:
        return resources.files(f"{__package__}").joinpath("usage.txt").read_text("utf-8")

    @property
    def uses_gpus(self) -> bool:
        return True

    def slow_on_cpu(self, precision: Precision) -> bool:
        """An FP16 file takes 40 times as long as an FP32 one (torch 2.13, yolov5s at 640×640: 7.1 s, 0.17 s)."""
        return precision == HALF

    def sizer(self, network: Network) -> Sizer:
        return _Sizer(network)

    def write(self, network: Network, build: Build, provenance: Provenance, files: Sequence[IO[bytes]]) -> None:
        try:
            from .file import write_torchscript
        except ImportError as error:
            raise self.not_imported(error) from error
        precision, device = build.precision, build.device
        (file,) = files
        write_torchscript(file, network, precision, build.shape, provenance, build.io, device=device)

    def open(self, files: Sequence[Path] | Files, device: str) -> Loaded:
        from .loaded import LoadedTorchScript

        return LoadedTorchScript(files[0], device)

    def info(self, files: Files) -> ArtifactInfo:
        from .untrusted.info import torchscript_info

        return torchscript_info(files[0])

    def recognises(self, head: bytes) -> bool:
        return head.startswith(_ZIP)

    def checked(self, files: Files, folder: Path) -> Files:
        from .untrusted.archive import checked_torchscript

        return (checked_torchscript(files[0]),)


@dataclass(frozen=True)
class _Sizer:
    network: Network

    def size(self, build: Build, provenance: Provenance) -> Size:
        config = torchscript_config(self.network, build.precision, build.shape, provenance, build.io)
        return Size(torchscript_nbytes(self.network, config, build.precision), "predicted to within 0.5 %")
