"""The facts of weights files, read in a thread: the file under the cursor first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

from textual.message import Message

from ...core.weights.discover import Candidate
from .slot import Slot

if TYPE_CHECKING:
    from ...core.inspect import WeightsInfo
    from ...core.network.network import Network


@dataclass(frozen=True)
class Known:
    """A file that was looked at: its facts, or why it is refused; both, if it is known but cannot be exported.

    `hostile`: it asks for what no checkpoint needs, and nobody should load it elsewhere.
    """

    candidate: Candidate
    info: WeightsInfo | None
    refusal: str = ""
    network: Network | None = None  # to predict with; its weights are not loaded
    hostile: bool = False

    @property
    def reason(self) -> str:
        """Why it is refused, without its name, which stands beside it."""
        path, text = self.candidate.path, self.refusal
        for name in (str(path), path.name):
            text = text.removeprefix(name)
        return text.lstrip(" :").removeprefix("is ")


class Inspected(Message):
    """A file was looked at."""

    def __init__(self, known: Known) -> None:
        super().__init__()
        self.known = known


class Inspector:
    """Looks at files, each once, one after the other, in the order of the last wish."""

    def __init__(self, post: Callable[[Message], object]) -> None:
        """`post`: takes messages from any thread."""
        self._post = post
        self._wished = Slot[Sequence[Candidate]]()
        self._thread = Thread(target=self._run, name="inspector", daemon=True)

    def want(self, candidates: Sequence[Candidate]) -> None:
        """Look at these, in this order; what was wanted before is forgotten."""
        self._wished.put(candidates)
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """Look at nothing more."""
        self._wished.close()

    def _run(self) -> None:
        looked_at: set[Candidate] = set()
        while taken := self._wished.take():
            # A file may be wanted again while it is looked at. One that has changed is another candidate.
            for candidate in taken[1]:
                if candidate not in looked_at:
                    looked_at.add(candidate)
                    self._post(Inspected(look(candidate)))
                if self._wished.overtaken():
                    break


def look(candidate: Candidate) -> Known:
    """The facts of a file; whatever is wrong with it is a refusal."""
    # Imported here: the screen is painted first.
    from ...core.errors import HalfpintError, WeightsRefused
    from ...core.families import open_weights
    from ...core.inspect import contents

    try:
        with open_weights(candidate.path) as archive:
            found = contents(archive)
    except HalfpintError as error:
        return Known(candidate, None, error.what, hostile=isinstance(error, WeightsRefused) and error.hostile)
    return Known(candidate, found.info, found.info.obstacle, found.network)
