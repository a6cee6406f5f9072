"""A sample YOLOv5 checkpoint: the layout that the yolov5 repository saves since v6.0, with untrained weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..weights.pickled import Record
from ..weights.writer import NewTensor

# Width and height of the anchors, px, at the strides 8, 16 and 32: those published for COCO.
_ANCHORS = ((10, 13, 16, 30, 33, 23), (30, 61, 62, 45, 59, 119), (116, 90, 156, 198, 373, 326))
_STRIDES = (8, 16, 32)
_HOOKS = ("_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_state_dict_hooks")


@dataclass(frozen=True)
class SampleSpec:
    """A network's size and classes. Depth 0.33 with width 0.25 is yolov5n, with width 0.5 yolov5s."""

    depth: float = 0.33
    width: float = 0.25
    names: tuple[str, ...] = tuple(f"untrained{i}" for i in range(80))
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Norm:
    """The arrays of a batch norm; its mean and variance are set once the network has seen images."""

    weight: NDArray[np.float16]
    bias: NDArray[np.float16]
    mean: NDArray[np.float16]
    variance: NDArray[np.float16]


@dataclass(frozen=True)
class Sample:
    """A checkpoint's root value, and the batch norms in it, by the path of the convolution before each."""

    root: dict[str, object]
    norms: Mapping[str, Norm]


def sample(spec: SampleSpec) -> Sample:
    """A release-form checkpoint with seeded random weights in FP16, and batch norms that have seen nothing yet."""
    builder = _Builder(spec)
    layers = builder.layers()
    names = dict(enumerate(spec.names))
    model = _module(
        "models.yolo.DetectionModel",
        {"model": _sequential(layers)},
        yaml={"nc": len(names), "depth_multiple": spec.depth, "width_multiple": spec.width, "ch": 3},
        save=[4, 6, 10, 14, 17, 20, 23],
        names=names,
        inplace=True,
        stride=_floats(_STRIDES),
    )
    root: dict[str, object] = {"epoch": -1, "best_fitness": None, "model": model, "ema": None, "updates": None}
    root |= {"optimizer": None, "opt": None, "git": None, "date": None}
    return Sample(root, builder.norms)


