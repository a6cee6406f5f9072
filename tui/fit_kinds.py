"""How whether something fits is coloured, wherever it is said."""

from __future__ import annotations

from ..core.memory.fit import Fit

FIT_KINDS = {Fit.FITS: "good", Fit.TIGHT: "warning", Fit.WILL_NOT_FIT: "error", Fit.UNKNOWN: "dim"}
