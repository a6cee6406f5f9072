"""What tells one state of a file from another."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class FileState:
    """Which file it is, its size in bytes, its times of change in ns.

    `modified` can be set back by whoever writes to the file; `changed` cannot.
    """

    device: int
    inode: int
    nbytes: int
    modified: int
    changed: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """What `os.stat` and `os.fstat` tell."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
