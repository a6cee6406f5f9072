"""run: a network computed by torch: what becomes TorchScript, and what runs on a GPU.

Memory follows the description: an activation works in place on the tensor made one line above, and a view
that would need a copy fails loudly. The weigher relies on both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..network.layers import Activation, Constant, Conv2d, ConvTranspose2d, Layer, Pair, layers_of
from ..network.network import Network
from ..precisions.dtype import DType


def torch_dtype(dtype: DType) -> torch.dtype:
    """A type as torch has it."""
    return getattr(torch, dtype.name)


class Slot(nn.Module):
    """A place in the module tree, so that parameters are called as in the checkpoint."""

    weight: nn.Parameter
    bias: nn.Parameter
    value: Tensor


class TorchRunner(nn.Module):
    """A network as a module. Weights are parameters; constants are buffers that stay float32.

    The input is cast to the first weight's dtype, so that it follows a file whose weights are converted after loading.
    The outputs are what the input is if that is narrow, else float32 at least.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self._slots: dict[Layer, Slot] = {}
        for layer in layers_of(network.body):
            slot = self._slot(layer.name)
            if isinstance(layer, Constant):
                slot.register_buffer("value", torch.from_numpy(layer.value))
            else:
                for name, array in layer.weights._asdict().items():
                    slot.register_parameter(name, nn.Parameter(torch.from_numpy(array), requires_grad=False))
            self._slots[layer] = slot
        self.eval()

    def _slot(self, name: str) -> Slot:
        module: nn.Module = self
        for part in name.split("."):
            if part not in module._modules:
                module.add_module(part, Slot())
            module = module.get_submodule(part)
        assert isinstance(module, Slot)
        return module

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> TorchRunner:
        """Move or convert, as `nn.Module` does, but leave constants in float32."""
        super()._apply(fn, recurse)
        for layer, slot in self._slots.items():
            if isinstance(layer, Constant) and slot.value.dtype in (torch.float16, torch.bfloat16):
                slot.value = torch.from_numpy(layer.value).to(slot.value.device)
        return self

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network.body(self, x.type_as(next(self.parameters())))
        return tuple(y.type_as(x) if x.dtype == torch.float16 else self.float32(y) for y in outputs)

    # ---- convolutions and windows

    def conv(self, x: Tensor, layer: Conv2d, act: Activation | None = None) -> Tensor:
        slot = self._slots[layer]
        y = F.conv2d(x, slot.weight, slot.bias, layer.stride, layer.padding, layer.dilation, layer.groups)
        return _activated(y, act)

    def conv_transpose(self, x: Tensor, layer: ConvTranspose2d, act: Activation | None = None) -> Tensor:
        slot = self._slots[layer]
        y = F.conv_transpose2d(x, slot.weight, slot.bias, layer.stride, layer.padding, 0, layer.groups)
        return _activated(y, act)

    def max_pool(self, x: Tensor, kernel: Pair, stride: Pair, padding: Pair) -> Tensor:
        return F.max_pool2d(x, kernel, stride, padding)

    def mean_hw(self, x: Tensor, channels: int) -> Tensor:
        return x.mean((2, 3), keepdim=True)

    # ---- moving elements

    def pad(self, x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
        return F.pad(x, (left, right, top, bottom))

    def upsample(self, x: Tensor, scale: int) -> Tensor:
        return F.interpolate(x, scale_factor=float(scale), mode="nearest")

    def space_to_depth(self, x: Tensor, block: int) -> Tensor:
        # By (un)flatten: arithmetic on sizes would become tensors of eight bytes in a TorchScript file.
        cells = x.unflatten(2, (-1, block)).unflatten(4, (-1, block))
        return self.permute(cells, (0, 3, 5, 1, 2, 4)).flatten(1, 3)

    def depth_to_space(self, x: Tensor, block: int) -> Tensor:
        cells = x.unflatten(1, (block, block, -1))
        return self.permute(cells, (0, 3, 4, 1, 5, 2)).flatten(4, 5).flatten(2, 3)

    def concat(self, xs: Sequence[Tensor], axis: int) -> Tensor:
        return torch.cat(tuple(xs), axis)

    def split(self, x: Tensor, sizes: Sequence[int], axis: int) -> Sequence[Tensor]:
        return torch.split(x, list(sizes), axis)

    def reshape(self, x: Tensor, dims: Sequence[int]) -> Tensor:
        return x.view([x.shape[i] if d == 0 else d for i, d in enumerate(dims)])

    def reshape_like(self, x: Tensor, like: Tensor) -> Tensor:
        return x.view(like.shape)

    def permute(self, x: Tensor, axes: Sequence[int]) -> Tensor:
        # Not `contiguous()`, which does nothing where the moved dimensions have one element.
        return x.permute(list(axes)).clone(memory_format=torch.contiguous_format)

    # ---- arithmetic

    def add(self, x: Tensor, y: Tensor | Constant | float, act: Activation | None = None) -> Tensor:
        return _activated(x + self._operand(y), act)

    def mul(self, x: Tensor, y: Tensor | Constant | float) -> Tensor:
        return x * self._operand(y)

    def matmul(self, x: Tensor, y: Tensor | Constant) -> Tensor:
        return torch.matmul(x, self._slots[y].value if isinstance(y, Constant) else y)

    def softmax(self, x: Tensor) -> Tensor:
        return torch.softmax(x, -1)

    def sigmoid(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)

    def sin(self, x: Tensor) -> Tensor:
        return torch.sin(x)

    def cos(self, x: Tensor) -> Tensor:
        return torch.cos(x)

    def float32(self, x: Tensor) -> Tensor:
        return x if x.dtype == torch.float64 else x.float()

    def grid(self, x: Tensor, offset: float) -> Tensor:
        # No arange: its device would be written into a TorchScript file.
        ones = torch.ones_like(x[0, 0])
        return torch.stack((ones.cumsum(1) + (offset - 1), ones.cumsum(0) + (offset - 1))).view(2, -1)

    def _operand(self, value: Tensor | Constant | float) -> Tensor | float:
        return self._slots[value].value if isinstance(value, Constant) else value


_IN_PLACE: dict[str, Callable[[Tensor, float], Tensor]] = {
    "silu": lambda x, _: F.silu(x, inplace=True),
    "relu": lambda x, _: F.relu_(x),
    "relu6": lambda x, _: F.relu6(x, inplace=True),
    "leaky_relu": lambda x, slope: F.leaky_relu_(x, slope),
    "elu": lambda x, alpha: F.elu_(x, alpha),
    "hardswish": lambda x, _: F.hardswish(x, inplace=True),
    "mish": lambda x, _: F.mish(x, inplace=True),
    "sigmoid": lambda x, _: x.sigmoid_(),
    "tanh": lambda x, _: x.tanh_(),
}


def _activated(x: Tensor, act: Activation | None) -> Tensor:
    return x if act is None else _IN_PLACE[act.kind](x, act.slope)
