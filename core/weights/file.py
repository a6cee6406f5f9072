"""An open weights file: which one it is, its bytes when asked for, and whether it is still the same."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self, cast

from ..errors import WeightsRefused
from ..file_state import FileState
from ..untrusted import open_regular
from .budget import Budget

AGAIN = "copy or download the file again"
_PIECE = 2**20  # bytes; what is only looked at once is read in such pieces


class WeightsFile:
    """An open weights file. Nothing is read before it is asked for, and nothing is mapped.

    A mapping would end this process (SIGBUS) if somebody cut the file short meanwhile; reading tells of it.
    `budget`: the work that may be done for it.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`. Raises `WeightsRefused` if it is missing, unreadable, no regular file, or empty."""
        self.path = path
        try:
            if not stat.S_ISREG(mode := path.stat().st_mode):
                kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
                raise WeightsRefused(f"{path} is {kind}", "name a weights file, such as best.pt")
            self._descriptor = open_regular(path)
        except FileNotFoundError as error:
            raise WeightsRefused(f"{path} does not exist", "check the path") from error
        except OSError as error:
            raise WeightsRefused(f"{path} cannot be read: {error.strerror}", "check its permissions") from error
        try:
            self.state = self._state()
            self.nbytes = self.state.nbytes
            self.budget = Budget(self.nbytes)
            if not self.nbytes:
                raise WeightsRefused(f"{path} is empty (0 bytes)", AGAIN)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Arrays that were read before stay valid."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _state(self) -> FileState:
        return FileState.of(os.fstat(self._descriptor))

    def check_unchanged(self) -> None:
        """Raises `WeightsRefused` unless the file, and what its path leads to, is what it was when it was opened."""
        try:
            now = FileState.of(self.path.stat())
        except OSError as error:
            raise WeightsRefused(f"{self.path} was removed while it was read", "put it back and start again") from error
        if (now.device, now.inode) != (self.state.device, self.state.inode):
            raise WeightsRefused(f"{self.path} was replaced while it was read", "start again with the new one")
        if not now == self._state() == self.state:
            raise WeightsRefused(f"{self.path} changed while it was read", "wait until its writer is done")

    def sha256(self) -> str:
        """The SHA-256 of the open file's bytes, whatever its path leads to by now; in hexadecimal."""
        digest = hashlib.sha256()
        for piece in self.pieces(0, self.nbytes):
            digest.update(piece)
        return digest.hexdigest()

    def read(self, offset: int, nbytes: int) -> bytes:
        """`nbytes` bytes at `offset`. Raises `WeightsRefused` where the file ends before."""
        if offset < 0 or nbytes < 0 or offset + nbytes > self.nbytes:
            raise WeightsRefused(f"{self.path.name} is cut short or damaged: it refers to bytes behind its end", AGAIN)
        try:
            data = os.pread(self._descriptor, nbytes, offset)
            while len(data) < nbytes:  # a large read may come in parts
                more = os.pread(self._descriptor, nbytes - len(data), offset + len(data))
                if not more:
                    raise WeightsRefused(
                        f"{self.path} was cut short while it was read", "wait until its writer is done"
                    )
                data += more
        except OSError as error:
            raise WeightsRefused(f"{self.path} cannot be read: {error.strerror}", "check its disk") from error
        return data

    def pieces(self, offset: int, nbytes: int) -> Iterator[bytes]:
        """The same bytes, one piece after the other."""
        for start in range(offset, offset + nbytes, _PIECE):
            yield self.read(start, min(_PIECE, offset + nbytes - start))

    def stream(self, most: int) -> IO[bytes]:
        """The file for a library that wants to seek and read: at most `most` bytes a read, else `WeightsRefused`."""
        return cast(IO[bytes], _Stream(self, most))


class _Stream(io.RawIOBase):
    """A place of its own in an open weights file."""

    def __init__(self, file: WeightsFile, most: int) -> None:
        self._weights, self._most, self._place = file, most, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._weights.nbytes}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "a place before the beginning of the file")
        self._place = base + offset
        return self._place

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._weights.nbytes - self._place)
        size = left if size < 0 else min(size, left)
        if size > self._most:
            raise WeightsRefused(f"a part of it has {size:,} bytes; no checkpoint needs so many")
        data = self._weights.read(self._place, size)
        self._place += size
        return data
