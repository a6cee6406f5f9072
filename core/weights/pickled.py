"""A pickle read as data: a stack machine that builds plain values and inert records, and calls nothing.

`pickle.Unpickler` would do with an inert `find_class`, but its memo is an array that one hostile opcode
grows to gigabytes, and hashing a crafted key can take for ever. Here the memo grows as it is filled, keys are scalars
whose hashes nobody can make collide, and every step is counted.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from ..errors import WeightsRefused
from ..refusal import reason
from .budget import COPIES, MAX_INTEGER_BITS, STEPS, Budget
from .keys import short

_DAMAGED = "copy or download the file again"


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that a pickle refers to: its name, and nothing behind it."""

    full: str


@dataclass(slots=True, eq=False, repr=False)
class Record:
    """An object that a pickle describes: its class or function, its arguments, its state; inert.

    It is spelled by its name alone: a crafted one may hold itself, or 2⁶⁰ others.
    """

    name: str
    args: tuple[object, ...] = ()
    state: object = None
    items: list[object] = field(default_factory=list[object])
    entries: list[tuple[object, object]] = field(default_factory=list[tuple[object, object]])

    def __repr__(self) -> str:
        return f"Record({self.name})"


class Meaning(Protocol):
    """What names, calls and persistent ids stand for. The machine itself gives them no meaning."""

    def admit(self, name: str) -> Name:
        """The name, if it may occur. Raises `WeightsRefused` with the name in it otherwise."""
        ...

    def call(self, name: str, args: tuple[object, ...]) -> object:
        """The value that stands for `name(*args)`."""
        ...

    def persistent(self, pid: object) -> object:
        """The value behind a persistent id (torch: a storage)."""
        ...


class _Mark:
    __slots__ = ()


_MARK = _Mark()
_KEYS = (str, int, float, bytes, Name, Record, type(None))
# Two integers closer to zero than this modulus of Python's numeric hash (sys.hash_info) never share a hash.
_INTEGER_KEYS = 2**61 - 1


def read_pickle(source: bytes | IO[bytes], meaning: Meaning, budget: Budget) -> object:
    """The one value pickled in `source`; a stream is left just behind its end.

    Raises `WeightsRefused` for a damaged pickle, a name that `meaning` does not admit, an opcode that
    no torch file needs, or more work than `budget` allows.
    """
    machine = _Machine(meaning, budget)
    left, count = budget.left(STEPS), 0
    try:
        for count, (opcode, argument, position) in enumerate(pickletools.genops(source), 1):
            if count > left:
                break
            machine.position = position or 0
            machine.step(opcode.name, argument)
        budget.spend(STEPS, count)
    except WeightsRefused:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, UnicodeError) as error:
        raise WeightsRefused(
            f"the pickle is damaged near byte {machine.position}: {reason(error)}", _DAMAGED
        ) from error
    return machine.result


