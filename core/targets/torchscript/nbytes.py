"""How many bytes a TorchScript file will have, before torch is imported: to about a twentieth of a percent.

The file is a zip archive (`archive.py`). The tensors lie in it uncompressed, at places known to
the byte. All else is generated code, deflated, and the pickled module tree; that part is a linear fit in the number of
modules and of layers.
"""

from __future__ import annotations

from ...network.layers import layers_of
from ...network.network import Network
from ...precisions import Precision
from ...readings.weigher import weight_tensors

ALIGNMENT = 64  # bytes; each record's data begins at a multiple, as torch's own writer has it, so that it can be mapped
LOCAL_HEADER, EXTRA_FIELD, _DIRECTORY_ENTRY = 30, 4, 46  # bytes, without names; of the zip format
# Least squares over 54 files of torch 2.13 (YOLOv5 v2.0 to master, segmentation, P6, sizes n, s and m; the three
# DBNets; FP32 and FP16): off by 900 bytes and by 0.05 % of a file at most. A module has a record and a directory entry
# of its own; a layer has its line of code, and two entries in the pickled tree.
_BYTES_A_MODULE, _BYTES_A_LAYER, _BYTES_A_FILE = 569, 177, 481


def torchscript_nbytes(network: Network, config: str, precision: Precision) -> int:
    """The bytes of the file that holds the network, in a precision, and `config`."""
    layers = list(layers_of(network.body))
    end = directory = 0
    for index, size in enumerate(weight_tensors(network, precision.weights.itemsize)):
        name = len(f"archive/data/{index}")
        start = end + LOCAL_HEADER + name + EXTRA_FIELD
        end = -(-start // ALIGNMENT) * ALIGNMENT + size
        directory += _DIRECTORY_ENTRY + name
    modules = {""}
    for layer in layers:
        parts = layer.name.split(".")
        modules.update(".".join(parts[: depth + 1]) for depth in range(len(parts)))
    code = len(modules) * _BYTES_A_MODULE + len(layers) * _BYTES_A_LAYER + _BYTES_A_FILE
    return end + directory + code + len(config)
