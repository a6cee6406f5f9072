"""What a target is: a kind of artifact that networks become, how it is written, sized and opened, and what it costs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, TypeAlias

from ..errors import ArtifactRefused, JobFailed
from ..limits import ran_out_of_memory
from ..network.network import Network
from ..network.suppression import Selection
from ..option import NOTHING_GIVEN, Option, Values
from ..precisions import Precision
from ..precisions.dtype import DType
from ..shapes import InputShape
from .artifact_info import ArtifactInfo
from .budget import Examples
from .contract import Contract, contract
from .loaded import Loaded, Magnitudes
from .provenance import Provenance
from .trade import Trade

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"
# The files of one artifact, serialized, in the order of the target's suffixes.
Files: TypeAlias = tuple[bytes, ...]


@dataclass(frozen=True)
class Build:
    """By what one artifact is made: its precision, the size it is made for, what its input and outputs are.

    `dynamic`: whether it is to take other sizes too. `device`: where it is traced: `cpu`, or the index of a GPU.
    `values`: all options of the recipe, for those that concern one target alone. `nms`: what the artifact does
    with its boxes itself; None: nothing.
    """

    precision: Precision
    shape: InputShape
    io: DType
    dynamic: bool = False
    device: str = "cpu"
    values: Values = NOTHING_GIVEN
    nms: Selection | None = None

    def contract(self, network: Network) -> Contract:
        """What the artifact takes and gives.

        Raises `BadRequest` if the network cannot take the size, or has no boxes to suppress.
        """
        return contract(network, self.shape, self.io, dynamic=self.dynamic, nms=self.nms)


@dataclass(frozen=True)
class Size:
    """The bytes of an artifact that does not exist yet. `note`: how far off they may be; empty if they are exact."""

    nbytes: int
    note: str = ""


@dataclass(frozen=True)
class Memory:
    """What a target's files take of a worker's memory, fitted to whole jobs (`benchmarks/memory_fit.py`).

    `libraries`: MiB, beyond Python and numpy; `least`: MiB that they certainly take. `write`, `run`: copies of the
    FP32 weights while a file is written and tried; a write of 0 takes less than the trial. `activations`: so many
    times what is weighed, and `taken_apart` where the runtime computes an activation in several steps.
    """

    libraries: float
    least: float
    run: float
    activations: float
    write: float = 0.0
    taken_apart: float = 0.0


@dataclass(frozen=True)
class PassResult:
    """What came of a pass: the files in place of those it was given, None if those stay, and a sentence."""

    files: Files | None
    message: str


@dataclass(frozen=True)
class Pass:
    """A change of finished files that the user asked for. `name`: of its stage. `note`: what it does to a size.

    `process`: what of it takes memory, in words; `base_nbytes`, and `copies` of the FP32 weights. `run`: changes the
    files of an artifact, read from where they lie, and tries both on an image of its size; it raises nothing for what
    it cannot do: then they stay as they are.
    """

    name: str
    note: str
    process: str
    base_nbytes: int
    copies: float
    run: Callable[[Sequence[Path], Array], PassResult]


class Sizer(Protocol):
    """Predicts the sizes of one network's artifacts. Asked again, it reuses what does not depend on the image."""

    def size(self, build: Build, provenance: Provenance) -> Size:
        """The bytes of an artifact, all its files. Raises `BadRequest` if the network cannot take the size."""
        ...


