"""A weights file read completely: its facts, its network with every weight folded and kept, its SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .errors import WeightsRefused
from .families import open_weights
from .inspect import WeightsInfo, contents
from .network.layers import Constant, Put, in_memory, layers_of
from .network.network import Network
from .refusal import refusing


@dataclass(frozen=True)
class Loaded:
    """So many layers of `total` have their weights folded; `layer` was the last."""

    done: int
    total: int
    layer: str


class WeightsSource:
    """An open weights file whose network is known and whose weights can be loaded. A context manager."""

    def __init__(self, path: Path) -> None:
        """Open a file, or a model's folder. Raises `WeightsRefused` if it holds nothing of a known family."""
        self._archive = open_weights(path)
        self.path = self._archive.path  # the file, also where `path` is a model's folder
        try:
            with refusing(self.path.name):
                found = contents(self._archive)
                if found.network is None:
                    raise found.refused or WeightsRefused("it cannot be exported")
        except BaseException:
            self._archive.file.close()
            raise
        self.info: WeightsInfo = found.info
        self.network: Network = found.network
        self._loaded: tuple[Network, ...] = (found.network, *found.network.heads.values())
        self.sha256 = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.file.close()

    def choose(self, network: Network) -> Network:
        """Load the weights of this one alone, where the model has several heads."""
        self.network, self._loaded = network, (network,)
        return network

    def load(self, put: Put = in_memory) -> Iterator[Loaded]:
        """Load all weights, layer by layer, and take the file's SHA-256; the file is not needed afterwards.

        `put`: where the weights are kept.
        Raises `WeightsRefused` for damaged bytes, NaN, or a file that somebody writes to meanwhile.
        """
        file = self._archive.file
        with refusing(what=self.path.name):
            self._archive.check()
        bodies = tuple(network.body for network in self._loaded)
        layers = [layer for layer in layers_of(bodies) if not isinstance(layer, Constant)]
        thread = ThreadPoolExecutor(1, "sha256")
        try:
            sha256 = thread.submit(file.sha256)
            for index, layer in enumerate(layers, 1):
                with refusing(what=layer.name):
                    layer.keep(put)  # folded here, while the file is open
                yield Loaded(index, len(layers), layer.name)
            digest = sha256.result()
            file.check_unchanged()
            self.sha256 = digest
        finally:
            thread.shutdown(wait=False)  # it ends as soon as the file is closed


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
