"""What a finished file shows of itself once it is loaded again, whatever its format."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ..precisions import Precision
from ..shapes import InputShape
from .contract import Contract

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"


@dataclass(frozen=True)
class Origin:
    """What a file says of where it comes from: the SHA-256 of the weights, the shape it was made for, and which of the
    model's heads it ends in, where there are several.
    """

    source_sha256: str
    shape: InputShape | None
    head: str = ""


@dataclass(frozen=True)
class Inspection:
    """Something of its own that a target looks at in a file: what, whether it is sound, and a sentence."""

    name: str
    sound: bool
    message: str


def told(error: BaseException) -> str:
    """What a runtime's error says, in a line of at most 300 characters. OpenVINO's first tell where they came from."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith("Exception from ")]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."


class Runner(Protocol):
    """What answers images."""

    def run(self, image: Array) -> tuple[Array, ...]:
        """Its answer to a float32 N×C×H×W image (cast to its input's dtype), or to what else its input is."""
        ...


class Magnitudes(Protocol):
    """What computes in the reference precision, and tells how far values reach that others hold in a narrow type."""

    def measured(self, image: Array) -> tuple[tuple[Array, ...], Mapping[Precision, tuple[str, float]]]:
        """The answer to a float32 1×C×H×W image; by precision, where the largest magnitude is, in words, and that."""
        ...

    def close(self) -> None:
        """Give its memory back."""
        ...


class Lifted(Protocol):
    """A copy of a file whose declared sizes are lifted. It may have more inputs than the image."""

    def run(self, image: Array, further: Mapping[str, Array]) -> tuple[Array, ...]:
        """Its answer to a float32 N×C×H×W image (cast to its input's dtype). `further`: the other inputs, by name."""
        ...


class Loaded(Runner, Protocol):
    """A finished file, loaded by the runtime it is meant for."""

    @property
    def contract(self) -> Contract | None:
        """Its inputs and outputs; None where the format does not say."""
        ...

    @property
    def precision(self) -> Precision:
        """The precision that its weights are stored in."""
        ...

    @property
    def ours(self) -> bool:
        """Whether Halfpint wrote it."""
        ...

    @property
    def origin(self) -> Origin:
        """What it says of where it comes from; empty where it says nothing."""
        ...

    def lifted(self, constants: Collection[str], shown: Collection[str] = ()) -> Lifted | None:
        """A copy whose declared sizes are lifted, so that it takes others; None where the format declares none.

        `constants`: stored tensors that become inputs of the copy. `shown`: tensors within it that become outputs,
        ahead of those that it has. Raises an error if one is not there.
        """
        ...

    def showing(self, shown: Collection[str]) -> Runner | None:
        """The file with tensors within it as outputs, ahead of those that it has; None where the format has no names.

        It is run in place of the file from here on. Raises an error if one is not there.
        """
        ...

    def behind(self, tensor: str) -> Runner | None:
        """The part of the file that follows on a tensor within it, which becomes its input, of whatever size.

        None where the format has no names. Raises an error if it is not there.
        """
        ...

    def weights(self) -> Mapping[str, Array]:
        """Its stored weights, by name."""
        ...

    def inspections(self) -> Sequence[Inspection]:
        """What else is known of the target's files, such as what the format's own checker says.

        Nothing is run after it: it may give up what running takes.
        """
        ...

    def close(self) -> None:
        """Give its memory back: nothing may be asked of it from here on."""
        ...
