"""Every fixture's artifacts are, byte for byte, what they were: no change of the code's layout changes a file.

`python -m pytest tests/core/test_golden.py --write-golden` records them anew, for a change that should change them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from halfpint.core.events import ArtifactPublished
from halfpint.core.version import VERSION
from support.checkpoints import Checkpoint
from support.jobs import done_apart, end_of, golden_specs, of

RECORD = Path(__file__).with_name("golden.json")


# Of each kind of network one, if not all are tried: their code is the same.
SAMPLE = ("master-n", "master-n-seg", "master-n6", "shapes-n", "v2.0-s", "proxylessnas")


@pytest.mark.one_in(3)
def test_artifacts_are_the_recorded_ones(
    checkpoint: Checkpoint, tmp_path: Path, request: pytest.FixtureRequest, exhaustive: bool
) -> None:
    if checkpoint.name in _recorded() and checkpoint.name not in SAMPLE and not exhaustive:
        pytest.skip("--exhaustive compares all")
    found: dict[str, str] = {}
    for title, spec in golden_specs(checkpoint.path, tmp_path):
        events = done_apart(spec)
        assert end_of(events).exit_code == 0, end_of(events)
        suffixes = {str(spec.path(kind)): kind for kind in spec.kinds}
        found |= {f"{suffixes[event.path]}, {title}": event.sha256 for event in of(events, ArtifactPublished)}
    if request.config.getoption("--write-golden"):
        _record(checkpoint.name, found)
    expected = _recorded()
    assert expected["versions"]["halfpint"] == VERSION, "files name the version that made them: record them anew"
    if expected["versions"]["torch"] != torch.__version__.partition("+")[0]:
        # What torch writes into a TorchScript file changes with its version.
        found = {name: sha256 for name, sha256 in found.items() if not name.startswith("torchscript")}
    if checkpoint.name in expected:
        assert found.items() <= expected[checkpoint.name].items()
    else:  # one that was named on the command line
        assert found


def _recorded() -> Mapping[str, Mapping[str, str]]:
    return json.loads(RECORD.read_text())


def _record(name: str, found: Mapping[str, str]) -> None:
    recorded = dict(_recorded()) if RECORD.exists() else {}
    recorded["versions"] = {"halfpint": VERSION, "torch": torch.__version__.partition("+")[0]}
    recorded[name] = found
    RECORD.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")
