"""The reference of a proof: the network as it is, in the reference precision, made in memory and never published."""

from __future__ import annotations

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
    return target.open(target.in_memory(network, build, Provenance("", "")), device)


def seen_by_twin(
    images: ImageSource, network: Network, size: tuple[int, int], device: str, on_image: OnImage = ignored
) -> Yardstick:
    """What a network finds in images of the user at a height and width, px."""
    reference, name = twin(network, size, device), f"{REFERENCE.label} in {default_target().runtime}"
    try:
        return yardstick(reference, images, network, size, name, on_image)
    finally:
        reference.close()
