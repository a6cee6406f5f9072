"""What a model family tells about a checkpoint: whether it is one of its own, its facts, its network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..network.network import Network
from ..shapes import Sizes
from ..weights.archive import Archive
from ..weights.names import Names


@dataclass(frozen=True)
class Facts:
    """What a checkpoint says of its model, read without its weights."""

    family: str
    variant: str  # "yolov5s", or the multiples of a custom one
    era: str  # the versions of the code that build such blocks
    task: str  # "detect", "segment", "classify"
    stride: int  # px; height and width must be multiples of it
    channels: int
    names: Mapping[int, str]  # the classes; empty where there are none
    training_size: tuple[int, int] | None  # (height, width), if the checkpoint tells
    sizes: Sizes = field(default_factory=Sizes)  # those that suit it
    threshold: float | None = None  # of a map: a pixel with a higher probability counts
    notes: Mapping[str, str] = field(default_factory=dict[str, str])  # what else it says of itself, by what it is


class Model(Protocol):
    """A model of a known family, found in a checkpoint."""

    @property
    def part(self) -> str:
        """The key of the checkpoint's dict that holds it, or an empty string where it is the whole file."""
        ...

    @property
    def tensors(self) -> object:
        """The value that holds the model's tensors, trained and not."""
        ...

    @property
    def dropped(self) -> Mapping[str, object]:
        """By name: values that hold tensors of branches that serve training alone and are not exported."""
        ...

    @property
    def parameters(self) -> int:
        """The number of trained values, as torch counts parameters."""
        ...

    def facts(self) -> Facts:
        """The model's facts. Raises `WeightsRefused` if the checkpoint is incomplete."""
        ...

    def network(self) -> Network:
        """The model's description. Raises `WeightsRefused` for what is not known, by name."""
        ...


class Family(Protocol):
    """A model family."""

    name: str
    names: Names  # what its checkpoints may mention

    def recognise(self, archive: Archive) -> Model | None:
        """The model in an open weights file, or None if it is of another family."""
        ...