class Target(ABC):
    """A kind of artifact. One object of each class is made; it imports no runtime before it has to.

    `name`: as `--include` spells it. `label`, `help`: as people read it. `suffixes`: of its files, that of the file
    that stands for all of them first. `runtime`: what runs it. `modules`: the packages that writing and running take,
    and `install`: how to get those that Halfpint does not bring.
    `options`: the rows of those that are there for it alone. `declares_sizes`: whether a file says which sizes it
    takes; one that does not takes any. `weighed`: whether `readings/weigher.py` knows its runtime's memory to the byte.
    """

    name: str
    label: str
    help: str
    suffixes: tuple[str, ...]
    runtime: str
    modules: tuple[str, ...]
    memory: Memory
    options: tuple[Option[Any], ...] = ()
    install: str = ""
    declares_sizes: bool = True
    weighed: bool = False

    @property
    def installed(self) -> bool:
        """Whether what its files need to be made and run is there."""
        return all(find_spec(module) is not None for module in self.modules)

    @property
    def preload(self) -> tuple[str, ...]:
        """What a worker imports ahead of need."""
        return self.modules

    @property
    def uses_gpus(self) -> bool:
        """Whether its runtime, as it is installed here, computes on a GPU; if not, its files are tried on the CPU."""
        return False

    @property
    def usage(self) -> str:
        """The lines of a program that load its `FILE` and define `run(image)`, which gives the outputs; empty: none.

        The last of `modules` is imported.
        """
        return ""

    def not_imported(self, error: ImportError) -> Exception:
        """What to raise where a package that it takes cannot be imported, for whatever reason."""
        if ran_out_of_memory(error):
            return MemoryError()
        return JobFailed(f"{self.label} needs {self.modules[-1]}, which cannot be imported: {error}", self.install)

    def accepts(self, precision: Precision) -> bool:
        """Whether there are artifacts of it in a precision."""
        return not precision.needs_images

    def slow_on_cpu(self, precision: Precision) -> bool:
        """Whether its runtime is far slower with it on a CPU than with the reference precision."""
        return False

    def passes(self, values: Values) -> Sequence[Pass]:
        """The passes that are asked for, in their order."""
        return ()

    @abstractmethod
    def sizer(self, network: Network) -> Sizer:
        """What predicts the sizes of a network's artifacts, without importing a runtime."""

    @abstractmethod
    def write(self, network: Network, build: Build, provenance: Provenance, files: Sequence[IO[bytes]]) -> None:
        """Write an artifact to its files, which are empty and can seek; they come in the order of `suffixes`.

        Raises `JobFailed` if what writes them is not installed, and what the files raise.
        """

    def in_memory(self, network: Network, build: Build, provenance: Provenance) -> Files:
        """The bytes of an artifact's files, where no file is to be made. Raises what `write` raises."""
        files = [BytesIO() for _ in self.suffixes]
        self.write(network, build, provenance, files)
        return tuple(file.getvalue() for file in files)

    def write_on_images(
        self, network: Network, build: Build, provenance: Provenance, files: Sequence[IO[bytes]], examples: Examples
    ) -> Trade:
        """Write an artifact in a precision that needs images, as `write` does; the trade that was made for its budget.

        Only what `accepts` such a precision is asked. Raises `JobFailed` also if the budget cannot be kept.
        """
        raise NotImplementedError(f"{self.label} accepts no precision that needs images")

    @abstractmethod
    def open(self, files: Sequence[Path] | Files, device: str) -> Loaded:
        """An artifact in its runtime. Raises whatever the runtime raises for files that it does not take."""

    def magnitudes(
        self, network: Network, size: tuple[int, int], precisions: Iterable[Precision], device: str
    ) -> Magnitudes | None:
        """What answers as the network in the reference precision does, and tells how far values reach that files in
        some other precisions hold in a narrow type.

        `size`: height and width, px. None where there are none, or where the target cannot tell.
        """
        return None

    def info(self, files: Files) -> ArtifactInfo:
        """The facts of files of others, which are looked at as data and not run; none of them was looked at yet.

        Raises `ArtifactRefused`: also where the target does not tell.
        """
        raise ArtifactRefused(f"what {self.label} files hold is not known")

    @abstractmethod
    def recognises(self, head: bytes) -> bool:
        """Whether a file whose first bytes are these is one of its own, for certain."""

    @abstractmethod
    def checked(self, files: Files, folder: Path) -> Files:
        """Files of others, looked at as data: what may be handed to `open`. `folder`: where they lie.

        Raises `ArtifactRefused`.
        """

    def __str__(self) -> str:
        return self.name

    def __lt__(self, other: Target) -> bool:
        return self.name < other.name
