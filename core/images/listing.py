"""Which pictures a path of the user's means: a folder, a list of files, or a data set of YOLOv5's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import BadRequest
from ..untrusted import read_bounded
from .picture import SUFFIXES

_LONGEST_YAML, _LONGEST_LIST = 1 << 20, 64 << 20  # bytes
_DEEPEST = 50  # brackets inside of brackets that a data set's file may have; its own are two deep
_LISTS, _DATA_SETS = (".txt",), (".yaml", ".yml")


@dataclass(frozen=True)
class Listing:
    """Pictures by their paths, in a fixed order, not looked at yet. `notes`: what the user should know of them."""

    root: Path
    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def listed(path: Path) -> Listing:
    """The pictures that a folder, a list file or a data set means. Raises `BadRequest` where there are none to find."""
    try:
        if path.suffix.lower() in _DATA_SETS and not path.is_dir():
            found = _data_set(path)
        else:
            found = Listing(path if path.is_dir() else path.parent, tuple(_pictures(path)))
    except OSError as error:
        what = os.strerror(error.errno) if error.errno else str(error)
        raise BadRequest(f"{error.filename or path} cannot be read: {what}", _FIX) from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"{path} is no text", _FIX) from error
    return found


_FIX = "give --data a folder of pictures, a list of them (.txt), a YOLOv5 data set (.yaml) or an .npz"


def _pictures(path: Path) -> Iterator[Path]:
    """The pictures below a folder, by name; or those that a list names. Raises `OSError`."""
    if path.is_dir():
        yield from sorted(_below(path))
    elif path.suffix.lower() in _LISTS:
        yield from _on_list(path)
    elif path.suffix.lower() in SUFFIXES and path.is_file():
        yield path
    else:
        path.stat()  # raises where there is nothing
        raise BadRequest(f"{path} is no folder, list, data set or archive of pictures", _FIX)


def _below(folder: Path) -> Iterator[Path]:
    """Links to folders are not followed: they may go round in a circle."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if Path(name).suffix.lower() in SUFFIXES:
                yield Path(parent, name)


def _on_list(path: Path) -> Iterator[Path]:
    """A path a line, as it is from the list's own folder."""
    for line in read_bounded(path, _LONGEST_LIST).decode("utf-8").splitlines():
        if line.strip():
            yield path.parent / line.strip()


def _data_set(path: Path) -> Listing:
    """The pictures of `val`, or else of `train`. Nothing else in the file counts: `download`, say, is never run."""
    said = _said(path)
    root = _root(path, said.get("path"))
    for part in ("val", "train"):
        places = said.get(part)
        places = [places] if isinstance(places, str) else places
        if isinstance(places, list) and places and all(isinstance(place, str) for place in places):
            there = [place for place in (root / place for place in places) if place.exists()]
            if there:
                paths = tuple(picture for place in there for picture in _pictures(place))
                return Listing(root, paths, (f"the pictures are those of {part} in {path.name}",))
    raise BadRequest(f"{path} names no pictures that are there: neither val nor train below {root}", _FIX)


def _said(path: Path) -> Mapping[Any, Any]:
    """What a data set's file says. Raises `BadRequest` for what is no mapping."""
    text = read_bounded(path, _LONGEST_YAML).decode("utf-8")
    try:
        _check_depth(text)
        said = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadRequest(f"{path} is no YAML: {' '.join(str(error).split())[:120]}", _FIX) from error
    if not isinstance(said, dict):
        raise BadRequest(f"{path} is no data set of YOLOv5", _FIX)
    return said


def _check_depth(text: str) -> None:
    """Raises `ValueError` for nesting that no data set has, which costs the parser a call a level."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ValueError("it is nested too deeply")


def _root(path: Path, said: object) -> Path:
    """The folder that a data set's paths start from: `path` from the file's own folder, or, as in a checkout of
    YOLOv5, from the one above.
    """
    if not isinstance(said, str) or not said:
        return path.parent
    for base in (path.parent, path.parent.parent):
        if (base / said).is_dir():
            return base / said
    return path.parent / said
