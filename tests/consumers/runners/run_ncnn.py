"""ncnn, through pnnx: the file is converted for one size."""

import shutil
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ncnn
import numpy as np
import pnnx
from batch import serve

PNNX = Path(pnnx.__file__).with_name("pnnx")


def answer(file: Path, images: list[Any], outputs: list[str], way: str) -> list[Any]:
    """`way`: fp32, or as pnnx does by itself: weights in FP16. Arithmetic is in FP32, whatever the CPU can."""
    (image,) = images
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = shutil.copy(file, folder / f"model{file.suffix}")
        command = [
            PNNX,
            source,
            f"inputshape=[{','.join(map(str, image.shape))}]",
            *(["fp16=0"] if way == "fp32" else []),
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode or not (folder / "model.ncnn.bin").exists():
            raise RuntimeError(f"pnnx ended with {done.returncode}: {(done.stderr + done.stdout)[-2000:]}")
        net = ncnn.Net()
        net.opt.num_threads = 1
        net.opt.use_vulkan_compute = False
        net.opt.use_fp16_arithmetic = net.opt.use_bf16_storage = False
        if way == "fp32":
            net.opt.use_fp16_packed = net.opt.use_fp16_storage = False
        if net.load_param(str(folder / "model.ncnn.param")) or net.load_model(str(folder / "model.ncnn.bin")):
            lines = [line.split() for line in (folder / "model.ncnn.param").read_text().splitlines()[2:]]
            raise RuntimeError(f"ncnn does not load a network of {', '.join(sorted({line[0] for line in lines}))}")
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(image[0]).clone())
        answers = [extractor.extract(output) for output in net.output_names()]
        if any(code for code, _ in answers):
            raise RuntimeError(f"ncnn answers {[code for code, _ in answers]}")
        return [[np.array(y)[None] for _, y in answers]]


serve(f"{version('ncnn')} (pnnx {version('pnnx')})", answer)
