"""The OpenVINO target."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import IO

from ...network.network import Network
from ...precisions import Precision
from ..artifact_info import ArtifactInfo
from ..budget import Examples
from ..loaded import Loaded
from ..provenance import Provenance
from ..target import Build, Files, Memory, Sizer, Target
from ..trade import Trade

_HEAD = b"<?xml"


class OpenVino(Target):
    """An IR of two files, for OpenVINO's runtime."""

    name = "openvino"
    label = "OpenVINO"
    help = "an .xml and a .bin for OpenVINO's runtime (pip install 'halfpint[openvino]')"
    suffixes = (".xml", ".bin")
    runtime = "OpenVINO"
    modules = ("onnx", "openvino")
    install = "pip install 'halfpint[openvino]'"
    # Over eight jobs on a CPU (yolov5n, yolov5s and DBNet-R18 at 64×64, 640×640 and 1280×1280): within 17 %.
    memory = Memory(libraries=100.0, least=30, run=1.2, activations=1.65)

    @property
    def preload(self) -> tuple[str, ...]:
        return ("onnx", f"{__package__}.runtime")

    @property
    def usage(self) -> str:
        return resources.files(f"{__package__}").joinpath("usage.txt").read_text("utf-8")

    def sizer(self, network: Network) -> Sizer:
        from .sizer import OpenVinoSizer

        return OpenVinoSizer(network)

    def write(self, network: Network, build: Build, provenance: Provenance, files: Sequence[IO[bytes]]) -> None:
        try:
            from .file import write_openvino
        except ImportError as error:
            raise self.not_imported(error) from error
        xml, weights = files
        write_openvino(network, build, provenance, xml, weights)

    def accepts(self, precision: Precision) -> bool:
        return True

    def write_on_images(
        self, network: Network, build: Build, provenance: Provenance, files: Sequence[IO[bytes]], examples: Examples
    ) -> Trade:
        try:
            from .int8 import write_quantised
        except ImportError as error:
            raise self.not_imported(error) from error
        return write_quantised(network, build, provenance, files, examples)

    def open(self, files: Sequence[Path] | Files, device: str) -> Loaded:
        """Open an IR. OpenVINO runs on the CPU here, whatever the device: its GPUs are Intel's."""
        from .loaded import LoadedOpenVino

        # By their bytes: while a file is made, its name does not end as OpenVINO wants it.
        xml, weights = (file.read_bytes() if isinstance(file, Path) else file for file in files)
        return LoadedOpenVino((xml, weights))

    def info(self, files: Files) -> ArtifactInfo:
        from .info import openvino_info
        from .untrusted import checked_openvino

        return openvino_info(checked_openvino(files))

    def recognises(self, head: bytes) -> bool:
        return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_HEAD)

    def checked(self, files: Files, folder: Path) -> Files:
        from .untrusted import checked_openvino

        return checked_openvino(files)
