"""DBNet weights: recognised by the keys of their state dict."""

from __future__ import annotations

from ...weights.archive import Archive
from ...weights.names import Names
from ..family import Model
from ..state_dict import state_dicts
from . import NAME


class DBNetFamily:
    """The family: ModelScope's text detectors, which are saved as state dicts."""

    name = NAME
    names = Names()

    def recognise(self, archive: Archive) -> Model | None:
        """The state dict that has at least half of a variant's tensors; what it lacks, its network tells."""
        for state in state_dicts(archive.root):
            from .model import matching  # with all that describes one, which other files do not need

            model = matching(state, archive.path)
            if model is not None:
                return model
        return None
