"""The reference of a proof: the network as it is, in the reference precision, made in memory and never published."""

from __future__ import annotations

from io import BytesIO

from ..images.source import ImageSource
from ..network.network import Network
from ..option import NOTHING_GIVEN
from ..precisions import REFERENCE
from ..precisions.dtype import FLOAT32
from ..shapes import InputShape
from ..targets import default_target
from ..targets.loaded import Loaded
from ..targets.provenance import Provenance
from ..targets.target import Build
from .prove import OnImage, Yardstick, ignored, yardstick


def twin(network: Network, size: tuple[int, int], device: str) -> Loaded:
    """A network's file for one image of a height and width (px), without any pass, opened in its runtime."""
    shape = InputShape(1, network.channels, *size)
    build = Build(REFERENCE, shape, FLOAT32, dynamic=False, device=device, values=NOTHING_GIVEN)
    target = default_target()
    files = [BytesIO() for _ in target.suffixes]
    target.write(network, build, Provenance("", ""), files)
    return target.open(tuple(file.getvalue() for file in files), device)


def seen_by_twin(
    images: ImageSource, network: Network, size: tuple[int, int], device: str, on_image: OnImage = ignored
) -> Yardstick:
    """What a network finds in images of the user at a height and width, px."""
    reference = twin(network, size, device)
    try:
        return yardstick(reference, images, network, size, twin_name(), on_image)
    finally:
        reference.close()


def twin_name() -> str:
    """What answers for the reference, in words."""
    return f"{REFERENCE.label} in {default_target().runtime}"
