"""How many bytes a TorchScript file will have, before torch is imported: to about a tenth of a percent.

The file is an uncompressed zip archive. The tensors are laid out to the byte, as torch's archive writer does
(caffe2/serialize/inline_container.cc): each record starts at a multiple of 64 bytes and ends with a descriptor.
All else is generated code, its debug text and the pickled module tree, some of it deflated by torch; that part is
a linear fit in the number of modules and of layers.
"""

from __future__ import annotations

from ..network.layers import layers_of
from ..network.network import Network
from .weigher import weight_tensors

_ALIGNMENT, _LOCAL_HEADER, _EXTRA_FIELD, _DESCRIPTOR, _DIRECTORY_ENTRY = 64, 30, 4, 16, 46
# Least squares over 24 files of torch 2.13 (YOLOv5 v2.0 to master, segmentation, P6, sizes n, s and m; FP32 and
# FP16): off by 1,600 bytes and by 0.09 % of a file at most. A module has two records and two directory entries of
# its own; a layer has its line of code, the line's origin, and two entries in the pickled tree.
_BYTES_A_MODULE, _BYTES_A_LAYER, _BYTES_A_FILE = 952, 426, 4_190


def torchscript_nbytes(network: Network, config: str, *, half: bool) -> int:
    """The bytes of the file that holds the network and `config`. `half`: the weights are float16."""
    layers = list(layers_of(network.body))
    end = directory = 0
    for index, size in enumerate(weight_tensors(network, 2 if half else 4)):
        name = len(f"archive/data/{index}")
        start = end + _LOCAL_HEADER + name + _EXTRA_FIELD
        end = -(-start // _ALIGNMENT) * _ALIGNMENT + size + _DESCRIPTOR
        directory += _DIRECTORY_ENTRY + name
    modules = {""}
    for layer in layers:
        parts = layer.name.split(".")
        modules.update(".".join(parts[: depth + 1]) for depth in range(len(parts)))
    code = len(modules) * _BYTES_A_MODULE + len(layers) * _BYTES_A_LAYER + _BYTES_A_FILE
    return end + directory + code + len(config)
