"""The core library: inspecting, exporting, halving and verifying detector weights. No terminal in here."""

import os

# ONNX Runtime 1.31 keeps a data base below the user's cache folder, with an identifier of the machine, and sends it to
# its maker. It reads this when it is imported, in this process and in those started from here.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
