"""OpenVINO, imported without its telemetry: it would tell its maker of every import."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, cast

# It does without what cannot be imported.
cast(dict[str, Any], sys.modules).setdefault("openvino_telemetry", None)

# An extra: where it is not installed, nothing is known of its types.
openvino: Any = import_module("openvino")
passes: Any = import_module("openvino.passes")
