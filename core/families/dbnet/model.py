"""The DBNet in a state dict: which variant its keys are of, and the facts that it and its folder tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ...network.network import Component, Network, Output
from ...network.preparation import Pixels
from ...network.result import Mask
from ...shapes import Preset, Sizes, neighbours
from ...weights.folder import configuration
from ..blueprint import Blueprint
from ..family import Facts
from ..state_dict import StateDict, unwrapped
from . import NAME
from .detector import DBNet, light_decoder, pyramid_decoder
from .proxylessnas import proxylessnas
from .resnet import resnet

STRIDE = 32  # of the smallest feature map
_TRAINING_ONLY = ("decoder.thresh.",)
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")
# What ModelScope's code does: it subtracts the means in this order from BGR.
PIXELS = Pixels("BGR", (123.68, 116.78, 103.94))
_THRESHOLD = 0.3  # of the paper's own code and of PP-OCR
_SIZES = (
    Preset(800, 800, "default"),
    Preset(640, 640),
    Preset(960, 960),
    Preset(1024, 1024),
    Preset(1280, 736),
    Preset(1408, 800),
)
# px, a side: what the presets span, and narrower for strips of text; ModelScope's own short side is 736.
_RECOMMENDED = (480, 1536)

_VARIANTS: Mapping[str, Callable[[Blueprint], DBNet]] = {
    "resnet18": lambda b: DBNet(resnet(b, (2, 2, 2, 2), bottleneck=False), pyramid_decoder(b, (64, 128, 256, 512))),
    "resnet50_vlpt": lambda b: DBNet(
        resnet(b, (3, 4, 6, 3), bottleneck=True), pyramid_decoder(b, (256, 512, 1024, 2048))
    ),
    "proxylessnas": lambda b: DBNet(proxylessnas(b), light_decoder(b, (32, 64, 96, 128))),
}


def matching(state: StateDict, path: Path) -> DBNetModel | None:
    """The variant of which the state dict of the weights at `path` has at least half of the tensors."""
    fits = {variant: unwrapped(state, keys.keys()) for variant, keys in needed().items()}
    shares = {variant: _share(fits[variant], keys) for variant, keys in needed().items()}
    variant = max(shares, key=lambda name: shares[name])
    return DBNetModel(variant, fits[variant], configuration(path)) if shares[variant] >= 0.5 else None


@cache
def needed() -> Mapping[str, Mapping[str, tuple[int, ...]]]:
    """By variant: every key that its network is made of, and the shape of its tensor."""
    found: dict[str, Mapping[str, tuple[int, ...]]] = {}
    for variant, describe in _VARIANTS.items():
        blueprint = Blueprint({})
        describe(blueprint)
        found[variant] = blueprint.needed
    return found


def _share(state: StateDict, keys: Mapping[str, tuple[int, ...]]) -> float:
    """How many of a network's tensors the state dict has in their shape, of all that the network needs."""
    return sum(key in keys and tensor.shape == keys[key] for key, tensor in state.tensors.items()) / len(keys)


@dataclass(frozen=True, eq=False)
class DBNetModel:
    """A DBNet in a checkpoint: which variant, its state dict, and its folder's configuration."""

    variant: str
    state: StateDict
    configuration: Mapping[str, Any]

    @property
    def part(self) -> str:
        return self.state.part

    @property
    def tensors(self) -> object:
        return [tensor for key, tensor in self.state.tensors.items() if not key.startswith(_TRAINING_ONLY)]

    @property
    def dropped(self) -> Mapping[str, object]:
        branch = [tensor for key, tensor in self.state.tensors.items() if key.startswith(_TRAINING_ONLY)]
        return {"threshold branch (training only)": branch}

    @property
    def parameters(self) -> int:
        return sum(tensor.numel for key, tensor in self.state.tensors.items() if not key.endswith(_BUFFERS))

    def facts(self) -> Facts:
        return Facts(
            family=NAME,
            variant=f"dbnet-{self.variant}",
            era="ModelScope",
            task="text",
            stride=STRIDE,
            channels=3,
            names={},
            training_size=None,
            sizes=self._sizes(),
            threshold=self._threshold(),
        )

    def network(self) -> Network:
        blueprint = Blueprint(self.state.tensors)
        body = _VARIANTS[self.variant](blueprint)
        blueprint.check(_TRAINING_ONLY)
        return Network(
            family=NAME,
            task="text",
            body=body,
            channels=3,
            stride=STRIDE,
            outputs=(Output("pred", ("batch", 1, "height", "width")),),
            components=(Component("map", 0),),
            names={},
            result=Mask(0, self._threshold()),
            pixels=PIXELS,
        )

    def _threshold(self) -> float:
        match self.configuration:
            case {"model": {"inference_kwargs": {"thresh": float(threshold)}}} if 0 < threshold < 1:
                return threshold
            case _:
                return _THRESHOLD

    def _sizes(self) -> Sizes:
        """The presets, and a square of the short side that the model's configuration wants images to have."""
        match self.configuration:
            case {"model": {"inference_kwargs": {"image_short_side": int(side)}}} if 0 < side <= 4096:
                legal = min(neighbours(side, STRIDE), key=lambda near: abs(near - side))
                own = Preset(legal, legal, "short side of configuration.json")
                presets = (*(preset for preset in _SIZES if preset.size != own.size), own)
                return Sizes(presets, (min(_RECOMMENDED[0], legal), max(_RECOMMENDED[1], legal)))
            case _:
                return Sizes(_SIZES, _RECOMMENDED)
