"""A file of others, open in its sandbox, and the same loaded: what verification asks, answered from there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from ..errors import ArtifactRefused, JobFailed
from ..kinds import Kind
from ..network.suppression import selection_of
from ..precisions import named
from ..sandbox.process import SaidNo
from ..sandbox.wire import Array
from ..shapes import InputShape
from ..targets import named as target_named
from ..targets.contract import Contract, Port
from ..targets.loaded import Inspection, Origin
from ..targets.target import Target
from . import allowances
from .allowances import Load
from .files import OpenFiles, refusing_what_nobody_thought_of

# What an answer may have in bytes beyond what the network's own answer has: outputs of other names and sizes.
_SPARE_NBYTES = 64 * 2**20
# The part that suppresses holds its input four times, and compares each box with those that stay, of which there are
# 300 if nobody asks for more.
_PART_COPIES, _PART_PRODUCTS = 4, 300


class ForeignFile:
    """A file that is open here and in a sandbox, and was looked at as data. Use it as a context manager.

    Other files of the artifact that lie beside it come along: `paths` are all. `target`: as its content says, whatever
    its name is; known once it was looked at. `nbytes`: the size of all files.
    """

    def __init__(self, path: Path, device: str = "cpu") -> None:
        """Open it and begin to look at it; `looked` takes the result.

        Raises `BadRequest` for a file that is missing or cannot be read.
        """
        self.path = path
        self.device = device
        self._files = OpenFiles(path)
        self.paths, self.nbytes = self._files.paths, self._files.nbytes
        try:
            self.sandbox = self._files.sandbox(device)
        except BaseException:
            self._files.close()
            raise
        self._reading = allowances.reading(self.nbytes)
        self.sandbox.begin("look", self._reading, folder=str(path.absolute().parent))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sandbox.close()
        self._files.close()

    def looked(self) -> None:
        """Wait until it was looked at. Raises `ArtifactRefused` for a file that must not get to a runtime."""
        with refusing_what_nobody_thought_of(self.path):
            said, _ = self.sandbox.finish("reading it", self._reading)
        self.target: Target = target_named(str(said["target"]))
        # The runtime is imported meanwhile: whoever loads the file next takes this answer first.
        self.sandbox.begin("start", allowances.START)

    def started(self) -> None:
        """Wait until the runtime is there. Raises `JobFailed` if it cannot be imported."""
        try:
            self.sandbox.finish("starting its runtime", allowances.START)
        except SaidNo as error:
            what = f"the runtime for {self.target.label} files cannot be started: {error}"
            raise JobFailed(what, self.target.install or "install it") from error

    def sha256(self) -> str:
        """The SHA-256 of the file that stands for all, in hexadecimal."""
        return self._files.sha256s()[self.path.name]

    def sha256s(self) -> Mapping[str, str]:
        """The SHA-256 of each file that is open, by its name, in hexadecimal."""
        return self._files.sha256s()


class LoadedForeign:
    """A file of others, loaded by its runtime in the sandbox. It says what `Loaded` promises.

    All methods raise `ArtifactRefused` if the file goes beyond what it may take, and `SaidNo` with what a runtime says.
    """

    def __init__(self, file: ForeignFile, load: Callable[[InputShape], Load]) -> None:
        """Load it. `load`: what a run at a shape is; a right file takes no more."""
        self._file, self._load = file, load
        file.started()
        said, _ = file.sandbox.ask("load", "loading it", allowances.loading(file.nbytes))
        self.contract = _contract(said["contract"])
        self.precision, self.ours = named(str(said["precision"])), bool(said["ours"])
        shape = said["shape"]
        self.origin = Origin(
            str(said["source_sha256"]), _shape(shape) if shape is not None else None, str(said["head"])
        )

    @property
    def kind(self) -> Kind:
        """Its target and precision."""
        return Kind(self._file.target, self.precision)

    def run(self, image: Array) -> tuple[Array, ...]:
        """Its answer to a float32 N×C×H×W image."""
        return self._run("run", image, {})

    def lifted(self, constants: Collection[str], shown: Collection[str] = ()) -> _Copy | None:
        """A copy that takes other sizes, or None if there is none. `constants`: stored tensors that become inputs;
        `shown`: tensors within it that become outputs.
        """
        return self._copy("lifted", "lift", constants=list(constants), shown=list(shown))

    def showing(self, shown: Collection[str]) -> _Copy | None:
        """It with tensors within it as outputs, ahead of those that it has, or None if that is not possible."""
        return self._copy("showing", "show", shown=list(shown))

    def behind(self, tensor: str) -> _Part | None:
        """The part of it that follows on a tensor within it, or None if that is not possible."""
        return _Part(self, "behind") if self._copy("behind", "part", tensor=tensor) else None

    def weights(self) -> Mapping[str, Array]:
        """Its stored weights, by name."""
        limit = 2 * self._file.nbytes
        allowance = allowances.reading(self._file.nbytes)
        said, arrays = self._file.sandbox.ask("weights", "reading its weights", allowance, limit=limit)
        return dict(zip(map(str, said["names"]), arrays, strict=True))

    def inspections(self) -> Sequence[Inspection]:
        """What else is known of the target's files, such as what the format's own checker says."""
        allowance = allowances.loading(self._file.nbytes)
        said, _ = self._file.sandbox.ask("inspections", "checking it", allowance)
        return [Inspection(str(name), bool(sound), str(message)) for name, sound, message in said["inspections"]]

    def close(self) -> None:
        """Nothing: the sandbox ends as a whole."""

    def _copy(self, name: str, question: str, **more: Any) -> _Copy | None:
        allowance = allowances.loading(self._file.nbytes)
        said, _ = self._file.sandbox.ask(question, "loading a copy of it", allowance, **more)
        return _Copy(self, name) if said["there"] else None

    def _run(self, question: str, image: Array, further: Mapping[str, Array], **more: Any) -> tuple[Array, ...]:
        shape = InputShape(*image.shape)
        return self._answer(question, self._load(shape), f"running it at {shape}", image, further, **more)

    def _answer(
        self, question: str, load: Load, doing: str, image: Array, further: Mapping[str, Array], **more: Any
    ) -> tuple[Array, ...]:
        allowance = allowances.running(self._file.nbytes, load, self.kind)
        limit = 8 * load.peak + _SPARE_NBYTES
        arrays, names = (image, *further.values()), list(further)
        return tuple(self._file.sandbox.ask(question, doing, allowance, arrays, limit=limit, further=names, **more)[1])


class _Copy:
    """A changed copy of a loaded file, by its name in the sandbox; it is there to be run."""

    def __init__(self, loaded: LoadedForeign, name: str) -> None:
        self._loaded, self._name = loaded, name

    def run(self, image: Array, further: Mapping[str, Array] = MappingProxyType({})) -> tuple[Array, ...]:
        return self._loaded._run("run_copy", image, further, copy=self._name)


class _Part(_Copy):
    """The part of a file that suppresses boxes."""

    def run(self, image: Array, further: Mapping[str, Array] = MappingProxyType({})) -> tuple[Array, ...]:
        """Its answer to boxes, N×boxes×values."""
        load = Load(_PART_COPIES * image.nbytes, _PART_PRODUCTS * image.size)
        doing = "running the part of it that suppresses boxes"
        return self._loaded._answer("run_copy", load, doing, image, further, copy=self._name)


def _contract(said: Any) -> Contract | None:
    """A contract as the sandbox told it. Raises `ArtifactRefused` for anything else."""
    if said is None:
        return None
    try:
        nms = said["nms"] and selection_of(said["nms"])
        return Contract(Port.of(said["input"]), tuple(map(Port.of, said["outputs"])), nms)
    except (TypeError, KeyError, ValueError) as error:
        raise ArtifactRefused("the file declares inputs and outputs that make no sense") from error


def _shape(said: Any) -> InputShape | None:
    match said:
        case [int(batch), int(channels), int(height), int(width)] if min(said) > 0:
            return InputShape(batch, channels, height, width)
        case _:
            return None
