"""How fast an exported file answers on this machine, beside the same artifact in the reference precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from ..images.synthetic import structured_batch
from ..kinds import Kind, all_kinds
from ..precisions import REFERENCE
from ..shapes import InputShape
from ..tables import table
from ..targets import named
from ..targets.latency import RUNS, Latency, latencies
from ..targets.loaded import Loaded
from .files import companions
from .inspect import inspect_artifact

_BATCHES = (1, 4)  # of files that take any
_SIZE = (640, 640)  # height and width in px, of files that take any and do not say what they were made for


def bench(path: Path) -> Iterator[str]:
    """The figures of a file, in lines, as they are taken: it is run in this process, on all cores.

    It is read as data first. Raises `ArtifactRefused` and `BadRequest` for what must not get to a runtime, and whatever
    a runtime raises.
    """
    files = [path, *beside(path)]
    with ExitStack() as stack:
        opened: list[Loaded] = []
        for file in files:
            opened.append(_open(file))
            stack.callback(opened[-1].close)
        for shape in shapes(opened[0]):
            yield f"{RUNS} runs of each in turns, on the CPU, at {shape} (batch×channels×height×width) …"
            image = structured_batch(shape.channels, shape.height, shape.width, 0, shape.batch)
            yield from told(files, latencies(opened, image), shape)


def beside(path: Path) -> Iterator[Path]:
    """The same artifact in the reference precision, if the file is in another and that lies beside it."""
    for kind in sorted(all_kinds(), key=lambda kind: -len(kind.suffix)):
        if path.name.endswith(kind.suffix):
            if kind.precision != REFERENCE:
                full = path.with_name(path.name.removesuffix(kind.suffix) + Kind(kind.target, REFERENCE).suffix)
                yield from [full] if full.is_file() else []
            return


def shapes(loaded: Loaded) -> Iterator[InputShape]:
    """The shapes that a file is run at: its only one, or else some batches of the size that it was made for."""
    contract, made = loaded.contract, loaded.origin.shape
    if contract is not None and contract.fixed_shape is not None:
        yield contract.fixed_shape
        return
    channels = made.channels if made is not None else 3
    height, width = made.size if made is not None else _SIZE
    for batch in _BATCHES:
        yield InputShape(batch, channels, height, width)


def told(files: Sequence[Path], times: Sequence[Latency], shape: InputShape) -> list[str]:
    """A table of the figures, in milliseconds. The last file is the one that the others are held against."""
    rows = [("file", "median", "p95", "an image", f"against {REFERENCE.label}" if len(files) > 1 else "")]
    for file, latency in zip(files, times, strict=True):
        ratio = f"× {latency.median / times[-1].median:.2f}" if file is not files[-1] else ""
        median, p95, each = (
            f"{1000 * seconds:.1f} ms" for seconds in (latency.median, latency.p95, latency.median / shape.batch)
        )
        rows.append((file.name, median, p95, each, ratio))
    return table(rows, "  ")


def _open(path: Path) -> Loaded:
    """A file in its runtime. Raises `ArtifactRefused` or `BadRequest` if nothing of it may get there."""
    target = named(inspect_artifact(path).target.name)
    paths = (path, *companions(path))
    return target.open(target.checked(tuple(file.read_bytes() for file in paths), path.absolute().parent), "cpu")
