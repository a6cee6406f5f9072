"""What torch means by the names, calls and persistent ids in its pickles: tensors, storages, plain containers."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import WeightsRefused
from ..untrusted import printable
from .budget import CALLS, COPIES, DIMENSIONS, Budget
from .keys import short
from .names import Names, admit, storage_class
from .pickled import Name, Record, dict_key
from .tensors import STORAGE_DTYPES, DType, Storage, Tensor

# Finds the bytes of the storage with this key, dtype and number of elements.
Locate = Callable[[str, DType, int], Storage]
_MAX_ARGUMENTS = 16  # of what is taken apart here; torch gives seven at most


class TorchMeaning:
    """Turns torch's rebuild calls into `Tensor`s, containers into plain ones, and the rest into `Record`s."""

    def __init__(self, names: Names, locate: Locate, budget: Budget) -> None:
        self._names = names
        self._locate = locate
        self._budget = budget
        self.storages: dict[str, Storage] = {}

    def admit(self, name: str) -> Name:
        return admit(name, self._names)

    def call(self, name: str, args: tuple[object, ...]) -> object:
        self._budget.spend(CALLS)
        if name == "torch._tensor._rebuild_from_type_v2":  # a tensor's subclass: what it is called for is a tensor's
            match args:
                case (Name(full=name), _, tuple(args), _) if name != "torch._tensor._rebuild_from_type_v2":
                    pass
                case _:
                    raise ValueError("a tensor subclass of no known form")
        match name:
            case "torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_tensor":
                tensor = _tensor(args)
                self._budget.spend(DIMENSIONS, len(tensor.shape))
                return tensor
            case "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state":
                return args[0]
            case "collections.OrderedDict":
                return self._ordered_dict(args)
            case "collections.defaultdict" | "collections.Counter":
                return {}
            case "__builtin__.set" | "builtins.set" | "__builtin__.frozenset" | "builtins.frozenset":
                return self._copied(args)
            case "torch.Size" if args and isinstance(args[0], tuple):
                return args[0]
            case _:
                return Record(name, args)

    def _copied(self, args: tuple[object, ...]) -> list[object]:
        """A copy of the list that is a container's only argument; an empty one where there is none."""
        if not args or not isinstance(args[0], list):
            return []
        self._budget.spend(COPIES, len(args[0]))
        return list(args[0])

    def _ordered_dict(self, args: tuple[object, ...]) -> dict[object, object]:
        made: dict[object, object] = {}
        for pair in self._copied(args):
            match pair:
                case [str() | int() as key, value] | (str() | int() as key, value):
                    made[dict_key(key)] = value
                case _:
                    raise ValueError("a dict of no known form")
        return made

    def persistent(self, pid: object) -> Storage | Name:
        self._budget.spend(CALLS)
        if isinstance(pid, tuple) and len(pid) > _MAX_ARGUMENTS:
            raise WeightsRefused("the file refers to data in a form that torch does not write")
        match pid:
            case ("module", Name() as module, *_):  # a stream names a class so, with its source code
                return module
            case ("storage", Name(full=full), str(key), str(), int(numel), *rest) if numel >= 0:
                pass
            case _:
                raise WeightsRefused("the file refers to data in a form that torch does not write")
        if any(view is not None for view in rest):
            raise WeightsRefused(
                f"tensor data {printable(key)} is a view of another storage, as torch wrote before 0.4"
            )
        dtype = STORAGE_DTYPES.get(storage_class(full))
        if dtype is None:
            raise WeightsRefused(f"tensor data {printable(key)} is stored as {printable(full)}, which is not supported")
        known = self.storages.get(key)
        if known is None:
            known = self.storages[short(key)] = self._locate(key, dtype, numel)
        elif (known.dtype, known.numel) != (dtype, numel):
            raise WeightsRefused(f"tensor data {printable(key)} is declared twice, with different sizes")
        return known


def _tensor(args: tuple[object, ...]) -> Tensor:
    match args:
        case (Storage() as storage, int(offset), tuple(shape), tuple(strides), *_):
            return Tensor(storage, offset, shape, strides)
        case _:
            raise ValueError("a tensor of no known form")