class _Machine:
    """The pickle machine: a stack with marks, a memo, one method an opcode."""

    def __init__(self, meaning: Meaning, budget: Budget) -> None:
        self._meaning = meaning
        self._budget = budget
        self._stack: list[Any] = []
        self._memo = _Memo()
        self.result: object = None
        self.position = 0  # in the pickle, for complaints
        self._methods: dict[str, Callable[[Any], object]] = {
            **dict.fromkeys(_LITERALS, self._stack.append),
            **dict.fromkeys(_INTEGERS, self._integer),
            **dict.fromkeys(_IGNORED, lambda _: None),
            "EMPTY_TUPLE": lambda _: self._stack.append(()),
            "EMPTY_DICT": lambda _: self._stack.append({}),
            **dict.fromkeys(_EMPTY_LISTS, lambda _: self._stack.append([])),
            "MARK": lambda _: self._stack.append(_MARK),
            "STOP": self._stop,
            "POP": lambda _: self._stack.pop(),
            "POP_MARK": lambda _: self._pop_to_mark(),
            "DUP": lambda _: self._stack.append(self._stack[-1]),
            "NONE": lambda _: self._stack.append(None),
            "NEWTRUE": lambda _: self._stack.append(True),
            "NEWFALSE": lambda _: self._stack.append(False),
            "TUPLE": lambda _: self._stack.append(tuple(self._pop_to_mark())),
            "TUPLE1": lambda _: self._tuple_of(1),
            "TUPLE2": lambda _: self._tuple_of(2),
            "TUPLE3": lambda _: self._tuple_of(3),
            "LIST": lambda _: self._stack.append(self._pop_to_mark()),
            "FROZENSET": lambda _: self._stack.append(self._pop_to_mark()),
            "DICT": self._dict,
            "APPEND": self._append,
            "APPENDS": self._appends,
            "ADDITEMS": self._appends,
            "SETITEM": self._setitem,
            "SETITEMS": self._setitems,
            "PUT": self._put,
            "BINPUT": self._put,
            "LONG_BINPUT": self._put,
            "MEMOIZE": self._memoize,
            "GET": self._get,
            "BINGET": self._get,
            "LONG_BINGET": self._get,
            "GLOBAL": self._global,
            "STACK_GLOBAL": self._stack_global,
            "REDUCE": self._reduce,
            "NEWOBJ": self._reduce,
            "NEWOBJ_EX": self._newobj_ex,
            "INST": self._inst,
            "OBJ": self._obj,
            "BUILD": self._build,
            "PERSID": self._persistent,
            "BINPERSID": lambda _: self._persistent(self._pop()),
        }

    def step(self, opcode: str, argument: Any) -> None:
        method = self._methods.get(opcode)
        if method is None:
            raise WeightsRefused(f"the pickle uses the opcode {opcode}, which no torch file needs")
        method(argument)

    def _integer(self, value: int) -> None:
        if value.bit_length() > MAX_INTEGER_BITS:
            raise WeightsRefused(f"an integer near byte {self.position} has {value.bit_length():,} bits")
        self._stack.append(value)

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value is due")
        return value

    def _pop_to_mark(self) -> list[Any]:
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index] is _MARK:
                values = self._stack[index + 1 :]
                del self._stack[index:]
                return values
        raise ValueError("no mark on the stack")

    def _stop(self, _: object) -> None:
        self.result = self._pop()

    def _tuple_of(self, count: int) -> None:
        values = tuple(self._pop() for _ in range(count))
        self._stack.append(values[::-1])

    def _dict(self, _: object) -> None:
        values = self._pop_to_mark()
        made: dict[object, object] = {}
        _set_items(made, values)
        self._stack.append(made)

    def _append(self, _: object) -> None:
        value = self._pop()
        _extend(self._stack[-1], [value])

    def _appends(self, _: object) -> None:
        values = self._pop_to_mark()
        _extend(self._stack[-1], values)

    def _setitem(self, _: object) -> None:
        value, key = self._pop(), self._pop()
        _set_items(self._stack[-1], [key, value])

    def _setitems(self, _: object) -> None:
        values = self._pop_to_mark()
        _set_items(self._stack[-1], values)

    def _put(self, index: int) -> None:
        self._memo.put(index, self._stack[-1])

    def _memoize(self, _: object) -> None:
        self._memo.put(self._memo.next, self._stack[-1])

    def _get(self, index: int) -> None:
        self._stack.append(self._memo.get(index))

    def _global(self, argument: str) -> None:
        module, _, attribute = argument.partition(" ")
        self._stack.append(self._meaning.admit(f"{module}.{attribute}"))

    def _stack_global(self, _: object) -> None:
        attribute, module = _text(self._pop()), _text(self._pop())
        self._stack.append(self._meaning.admit(f"{module}.{attribute}"))

    def _call(self, name: object, args: object) -> None:
        if not isinstance(name, Name) or not isinstance(args, tuple):
            raise ValueError("a call of something that is not a name")
        self._stack.append(self._meaning.call(name.full, args))

    def _reduce(self, _: object) -> None:
        args, name = self._pop(), self._pop()
        self._call(name, args)

    def _newobj_ex(self, _: object) -> None:
        keywords, args, name = self._pop(), self._pop(), self._pop()
        if not isinstance(keywords, dict) or not isinstance(args, tuple):
            raise ValueError("arguments that are no tuple, or keyword arguments that are no dict")
        self._budget.spend(COPIES, len(args) + len(keywords))
        self._call(name, (*args, *keywords.items()))

    def _inst(self, argument: str) -> None:
        args = tuple(self._pop_to_mark())
        self._global(argument)
        self._call(self._pop(), args)

    def _obj(self, _: object) -> None:
        name, *args = self._pop_to_mark()
        self._call(name, tuple(args))

    def _build(self, _: object) -> None:
        state = self._pop()
        target = self._stack[-1]
        if isinstance(target, Record):
            target.state = state

    def _persistent(self, argument: object) -> None:
        self._stack.append(self._meaning.persistent(argument))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a name that is no string")
    return short(value)


def _extend(target: object, values: Iterable[object]) -> None:
    if isinstance(target, list):
        target.extend(values)
    elif isinstance(target, Record):
        target.items.extend(values)
    else:
        raise ValueError("an append to something that is no list")


def _set_items(target: object, values: list[object]) -> None:
    if len(values) % 2:
        raise ValueError("a key without its value")
    pairs = zip(values[::2], values[1::2], strict=True)
    if isinstance(target, Record):
        target.entries.extend(pairs)
    elif isinstance(target, dict):
        for key, value in pairs:
            target[dict_key(key)] = value
    else:
        raise ValueError("an item set on something that is no dict")


def dict_key(key: object) -> object:
    """What may be a dict's key. Raises `ValueError` or `WeightsRefused` for anything else."""
    if not isinstance(key, _KEYS) or (isinstance(key, int) and abs(key) >= _INTEGER_KEYS):
        raise ValueError(f"{'so large an' if isinstance(key, int) else 'a'} {type(key).__name__} as a dict key")
    return short(key) if isinstance(key, str) else key


class _Memo:
    """What a pickle put aside, by number. torch counts from zero, so that a list holds nearly all of it."""

    def __init__(self) -> None:
        self._dense: list[object] = []
        self._sparse: dict[int, object] = {}

    @property
    def next(self) -> int:
        """The number that `MEMOIZE` gives: how many there are."""
        return len(self._dense) + len(self._sparse)

    def put(self, index: int, value: object) -> None:
        if 0 <= index < len(self._dense):
            self._dense[index] = value
        elif index == len(self._dense) and not self._sparse:
            self._dense.append(value)
        elif 0 <= index < 2**32:  # what LONG_BINPUT reaches; a text opcode could give thousands of digits
            self._sparse[index] = value
        else:
            raise ValueError("a memo's number that is out of range")

    def get(self, index: int) -> object:
        return self._dense[index] if 0 <= index < len(self._dense) else self._sparse[index]


_INTEGERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4")
_LITERALS = frozenset(
    [
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
        "UNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
        "FLOAT",
        "BINFLOAT",
    ]
)
_IGNORED = ("PROTO", "FRAME")
# A set is kept as a list: its members may be records, and nothing here needs its uniqueness.
_EMPTY_LISTS = ("EMPTY_LIST", "EMPTY_SET")