class _Builder:
    """Makes the modules, remembering the batch norms."""

    def __init__(self, spec: SampleSpec) -> None:
        self._spec = spec
        self._random = np.random.default_rng(spec.seed)
        self.norms: dict[str, Norm] = {}

    def layers(self) -> list[Record]:
        """The layers of the v6.0 network: backbone, PANet, head. Each is told its index and its sources."""
        w, n = self._channels, self._repeats
        made: list[Record] = []

        def add(record: Record, *sources: int) -> None:
            assert isinstance(record.state, dict)
            source = (sources[0] if len(sources) == 1 else list(sources)) if sources else -1
            record.state.update(i=len(made), f=source, type=record.name)
            made.append(record)

        def at(kind: str = "model") -> str:
            return f"{kind}.{len(made)}"

        add(self._conv(at(), 3, w(64), 6, 2, padding=2))
        for before, after, repeats in ((64, 128, 3), (128, 256, 6), (256, 512, 9), (512, 1024, 3)):
            add(self._conv(at(), w(before), w(after), 3, 2))
            add(self._c3(at(), w(after), w(after), n(repeats)))
        add(self._sppf(at(), w(1024)))
        for channels, after, skip in ((1024, 512, 6), (512, 256, 4)):
            add(self._conv(at(), w(channels), w(after), 1, 1))
            add(_upsample())
            add(_concat(), -1, skip)
            add(self._c3(at(), 2 * w(after), w(after), n(3), shortcut=False))
            # The first of the two is followed by a reduction to the next width, which the loop begins with.
        for channels, skip in ((256, 14), (512, 10)):
            add(self._conv(at(), w(channels), w(channels), 3, 2))
            add(_concat(), -1, skip)
            add(self._c3(at(), 2 * w(channels), w(2 * channels), n(3), shortcut=False))
        add(self._detect((w(256), w(512), w(1024))), 17, 20, 23)
        return made

    def _channels(self, count: int) -> int:
        return math.ceil(count * self._spec.width / 8) * 8

    def _repeats(self, count: int) -> int:
        return max(round(count * self._spec.depth), 1)

    def _normal(self, *shape: int, scale: float) -> NDArray[np.float16]:
        return (self._random.standard_normal(shape) * scale).astype(np.float16)

    def _conv2d(self, c1: int, c2: int, k: int, s: int, padding: int, *, bias: bool = False) -> Record:
        # The head's weights (the ones with a bias) are small, so that boxes stay near their anchors.
        weight = self._normal(c2, c1, k, k, scale=math.sqrt(2 / (c1 * k * k)) * (0.05 if bias else 1))
        return _module(
            "torch.nn.modules.conv.Conv2d",
            parameters={"weight": weight, "bias": self._normal(c2, scale=0.5) if bias else None},
            in_channels=c1,
            out_channels=c2,
            kernel_size=(k, k),
            stride=(s, s),
            padding=(padding, padding),
            dilation=(1, 1),
            transposed=False,
            output_padding=(0, 0),
            groups=1,
            padding_mode="zeros",
            _reversed_padding_repeated_twice=(padding,) * 4,
        )

    def _conv(self, path: str, c1: int, c2: int, k: int, s: int, padding: int | None = None) -> Record:
        norm = Norm(
            weight=(0.5 + 0.05 * self._random.standard_normal(c2)).astype(np.float16),
            bias=self._normal(c2, scale=0.1),
            mean=np.zeros(c2, np.float16),
            variance=np.ones(c2, np.float16),
        )
        self.norms[f"{path}.conv"] = norm
        batch_norm = _module(
            "torch.nn.modules.batchnorm.BatchNorm2d",
            parameters={"weight": norm.weight, "bias": norm.bias},
            buffers={
                "running_mean": norm.mean,
                "running_var": norm.variance,
                "num_batches_tracked": np.array(1, np.int64),
            },
            num_features=c2,
            eps=0.001,
            momentum=0.03,
            affine=True,
            track_running_stats=True,
        )
        conv = self._conv2d(c1, c2, k, s, k // 2 if padding is None else padding)
        act = _module("torch.nn.modules.activation.SiLU", inplace=True)
        return _module("models.common.Conv", {"conv": conv, "bn": batch_norm, "act": act})

    def _bottleneck(self, path: str, channels: int, shortcut: bool) -> Record:
        return _module(
            "models.common.Bottleneck",
            {
                "cv1": self._conv(f"{path}.cv1", channels, channels, 1, 1),
                "cv2": self._conv(f"{path}.cv2", channels, channels, 3, 1),
            },
            add=shortcut,
        )

    def _c3(self, path: str, c1: int, c2: int, repeats: int, *, shortcut: bool = True) -> Record:
        hidden = c2 // 2
        inner = [self._bottleneck(f"{path}.m.{i}", hidden, shortcut) for i in range(repeats)]
        return _module(
            "models.common.C3",
            {
                "cv1": self._conv(f"{path}.cv1", c1, hidden, 1, 1),
                "cv2": self._conv(f"{path}.cv2", c1, hidden, 1, 1),
                "cv3": self._conv(f"{path}.cv3", 2 * hidden, c2, 1, 1),
                "m": _sequential(inner),
            },
        )

    def _sppf(self, path: str, channels: int) -> Record:
        hidden = channels // 2
        pool = _module(
            "torch.nn.modules.pooling.MaxPool2d",
            kernel_size=5,
            stride=1,
            padding=2,
            dilation=1,
            return_indices=False,
            ceil_mode=False,
        )
        return _module(
            "models.common.SPPF",
            {
                "cv1": self._conv(f"{path}.cv1", channels, hidden, 1, 1),
                "cv2": self._conv(f"{path}.cv2", 4 * hidden, channels, 1, 1),
                "m": pool,
            },
        )

    def _detect(self, channels: Sequence[int]) -> Record:
        classes = len(self._spec.names)
        values = classes + 5
        anchors = np.array(_ANCHORS, np.float32).reshape(3, 3, 2) / np.array(_STRIDES, np.float32)[:, None, None]
        convs = [self._conv2d(c, 3 * values, 1, 1, 0, bias=True) for c in channels]
        return _module(
            "models.yolo.Detect",
            {"m": _container("ModuleList", convs)},
            buffers={"anchors": anchors.astype(np.float16)},
            nc=classes,
            no=values,
            nl=3,
            na=3,
            inplace=True,
            stride=_floats(_STRIDES),
        )


def _module(
    name: str,
    children: Mapping[str, Record] | None = None,
    *,
    parameters: Mapping[str, NDArray[np.generic] | None] | None = None,
    buffers: Mapping[str, NDArray[np.generic]] | None = None,
    **attributes: object,
) -> Record:
    """An `nn.Module` as torch pickles it."""
    state: dict[str, object] = {
        "training": False,
        "_parameters": {k: None if a is None else NewTensor(a, parameter=True) for k, a in (parameters or {}).items()},
        "_buffers": {k: NewTensor(a) for k, a in (buffers or {}).items()},
        "_non_persistent_buffers_set": Record("__builtin__.set", ([],)),
        **{name: {} for name in _HOOKS},
        "_modules": dict(children or {}),
        **attributes,
    }
    return Record(name, (), state)


def _container(kind: str, modules: Sequence[Record]) -> Record:
    return _module(f"torch.nn.modules.container.{kind}", {str(i): module for i, module in enumerate(modules)})


def _sequential(modules: Sequence[Record]) -> Record:
    return _container("Sequential", modules)


def _upsample() -> Record:
    return _module(
        "torch.nn.modules.upsampling.Upsample", size=None, scale_factor=2.0, mode="nearest", align_corners=None
    )


def _concat() -> Record:
    return _module("models.common.Concat", d=1)


def _floats(values: Sequence[float]) -> NewTensor:
    return NewTensor(np.array(values, np.float32))
