"""The names that a weights file may mention. All of them stay names: listing one makes nothing run."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import WeightsRefused
from ..untrusted import printable
from .keys import short
from .pickled import Name


@dataclass(frozen=True)
class Names:
    """Names by themselves (`exact`) and every name of some modules (`prefixes`, each with its last dot)."""

    exact: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    def __contains__(self, name: str) -> bool:
        return name in self.exact or name.startswith(self.prefixes)

    def __or__(self, other: Names) -> Names:
        return Names(self.exact | other.exact, self.prefixes + other.prefixes)


# What torch, numpy and Python themselves put into a pickled checkpoint, whatever the model.
COMMON = Names(
    exact=frozenset(
        [
            "argparse.Namespace",
            "collections.Counter",
            "collections.OrderedDict",
            "collections.defaultdict",
            "collections.deque",
            "copy_reg._reconstructor",
            "copyreg._reconstructor",
            "_codecs.encode",
            "__builtin__.object",
            "__builtin__.set",
            "__builtin__.frozenset",
            "__builtin__.slice",
            "__builtin__.getattr",
            "__builtin__.dict",
            "__builtin__.list",
            "__builtin__.tuple",
            "__builtin__.str",
            "__builtin__.int",
            "__builtin__.float",
            "__builtin__.bool",
            "__builtin__.complex",
            "__builtin__.bytearray",
            "__builtin__.unicode",
            "__builtin__.long",
            "__builtin__.xrange",
            "builtins.object",
            "builtins.set",
            "builtins.frozenset",
            "builtins.slice",
            "builtins.getattr",
            "builtins.dict",
            "builtins.list",
            "builtins.tuple",
            "builtins.str",
            "builtins.int",
            "builtins.float",
            "builtins.bool",
            "builtins.complex",
            "builtins.bytearray",
            "builtins.range",
            "datetime.date",
            "datetime.datetime",
            "datetime.timedelta",
            "datetime.timezone",
            "pathlib.Path",
            "pathlib.PosixPath",
            "pathlib.WindowsPath",
            "pathlib.PurePosixPath",
            "pathlib.PureWindowsPath",
            "pathlib._local.PosixPath",
            "pathlib._local.WindowsPath",
            "types.SimpleNamespace",
            "numpy.dtype",
            "numpy.ndarray",
            "numpy.bool_",
            "numpy.float16",
            "numpy.float32",
            "numpy.float64",
            "numpy.int32",
            "numpy.int64",
            "numpy.core.multiarray._reconstruct",
            "numpy.core.multiarray.scalar",
            "numpy._core.multiarray._reconstruct",
            "numpy._core.multiarray.scalar",
            "numpy._core.numeric._frombuffer",
            "torch.Size",
            "torch.device",
            "torch.float16",
            "torch.float32",
            "torch.float64",
            "torch.bfloat16",
            "torch.int64",
            "torch._utils._rebuild_tensor",
            "torch._utils._rebuild_tensor_v2",
            "torch._utils._rebuild_parameter",
            "torch._utils._rebuild_parameter_with_state",
            "torch._tensor._rebuild_from_type_v2",
            "torch.Tensor",
            "torch.nn.parameter.Parameter",
            "torch.nn.parameter.Buffer",
        ]
    ),
    prefixes=("torch.nn.modules.", "torch.optim.", "torch.storage."),
)
STORAGE_PREFIXES = ("torch.", "torch.storage.", "torch.cuda.")

_ULTRALYTICS = ("ultralytics.", "ultralytics_thop.")


def admit(name: str, names: Names) -> Name:
    """`name`, if it is on the list. Raises `WeightsRefused` that names it otherwise."""
    if short(name) in names or storage_class(name):
        return Name(name)
    if name.startswith(_ULTRALYTICS):
        raise WeightsRefused(
            f"written by the ultralytics package (YOLOv8 and later, or YOLOv5u): it names {printable(name)}",
            "that part of the package is not supported yet; nothing of the file was run",
        )
    raise WeightsRefused(
        f"the file names {printable(name)}, which is not on the list of what a checkpoint may hold",
        "nothing of it was run; do not load this file elsewhere unless you trust its author",
        hostile=True,
    )


def storage_class(name: str) -> str:
    """`FloatStorage` for `torch.FloatStorage` and its relatives, or an empty string."""
    module, _, attribute = name.rpartition(".")
    return attribute if attribute.endswith("Storage") and f"{module}." in STORAGE_PREFIXES else ""
