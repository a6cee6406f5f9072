"""A pickle read as data: a stack machine that builds plain values and inert records, and calls nothing.

`pickle.Unpickler` would do with an inert `find_class`, but its memo is an array that one hostile opcode
grows to gigabytes, and hashing a crafted key can take for ever. Here the memo is a dict and keys are scalars.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from ..errors import WeightsRefused

_DAMAGED = "copy or download the file again"


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that a pickle refers to: its name, and nothing behind it."""

    full: str


@dataclass(slots=True, eq=False)
class Record:
    """An object that a pickle describes: its class or function, its arguments, its state; inert."""

    name: str
    args: tuple[object, ...] = ()
    state: object = None
    items: list[object] = field(default_factory=list[object])
    entries: list[tuple[object, object]] = field(default_factory=list[tuple[object, object]])


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


def read_pickle(source: bytes | IO[bytes], meaning: Meaning) -> object:
    """The one value pickled in `source`; a stream is left just behind its end.

    Raises `WeightsRefused` for a damaged pickle, a name that `meaning` does not admit, or an opcode that
    no torch file needs.
    """
    machine = _Machine(meaning)
    try:
        for opcode, argument, position in pickletools.genops(source):
            machine.position = position or 0
            machine.step(opcode.name, argument)
    except WeightsRefused:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, UnicodeError) as error:
        raise WeightsRefused(
            f"the pickle is damaged near byte {machine.position}: {_short(error)}", _DAMAGED
        ) from error
    return machine.result


def _short(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."


class _Machine:
    """The pickle machine: a stack with marks, a memo, one method an opcode."""

    def __init__(self, meaning: Meaning) -> None:
        self._meaning = meaning
        self._stack: list[Any] = []
        self._memo: dict[int, object] = {}
        self.result: object = None
        self.position = 0  # in the pickle, for complaints
        self._methods: dict[str, Callable[[Any], object]] = {
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
        if opcode in _LITERALS:
            self._stack.append(argument)
        elif (made := _EMPTY.get(opcode)) is not None:
            self._stack.append(made())
        elif (method := self._methods.get(opcode)) is not None:
            method(argument)
        elif opcode not in _IGNORED:
            raise WeightsRefused(f"the pickle uses the opcode {opcode}, which no torch file needs")

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
        self._memo[index] = self._stack[-1]

    def _memoize(self, _: object) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def _global(self, argument: str) -> None:
        module, _, attribute = argument.partition(" ")
        self._stack.append(self._meaning.admit(f"{module}.{attribute}"))

    def _stack_global(self, _: object) -> None:
        attribute, module = self._pop(), self._pop()
        self._stack.append(self._meaning.admit(f"{_text(module)}.{_text(attribute)}"))

    def _call(self, name: object, args: object) -> None:
        if not isinstance(name, Name) or not isinstance(args, tuple):
            raise ValueError("a call of something that is not a name")
        self._stack.append(self._meaning.call(name.full, args))

    def _reduce(self, _: object) -> None:
        args, name = self._pop(), self._pop()
        self._call(name, args)

    def _newobj_ex(self, _: object) -> None:
        keywords, args, name = self._pop(), self._pop(), self._pop()
        if not isinstance(keywords, dict):
            raise ValueError("keyword arguments that are no dict")
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
    return value


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
            if not isinstance(key, _KEYS):
                raise ValueError(f"a {type(key).__name__} as a dict key")
            target[key] = value
    else:
        raise ValueError("an item set on something that is no dict")


_LITERALS = frozenset(
    [
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
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
_IGNORED = frozenset(("PROTO", "FRAME"))
# A set is kept as a list: its members may be records, and nothing here needs its uniqueness.
_EMPTY: dict[str, Callable[[], object]] = {
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": list,
}
