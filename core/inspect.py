"""The facts of a weights file, read without its weights: what it is, what it carries, why it has its size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import WeightsRefused
from .families import identify, open_weights
from .families.family import Facts, Model
from .families.sound import check_sound
from .network.network import Network
from .refusal import refusing
from .weights.archive import Archive
from .weights.parts import STRUCTURE, Part, Stored, parts_of, stored_by_dtype


@dataclass(frozen=True)
class WeightsInfo:
    """What a weights file tells of itself.

    `nbytes`: of the file. `parameters`: trained values of the model. `stored`: the model's bytes by dtype.
    `parts`: what else the file carries. `obstacle`: why it cannot be exported, or an empty string.
    """

    path: Path
    nbytes: int
    layout: str
    facts: Facts
    parameters: int
    stored: tuple[Stored, ...]
    parts: tuple[Part, ...]
    obstacle: str = ""

    @property
    def model_nbytes(self) -> int:
        """Bytes that the model's tensors take in the file."""
        return sum(stored.nbytes for stored in self.stored)

    @property
    def is_training(self) -> bool:
        """Whether the file carries more than a release does: an optimizer's state, a second model."""
        return any(not (part.used or part.dropped) for part in self.parts if part.name != STRUCTURE)

    @property
    def used(self) -> str:
        """The part that the export takes its weights from: `ema`, `model`."""
        return next((part.name for part in self.parts if part.used), "")

    @property
    def precision(self) -> str:
        """The dtype that most of the model's bytes are stored in."""
        return self.stored[0].dtype if self.stored else ""


@dataclass(frozen=True)
class Contents:
    """What an open weights file holds. `network`: the model's, ready to load its weights; None if it is refused."""

    info: WeightsInfo
    network: Network | None
    refused: WeightsRefused | None = None


def inspect(path: Path) -> WeightsInfo:
    """The facts of a weights file. Reads its structure and a few numbers, not its weights; imports no numpy.

    Raises `WeightsRefused` for a file that is no checkpoint of a known family.
    """
    with open_weights(path) as archive:
        return contents(archive).info


def facts_of(path: Path) -> Facts:
    """What a weights file says of its model; its network is not built. Raises `WeightsRefused` as `inspect` does."""
    with open_weights(path) as archive, refusing(archive.path.name):
        return identify(archive).facts()


def contents(archive: Archive) -> Contents:
    """The facts of an open weights file, and its network. Raises `WeightsRefused` as `inspect` does."""
    model = identify(archive)
    with refusing(archive.path.name):
        network, refused = None, None
        try:
            network = _network(archive, model)
        except WeightsRefused as error:
            refused = error
        info = WeightsInfo(
            path=archive.path,
            nbytes=archive.file.nbytes,
            layout=archive.layout,
            facts=model.facts(),
            parameters=model.parameters,
            stored=stored_by_dtype(model.tensors),
            parts=parts_of(archive, model.part, model.tensors, model.dropped),
            obstacle=str(refused or ""),
        )
    return Contents(info, network, refused)


def _network(archive: Archive, model: Model) -> Network:
    """The network of a model. Whatever is wrong with it is `WeightsRefused`."""
    with refusing(what="its network"):
        network = model.network()
        for each in (network, *network.heads.values()):
            check_sound(each, archive.file.budget)
        return network
