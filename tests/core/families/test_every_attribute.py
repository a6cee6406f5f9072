"""Whatever a module of a genuine file holds is replaced by what does not belong there: reading ends in one way only,
and says where.

With `--exhaustive`, each value stands once at least in a place of each name; else a part of the values does, another
part for each name and kind of module.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from torch import nn

from halfpint.core.errors import WeightsRefused
from halfpint.core.families import open_weights
from halfpint.core.inspect import contents
from halfpint.core.weights.archive import Archive
from halfpint.core.weights.budget import Budget
from halfpint.core.weights.pickled import Record
from support import witness as w
from support.mutations import MISSING, Place, crafted, places

# The kinds of modules in each file; those of the genuine one first.
GENUINE = "Conv Conv2d BatchNorm2d SiLU C3 Bottleneck SPPF MaxPool2d Sequential Upsample Concat Detect ModuleList"
FURTHER = "Focus BottleneckCSP SPP LeakyReLU CrossConv C3TR TransformerBlock TransformerLayer MultiheadAttention Linear"
FURTHER += " GhostConv GhostBottleneck MixConv2d Contract Expand Sum ConvTranspose2d ZeroPad2d Identity"
KINDS = {
    "genuine": [*GENUINE.split(), "DetectionModel"],
    "further": FURTHER.split(),
    "segment": ["Segment", "Proto"],
    "classify": ["Classify", "AdaptiveAvgPool2d"],
}
PART = 32  # one of so many values is tried in each place's name, if not all are
C = 16  # channels of the further ones


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A genuine checkpoint, and models of the modules that it does not have."""
    folder = tmp_path_factory.mktemp("files")
    blocks = [w.Focus(C, C), w.Expand(2), w.BottleneckCSP(C, C), w.SPP(C, C), w.Conv(C, C, act=nn.LeakyReLU(0.1))]
    blocks += [w.CrossConv(C, C), w.C3TR(C, C), w.TransformerBlock(C, 8, 2, 1), w.Conv(8, C), w.GhostConv(C, C)]
    blocks += [w.GhostBottleneck(C, C), w.MixConv2d(C, C, old=False), w.MixConv2d(C, C, old=True)]
    blocks += [w.Contract(2), w.Conv(4 * C, C), nn.ConvTranspose2d(C, C, 2, 2), nn.Identity()]
    blocks += [nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.MaxPool2d(2, 1))]
    blocks[1:2] = [w.Conv(C, 4 * C), w.Expand(2)]
    layers: list[tuple[Any, nn.Module]] = [(-1, w.Conv(3, C, 3, 2)), *((-1, block) for block in blocks)]
    layers += [([-1, -2], w.Sum(2, weight=True)), (-1, w.Conv(C, C, 3, 2)), ([-2, -1], w.Detect(2, (2, 4), (C, C)))]
    stem = [(-1, w.Conv(3, C, 3, 2)), (-1, w.Conv(C, C, 3, 2))]
    models = {
        "further": w.DetectionModel(layers, 2, 4),
        "segment": w.SegmentationModel([*stem, ([0, 1], w.Segment(2, (2, 4), (C, C), masks=5))], 2, 4),
        "classify": w.ClassificationModel([*stem, (-1, w.Classify(C, 7))], 7, 4),
    }
    for name, model in models.items():
        w.save(w.settled(model, (16, 16)), folder / f"{name}.pt")
    genuine = Path(__file__).parents[2] / "fixtures" / "yolov5" / "master-n.pt"
    return {"genuine": genuine, **{name: folder / f"{name}.pt" for name in models}}


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("file", "kind"), [(file, kind) for file, kinds in KINDS.items() for kind in kinds])
def test_no_attribute_can_be_anything(file: str, kind: str, files: Mapping[str, Path], exhaustive: bool) -> None:
    with open_weights(files[file]) as archive:
        found = [place for place in places(model_of(archive)) if place.kind == kind]
        assert found
        assert refusal(archive) is None
        part = 1 if exhaustive else PART
        check_read(archive, [place for place in found if not place.unread], part)
        check_unread(archive, [place for place in found if place.unread])


def check_read(archive: Archive, found: list[Place], part: int) -> None:
    refused = 0
    for place, name, value in cases(archive, found, part):
        with place.holding(value):
            error = refusal(archive)
        if error is not None:
            refused += 1
            assert "fault of ours" not in error.fix, f"{place} = {name}: {error}"
            assert tells(error, place), f"{place} = {name}: {error}"
    assert refused > 0 or not found


def check_unread(archive: Archive, found: list[Place]) -> None:
    """What nobody reads cannot matter: all of it is replaced at once."""
    for value in (*crafted(archive).values(), MISSING):
        with ExitStack() as all_at_once:
            for place in found:
                all_at_once.enter_context(place.holding(value))
            assert refusal(archive) is None


def model_of(archive: Archive) -> Record:
    model = archive.root["model"] if isinstance(archive.root, dict) else None
    assert isinstance(model, Record)
    return model


def refusal(archive: Archive) -> WeightsRefused | None:
    """Why a file is refused, if it is. Every look at it has the whole budget."""
    archive.file.budget = Budget(archive.file.nbytes)
    try:
        return contents(archive).refused
    except WeightsRefused as refused:
        return refused


def cases(archive: Archive, found: list[Place], part: int) -> Iterator[tuple[Place, str, object]]:
    """Each value, or one of `part` of them, in a place of each name; the places of a name take turns."""
    values = list({**crafted(archive), "missing": MISSING}.items())
    alike: dict[object, list[Place]] = defaultdict(list)
    for place in found:
        alike[place.key].append(place)
    for key, like in alike.items():
        first = crc32(f"{like[0].kind} {key}".encode()) % part
        for place, (name, value) in zip(cycle(like), values[first::part], strict=False):
            yield place, name, value


def tells(error: WeightsRefused, place: Place) -> bool:
    """Whether an error names the module, its layer, or what it does not fit."""
    layer = place.path.removeprefix("model.").partition(".")[0]
    names = [place.path or "the root", f"{place.path}.{place.key}".strip("."), f"layer {layer}:", f"model.{layer}"]
    names += ["do not fit together: layer ", "px comes to it as "]
    return any(name in str(error) for name in names)
