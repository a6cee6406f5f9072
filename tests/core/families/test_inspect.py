"""The facts of a checkpoint, told without reading its weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from halfpint.core.errors import WeightsRefused
from halfpint.core.families.modules import Module
from halfpint.core.inspect import inspect
from halfpint.core.ledger import source_ledger
from halfpint.core.precisions.dtype import FLOAT64
from halfpint.core.readings.reference import Reference
from halfpint.core.samples.yolov5 import SampleSpec, sample
from halfpint.core.weights.pickled import Record
from halfpint.core.weights.writer import NewTensor, checkpoint_bytes
from halfpint.core.weights_source import WeightsSource
from support import witness as w
from support.checkpoints import network_of

FIXTURES = Path(__file__).parents[2] / "fixtures" / "yolov5"


@pytest.mark.parametrize(
    ("name", "era", "task", "stride", "parameters"),
    [
        ("v2.0-s", "v2.0", "detect", 32, 462_536),
        ("v3.1-s", "v3.0–v3.1", "detect", 32, 462_536),
        ("v5.0-s", "v4.0–v5.0", "detect", 32, 450_168),
        ("v6.0-s", "v6.0 or later", "detect", 32, 447_544),
        ("master-n", "v6.0 or later", "detect", 32, 447_544),
        ("master-n6", "v6.0 or later", "detect", 64, 782_416),
        ("master-n-seg", "v6.0 or later", "segment", 32, 488_984),
    ],
)
def test_facts_of_every_era(name: str, era: str, task: str, stride: int, parameters: int) -> None:
    info = inspect(FIXTURES / f"{name}.pt")
    facts = info.facts
    assert (facts.family, facts.era, facts.task, facts.stride) == ("yolov5", era, task, stride)
    assert (facts.channels, info.parameters, info.precision) == (3, parameters, "float16")
    assert list(facts.names.values()) == ["thing0", "thing1", "thing2"]
    assert not info.is_training
    assert not info.obstacle
    assert sum(part.nbytes for part in info.parts) == info.nbytes == (FIXTURES / f"{name}.pt").stat().st_size


def test_a_training_checkpoint_counts_its_ema_and_tells_what_else_it_carries() -> None:
    info = inspect(FIXTURES / "master-n-training.pt")
    assert info.is_training
    assert info.used == "ema"
    assert {part.name: part.used for part in info.parts} == {
        "model": False,
        "ema": True,
        "structure (names, shapes)": False,
    }
    assert "model 0.9 MB" in source_ledger(info).explanation


def test_an_optimizer_s_state_is_counted(tmp_path: Path) -> None:
    made = sample(SampleSpec(width=0.125, names=("a",)))
    momentum = {i: {"momentum_buffer": NewTensor(np.ones(1000, np.float32))} for i in range(3)}
    made.root["optimizer"] = {"state": momentum, "param_groups": []}
    path = tmp_path / "training.pt"
    path.write_bytes(checkpoint_bytes(made.root))
    info = inspect(path)
    assert next(part.nbytes for part in info.parts if part.name == "optimizer") == 12_000
    assert info.is_training


def test_published_sizes_are_named(sample_n: Path) -> None:
    info = inspect(sample_n)
    assert info.facts.variant == "yolov5n"
    assert info.parameters == 1_872_157
    assert inspect(FIXTURES / "master-n.pt").facts.variant == "custom (depth 0.33, width 0.125)"


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_the_old_stream_layout(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = [(-1, w.Conv(3, 8, 3, 2)), (-1, w.Conv(8, 8, 3, 2)), ([0, 1], w.Detect(2, (2, 4), (8, 8)))]
    model = w.settled(w.DetectionModel(layers, 2, 4), (8, 12))
    answers: list[list[np.ndarray]] = []
    for zipped in (True, False):
        path = tmp_path / f"{zipped}.pt"
        w.save(model, path, _use_new_zipfile_serialization=zipped)
        info = inspect(path)
        assert info.layout == ("zip" if zipped else "stream")
        with network_of(path) as network:
            answers.append(list(Reference(FLOAT64).run(network, np.ones((1, 3, 8, 12)))))
    for got, wanted in zip(*answers, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_checkpoint_that_is_the_bare_model(tmp_path: Path) -> None:
    root = sample(SampleSpec(width=0.125, names=("a", "b"))).root["model"]
    path = tmp_path / "bare.pt"
    path.write_bytes(checkpoint_bytes(root))
    assert inspect(path).facts.names == {0: "a", 1: "b"}


def test_the_training_size_is_told_if_the_checkpoint_knows_it(tmp_path: Path) -> None:
    made = sample(SampleSpec(width=0.125, names=("a",)))
    made.root["opt"] = {"imgsz": 960}
    path = tmp_path / "opt.pt"
    path.write_bytes(checkpoint_bytes(made.root))
    assert inspect(path).facts.training_size == (960, 960)


# ---- what cannot be a model


def spoiled(path: Path, spoil: str) -> Path:
    """A sample checkpoint with one thing wrong."""
    made = sample(SampleSpec(width=0.125, names=() if spoil == "no classes" else ("a", "b")))
    model = made.root["model"]
    assert isinstance(model, Record)
    assert isinstance(model.state, dict)
    layers = model.state["_modules"]["model"].state["_modules"]
    head = layers["24"].state
    first = layers["0"].state["_modules"]["conv"].state
    match spoil:
        case "NaN":
            first["_parameters"]["weight"].array[0, 0, 0, 0] = np.nan
        case "anchors":
            head["_buffers"]["anchors"] = NewTensor(np.full((3, 3, 2), np.inf, np.float16))
        case "strides":
            del head["stride"]
        case "head":
            head["nc"] = 7
        case "wiring":
            layers["3"].state["f"] = 5
        case "nested":
            empty = {"_modules": {}, "_parameters": {}, "_buffers": {}}
            layers["1"].state["_modules"]["conv"] = Record("torch.nn.modules.container.Sequential", (), empty)
        case "shape":
            first["out_channels"] = 99
        case "padding":
            first["padding_mode"] = "reflect"
        case _:
            pass
    path.write_bytes(checkpoint_bytes(made.root))
    return path


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("NaN", "hold 1 values that are NaN or infinite"),
        ("no classes", "0 classes"),
        ("anchors", "anchors are not finite"),
        ("strides", "has no strides"),
        ("head", r"gives 21 values a cell; 3 anchors × 12 values \(7 classes\) were expected"),
        ("wiring", "layer 3: .*does not come before it"),
        ("nested", "layer 1: .*is not a whole number"),
        ("shape", "layer 0: .*has 99 channels, the batch norm behind it 8"),
        ("padding", "only padding with zeros"),
    ],
)
def test_models_that_cannot_be_right_are_refused(spoil: str, reason: str, tmp_path: Path) -> None:
    path = spoiled(tmp_path / "spoiled.pt", spoil)
    with pytest.raises(WeightsRefused, match=reason), WeightsSource(path) as source:
        for _ in source.load():
            pass


def test_modules_nested_without_end() -> None:
    inner = Record("torch.nn.modules.container.Sequential", (), {"_modules": {}})
    for _ in range(100):  # each level names the next one twice: 2¹⁰⁰ modules to a naive walk
        inner = Record(inner.name, (), {"_modules": {"0": inner, "1": inner}})
    with pytest.raises(WeightsRefused, match="nested without end"):
        list(Module(inner, "").walk())


def test_a_state_dict_alone_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save(nn.Conv2d(3, 8, 3).state_dict(), path)
    with pytest.raises(WeightsRefused, match="a state dict of a network that is not known"):
        inspect(path)


def test_a_torchscript_file_is_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    with pytest.warns(DeprecationWarning):
        torch.jit.save(torch.jit.trace(nn.Conv2d(3, 8, 3), torch.rand(1, 3, 8, 8)), path)
    with pytest.raises(WeightsRefused, match="TorchScript"):
        inspect(path)
