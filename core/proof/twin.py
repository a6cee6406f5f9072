"""The reference of a proof: the network as it is, in the reference precision, made in memory and never published."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from ..images.source import ImageSource
from ..network.network import Network
from ..option import NOTHING_GIVEN
from ..precisions import REFERENCE, Precision
from ..precisions.dtype import FLOAT32
from ..shapes import InputShape
from ..targets import default_target
from ..targets.budget import ignored
from ..targets.loaded import Loaded
from ..targets.provenance import Provenance
from ..targets.target import Build
from .prove import OnImage, Yardstick, yardstick


def twin(network: Network, size: tuple[int, int], device: str) -> Loaded:
    """A network's file for one image of a height and width (px), without any pass, opened in its runtime."""
    shape = InputShape(1, network.channels, *size)
    build = Build(REFERENCE, shape, FLOAT32, dynamic=False, device=device, values=NOTHING_GIVEN)
    target = default_target()
    return target.open(target.in_memory(network, build, Provenance("", "")), device)


def seen_by_twin(
    images: ImageSource,
    network: Network,
    size: tuple[int, int],
    device: str,
    precisions: Iterable[Precision] = (),
    on_image: OnImage = ignored,
) -> Yardstick:
    """What a network finds in images of the user at a height and width, px.

    `precisions`: how far values go there is wanted for these. A CPU's runtime may compute in more digits than a file
    asks for, so its answers hide what overflows elsewhere.
    """
    target = default_target()
    name, others = f"{REFERENCE.label} in {target.runtime}", [each for each in precisions if each != REFERENCE]
    measuring = target.magnitudes(network, size, others, device) if others else None
    if measuring is not None:
        with closing(measuring):
            return yardstick(measuring.measured, images, network, size, name, on_image)
    with closing(twin(network, size, device)) as reference:
        return yardstick(lambda image: (reference.run(image), {}), images, network, size, name, on_image)
