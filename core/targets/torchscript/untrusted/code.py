"""The code inside a TorchScript file, read as text: may all that it names be run?

Its rules hold for names alone, wherever they stand, so that no flow of values has to be followed: an operator comes
into being behind a dot or as a plain name before a parenthesis, and each of these must be on a list. What torch's own
printer does not write (comments, other quotes, decorators, a call of what a call returned) is refused, so that there is
nothing that torch could read in another way than this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from ....errors import ArtifactRefused
from ....untrusted import printable
from .operators import (
    ATTRIBUTES,
    FUNCTIONS,
    KEYWORDS,
    METHODS,
    OPERATORS,
    OTHER_OPERATORS,
    REFUSED_KEYWORDS,
    SUPERCLASSES,
    UNCHECKED,
)

# The largest of fifty files of YOLOv5's, Ultralytics' and our own exporters (YOLOv9t's) has 0.34 MB of code in 1,700
# records, and brackets seven deep.
MAX_CODE_NBYTES = 2**20
_MAX_BRACKETS, _MAX_INDENT, _MAX_NAME = 100, 40, 200

_TOKEN = re.compile(
    r"""(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?j?(?![A-Za-z0-9_.]))
    |(?P<string>"(?:[ !#-\[\]-~]|\\[\\"'abfnrtv0-7])*"(?!"))
    |(?P<line>\n\ *)
    |(?P<space>\ +)
    |(?P<mark>->|[-+*/%<>=!|&^~]=?|[,.:()\[\]{}])""",
    re.VERBOSE,
)
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")
_PACKAGE = "__torch__"
# Classes of this package are C++, whatever a file declares under their names.
_NATIVE = f"{_PACKAGE}.torch.classes."
# What a value may be taken for without a check of torch's own: kinds that each operator looks at again.
_CASTS = frozenset(("Tensor", "NoneType", "bool", "int", "float", "str", "List", "Optional", "[", "]"))
_ROOTS = frozenset(("torch", "ops", "CONSTANTS", _PACKAGE))
_FORWARD = re.compile(r"forward[0-9]*")
_CONSTANT = re.compile(r"c[0-9]{1,9}")
_ALIAS = re.compile(r"_[0-9]{1,9}")


class _Token(NamedTuple):
    kind: str
    text: str


@dataclass
class Declared:
    """What the code of a file declares, by full names: classes, functions; and its classes' attributes."""

    classes: set[str]
    functions: set[str]
    attributes: set[str]


def check_code(sources: Mapping[str, str]) -> Declared:
    """Read every source (by the module that it stands for: `__torch__.models.yolo`), and tell what they declare.

    Raises `ArtifactRefused` with the name of the first operator, function, method, attribute or class that is not on
    the list, and for text that torch does not write.
    """
    declared = Declared(set(), set(), set())
    read = {module: list(_tokens(text)) for module, text in sources.items()}
    for module, tokens in read.items():
        _declare(module, tokens, declared)
    for tokens in read.values():
        for body in _definitions(tokens):
            _Reader(body, declared).check()
    return declared


def _refuse(what: str) -> NoReturn:
    raise ArtifactRefused(
        f"its code {what}", "nothing of it was run; do not load this file elsewhere unless you trust its author"
    )


def _tokens(text: str) -> Iterator[_Token]:
    """The tokens, without spaces; each line begins with one of kind `line`, whose text is its indentation."""
    place = depth = 0
    text = f"\n{text}"
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            _refuse(f"is not as torch writes it, at {printable(text[place : place + 20])!r}")
        place = match.end()
        kind, found = match.lastgroup or "", match.group()
        if kind == "space" or (kind == "line" and depth):
            continue
        if found in _OPEN:
            depth += 1
        elif found in _CLOSE:
            depth -= 1
        if not 0 <= depth <= _MAX_BRACKETS or (kind == "line" and len(found) > _MAX_INDENT):
            _refuse("is nested deeper than torch writes it")
        if kind == "name" and len(found) > _MAX_NAME:
            _refuse(f"holds a name of {len(found)} letters")
        yield _Token(kind, found)


def _declare(module: str, tokens: list[_Token], declared: Declared) -> None:
    """Note the classes, functions and attributes that a source declares. Raises `ArtifactRefused` for odd ones."""
    texts = [token.text for token in tokens]
    if f"{module}.".startswith(_NATIVE):
        _refuse(f"declares {printable(module)}, whose classes are torch's own")
    for i, token in enumerate(tokens):
        if token.kind != "line":
            continue
        indent, line = len(token.text) - 1, texts[i + 1 : i + 7]
        match line:
            case ["class", name, "(", superclass, ")", ":"]:
                if indent or superclass not in SUPERCLASSES:
                    _refuse(f"declares the class {name} in a form that no exporter writes ({superclass})")
                declared.classes.add(f"{module}.{name}")
            case ["class", *_]:
                _refuse("declares a class in a form that no exporter writes")
            case ["def", name, *_] if indent == 0:
                declared.functions.add(f"{module}.{name}")
            case ["def", name, *_] if indent != 2 or not (_FORWARD.fullmatch(name) or name in METHODS):
                _refuse(f"defines {name}, and only forward is expected")
            case ["__annotations__", "[", name, "]", *_] if indent == 2:
                declared.attributes.add(name.strip('"'))
            case [name, ":", *_] if indent == 2 and tokens[i + 1].kind == "name" and name not in KEYWORDS:
                declared.attributes.add(name)
            case _:
                pass


def _definitions(tokens: list[_Token]) -> Iterator[list[_Token]]:
    """The code, cut where a function, a method or a class begins."""
    start = 0
    for i, token in enumerate(tokens):
        if token.kind == "line" and i + 1 < len(tokens) and tokens[i + 1].text in ("def", "class"):
            yield tokens[start:i]
            start = i
    yield tokens[start:]


class _Reader:
    """One definition, token by token."""

    def __init__(self, tokens: list[_Token], declared: Declared) -> None:
        self._tokens = tokens
        self._declared = declared
        self._aliases = _aliases(tokens, declared.functions)

    def check(self) -> None:
        """Raises `ArtifactRefused` for the first thing that may not be there."""
        i = 0
        while i < len(self._tokens):
            token = self._tokens[i]
            if token.kind == "name":
                i = self._check_name(i)
            else:
                if token.text == "(" and self._text(i - 1) in (")", "]", "}"):
                    _refuse("calls what is not a name")
                i += 1

    def _text(self, i: int) -> str:
        return self._tokens[i].text if 0 <= i < len(self._tokens) else ""

    def _check_name(self, i: int) -> int:
        """Check the name at `i` with all that hangs on it by dots; where to go on."""
        names = [self._text(i)]
        end = i + 1
        while self._text(end) == "." and end + 1 < len(self._tokens) and self._tokens[end + 1].kind == "name":
            names.append(self._text(end + 1))
            end += 2
        called = self._text(end) == "("
        behind_dot = self._text(i - 1) == "."
        if not behind_dot and names[0] in _ROOTS:
            return self._check_root(names, end, called)
        if behind_dot:
            rest = names
        else:
            self._check_plain(i, names[0], called and len(names) == 1)
            rest = names[1:]
        for name in rest[:-1] if called else rest:
            self._check_attribute(name)
        if called and rest:
            self._check_method(rest[-1])
        return end

    def _check_root(self, names: list[str], end: int, called: bool) -> int:
        """`torch.add`, `ops.prim.NumToTensor`, `CONSTANTS.c0`, `__torch__.models.yolo.Detect`."""
        full = ".".join(names)
        known = self._declared
        match names:
            case ["torch", name]:
                if name not in OPERATORS:
                    _refuse(f"calls the operator {printable(full)}, which is not on the list of what a network needs")
            case ["ops", *rest] if len(rest) == 2:
                if ".".join(rest) not in OTHER_OPERATORS:
                    _refuse(f"calls the operator {printable(full)}, which is not on the list of what a network needs")
            case ["CONSTANTS", name] if _CONSTANT.fullmatch(name) and not called:
                pass
            case ["__torch__", *_] if full in known.functions or full in known.classes:
                pass
            case _:
                _refuse(f"names {printable(full)}, which is not in the file")
        return end

    def _check_plain(self, i: int, name: str, called: bool) -> None:
        """A plain name: a keyword, a variable, a type; or, where it is called, a function of the list."""
        if name in REFUSED_KEYWORDS or (name in ("def", "class") and self._tokens[i - 1].kind != "line"):
            _refuse(f"uses {name} as no exporter writes it")
        if not called or name in KEYWORDS or self._text(i - 1) in ("def", "class"):
            return
        if name == "getattr":
            self._check_getattr(i)
        elif name in UNCHECKED:
            self._check_cast(i)
        elif name not in FUNCTIONS and name not in self._aliases:
            _refuse(f"calls {printable(name)}, which is not on the list of what a network needs")

    def _check_getattr(self, i: int) -> None:
        """`getattr(model, "0")`: an attribute whose name is no identifier, of a variable."""
        tokens = self._tokens[i + 2 : i + 6]
        kinds = [token.kind for token in tokens]
        if kinds != ["name", "mark", "string", "mark"] or (tokens[1].text, tokens[3].text) != (",", ")"):
            _refuse("calls getattr in a form that no exporter writes")
        if tokens[0].text in _ROOTS:
            _refuse(f"looks for {printable(tokens[2].text)} in {tokens[0].text}")
        self._check_attribute(tokens[2].text[1:-1])

    def _check_cast(self, i: int) -> None:
        """`unchecked_cast(List[int], x)`: to plain kinds, since torch would take one object for another unseen."""
        end = i + 2
        while self._text(end) in _CASTS:
            end += 1
        if self._text(end) not in (",", ")"):
            _refuse(f"takes a value for a {printable(self._text(end))}, which no exporter writes")

    def _check_attribute(self, name: str) -> None:
        if name not in self._declared.attributes and name not in ATTRIBUTES:
            _refuse(f"reads the attribute {printable(name)}, which none of its classes declares")

    def _check_method(self, name: str) -> None:
        if not (_FORWARD.fullmatch(name) or name in METHODS or name in OPERATORS):
            _refuse(f"calls the operator {printable(name)}, which is not on the list of what a network needs")


def _aliases(tokens: Iterable[_Token], functions: set[str]) -> frozenset[str]:
    """The names (`_0`) that stand for a function of the file, and for nothing else: `_0 = __torch__.pad.pad`."""
    line = [token.text for token in tokens]
    found: set[str] = set()
    others: set[str] = set()
    for i, name in enumerate(line):
        if not _ALIAS.fullmatch(name):
            continue
        if line[i + 1 : i + 3] == ["=", _PACKAGE] and line[i - 1].startswith("\n"):
            end = i + 3
            while end + 1 < len(line) and line[end] == ".":
                end += 2
            if ".".join([_PACKAGE, *line[i + 4 : end : 2]]) in functions and line[end : end + 1][:1] != ["("]:
                found.add(name)
                continue
        if line[i + 1 : i + 2] != ["("]:
            others.add(name)
    return frozenset(found - others)
