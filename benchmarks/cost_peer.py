"""YOLOv5's own `export.py`, in a checkout and an environment that the user has: what it is asked, and its checkpoints.

It goes by the checkout's command line and by the name of its class of models; nothing of it is here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from machine import user_environment

# A checkpoint in the form of those that training leaves. The weights are drawn; images of coloured patches settle the
# batch norms, for where a network's answer hardly depends on the image, there is nothing to verify. With gains of one
# in place of a half, drawn weights as deep as yolov5x make several pixels of FP32's rounding, in PyTorch too.
_CHECKPOINT = """
import sys, torch
checkout, size, path = sys.argv[1:]
sys.path.insert(0, checkout)
from models.yolo import Model
torch.manual_seed(0)
model = Model(f"{checkout}/models/{size}.yaml", ch=3, nc=80)
for module in model.modules():
    if isinstance(module, torch.nn.BatchNorm2d):
        module.momentum = None  # the mean of all that it sees from now on
        module.reset_running_stats()
        torch.nn.init.constant_(module.weight, 0.5)
with torch.no_grad():
    for patches in (5, 20):
        image = torch.rand(2, 3, patches, patches)
        model.train()(torch.nn.functional.interpolate(image, size=320))
model.names = [f"untrained{i}" for i in range(80)]
torch.save({"epoch": -1, "model": model.half(), "ema": None, "optimizer": None}, path)
"""
_VERSIONS = """
import json, sys
from importlib.metadata import version
names = ("torch", "torchvision", "ultralytics", "onnx", "onnxslim", "numpy")
print(json.dumps({"python": sys.version.split()[0]} | {name: version(name) for name in names}))
"""


@dataclass(frozen=True)
class Peer:
    """A checkout of YOLOv5 and the Python that runs it. `folder`: where it may write."""

    checkout: Path
    python: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """No network, no installation on the way, no settings in the user's home."""
        quiet = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "false", "YOLO_CONFIG_DIR": str(self.folder)}
        return {**user_environment(), **quiet}

    def export(self, weights: Path, options: tuple[str, ...]) -> list[str]:
        """The command that exports its own copy of the weights, for it writes beside them."""
        own = self.folder / weights.name
        if not own.exists():
            shutil.copyfile(weights, own)
        script = str(self.checkout / "export.py")
        return [self.python, script, "--weights", str(own), "--device", "cpu", "--batch-size", "1", *options]

    def write(self, size: str, path: Path) -> None:
        """Write an untrained checkpoint; `size` as in the checkout's `models/`, such as `yolov5s`."""
        self._run(_CHECKPOINT, str(self.checkout), size, str(path))

    def describe(self) -> dict[str, str]:
        """Its commit, and the versions that matter."""
        command = ["git", "-C", str(self.checkout), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        return {"commit": commit or "unknown", **json.loads(self._run(_VERSIONS))}

    def _run(self, script: str, *arguments: str) -> str:
        command = [self.python, "-c", script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self.environment)
        if done.returncode:
            raise SystemExit(f"{self.python} cannot run the checkout {self.checkout}:\n{done.stderr[-2000:]}")
        return done.stdout
