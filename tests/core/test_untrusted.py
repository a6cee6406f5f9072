"""Small files that lie beside others are read whole, or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from halfpint.core.untrusted import read_bounded


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "configuration.json"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes") as caught:
        read_bounded(path, 4)
    assert caught.value.errno == errno.EFBIG


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path("/dev/zero")):
        with pytest.raises(OSError, match="not a regular file"):
            read_bounded(path, 100)
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "none", 100)
