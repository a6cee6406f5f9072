"""A pickle with some of its opcodes changed: mostly what they say, sometimes where they stand."""

from __future__ import annotations

import io
import pickletools
import struct
from dataclasses import dataclass
from typing import Any

from support.fuzz.dice import Dice
from support.pickles import plain

_MOST_NBYTES = 2**20  # of a pickle that grew
_NAMES = (
    *("os.system", "posix.system", "builtins.eval", "builtins.exec", "builtins.getattr", "subprocess.Popen"),
    *("torch.load", "torch.hub.load", "numpy.load", "pickle.loads", "codecs.encode", "_codecs.encode"),
    *("models.yolo.Model", "models.yolo.Detect", "models.yolo.Segment", "models.common.Conv", "models.common.Concat"),
    *("torch.nn.modules.conv.Conv2d", "torch.nn.modules.linear.Identity", "torch.nn.modules.container.Sequential"),
    *("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch._tensor._rebuild_from_type_v2"),
    *("torch.FloatStorage", "torch.ComplexFloatStorage", "torch.storage.UntypedStorage", "torch.BoolStorage"),
    *("collections.OrderedDict", "builtins.set", "builtins.range", "torch.Size", "models.common.", ".", "a.b\nc"),
)
_SNIPPETS = (
    *(b"N", b"\x88", b"\x89", b"0", b"1", b"2", b"(", b"t", b")", b"]", b"}", b"a", b"e", b"s", b"u", b"b", b"R", b"Q"),
    *(b"\x81", b"\x92", b"\x93", b"\x85", b"\x86", b"\x87", b"\x8f", b"\x90", b"\x91", b"\x94", b"o", b"d", b"l"),
    *(b"]q\x00h\x00a", b"}q\x00h\x00h\x00s", b"K\x01\x85R", b"(N}(K\x01NuR", b".", b"\x80\x02", b"\x95" + bytes(8)),
    *(b"\x82\x01", b"\x97", b"\x98", b"P0\n", b"ios\nsystem\n", b"j\xff\xff\xff\xff", b"r\xff\xff\xff\xff"),
)


@dataclass(frozen=True)
class _Op:
    name: str
    argument: Any
    raw: bytes


def changed(data: bytes, dice: Dice) -> bytes:
    """The pickle, changed in one place or in a few."""
    ops = _ops(data)
    texts = [op.argument for op in ops if "UNICODE" in op.name][:2000]
    for _ in range(dice.few()):
        place = dice.randrange(len(ops))
        match dice.randrange(10):
            case 0:
                del ops[dice.part(len(ops))]
            case 1:
                piece = dice.part(len(ops))
                some = ops[piece]
                room = _MOST_NBYTES // max(1, sum(len(op.raw) for op in some))
                ops[place:place] = some * min(dice.times(), room)
            case 2:
                ops[place] = _Op("", None, dice.choice(_SNIPPETS))
            case 3:
                ops.insert(place, _Op("", None, dice.choice(_SNIPPETS) * min(dice.times(), 100)))
            case 4 if dice.chance(0.2):
                del ops[place:]
            case _:
                told = [i for i, op in enumerate(ops) if op.argument is not None]
                if told:
                    place = dice.choice(told)
                    ops[place] = _Op("", None, _said_otherwise(ops[place], texts, dice))
        if not ops:
            break
    return b"".join(op.raw for op in ops)


def changed_stream(data: bytes, dice: Dice) -> bytes:
    """A file of several pickles and what is behind them, as torch before 1.6 wrote it: one of the pickles changed."""
    stream = io.BytesIO(data)
    pickles: list[bytes] = []
    for _ in range(5):
        start = stream.tell()
        for _ in pickletools.genops(stream):
            pass
        pickles.append(data[start : stream.tell()])
    rest = data[stream.tell() :]
    if dice.chance(0.15):
        return b"".join(pickles) + dice.bytes_changed(rest[:200]) + rest[200:]
    place = dice.choices(range(5), [1, 1, 2, 12, 4])[0]
    pickles[place] = changed(pickles[place], dice)
    return b"".join(pickles) + rest


def _ops(data: bytes) -> list[_Op]:
    found = [(op.name, argument, place or 0) for op, argument, place in pickletools.genops(data)]
    ends = [*(place for _, _, place in found[1:]), len(data)]
    return [_Op(name, argument, data[place:end]) for (name, argument, place), end in zip(found, ends, strict=True)]


def _said_otherwise(op: _Op, texts: list[str], dice: Dice) -> bytes:
    """The opcode with another argument, now and then of another kind."""
    if dice.chance(0.1):
        return plain(dice.one_of(dice.integer(), dice.real(), dice.text(texts), None, dice.chance(0.5)))
    match op.argument:
        case int() if "GET" in op.name or "PUT" in op.name:
            index = max(0, op.argument + dice.one_of(-1, 1, -2, 2, dice.randrange(-300, 300))) % 2**32
            return (b"j" if "GET" in op.name else b"r") + struct.pack("<I", index)
        case int():
            return plain(dice.integer() if dice.chance(0.7) else op.argument + dice.one_of(-1, 1))
        case float():
            return plain(dice.real())
        case str() if op.name == "GLOBAL":
            name = dice.choice(_NAMES) if dice.chance(0.7) else op.argument.replace(" ", ".")[: dice.randrange(60)]
            owner, _, attribute = name.rpartition(".")
            return f"c{owner}\n{attribute}\n".encode()
        case str():
            return plain(dice.text(texts))
        case _:
            return dice.bytes_changed(op.raw)
