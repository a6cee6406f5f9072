"""A file without a name for what is too large to be held all the time: arrays, each read again when it is needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING
from weakref import finalize

from .layers import in_memory

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Float32 = NDArray[np.float32]


class Shelf:
    """Arrays in an unnamed file, which is gone with the process, however that ends.

    An array for which there is no room, or no permission to write, stays in memory. Many threads may read.
    """

    def __init__(self, folder: Path) -> None:
        """A file where `folder` is or would be made, or nothing but memory. (Temporary folders often are memory.)"""
        self._end, self._open = 0, False
        for place in (folder, *folder.parents):
            try:
                with TemporaryFile(dir=place) as file:
                    self._descriptor = os.dup(file.fileno())
            except FileNotFoundError:
                continue
            except OSError:
                return
            finalize(self, os.close, self._descriptor)  # it lives as long as what is in it
            self._open = True
            return

    def put(self, array: Float32) -> Callable[[], Float32]:
        """Put an array away; what is returned reads it. Reading raises `OSError` where the disk fails."""
        if not self._open:
            return in_memory(array)
        at, shape = self._end, array.shape
        try:
            self._write(array)
        except OSError:  # the disk is full: what lies on it already stays
            self._open = False
            with suppress(OSError):
                os.ftruncate(self._descriptor, at)
            return in_memory(array)
        return lambda: self._read(at, shape)

    def _write(self, array: Float32) -> None:
        left = array.reshape(-1).data.cast("B")
        while left:
            count = os.pwrite(self._descriptor, left, self._end)
            self._end, left = self._end + count, left[count:]

    def _read(self, at: int, shape: tuple[int, ...]) -> Float32:
        import numpy as np

        array = np.empty(shape, np.float32)
        left = array.reshape(-1).data.cast("B")
        while left:
            count = os.preadv(self._descriptor, [left], at)
            if not count:
                raise OSError("weights that were put away cannot be read again: their disk lost them")
            at, left = at + count, left[count:]
        return array
