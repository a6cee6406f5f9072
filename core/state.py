"""Where Halfpint keeps what outlives a run: jobs, and what was measured on this machine."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """$HALFPINT_STATE, or the user's state folder."""
    chosen = os.environ.get("HALFPINT_STATE")
    if chosen:
        return Path(chosen)
    from platformdirs import user_state_path

    return user_state_path("halfpint")
