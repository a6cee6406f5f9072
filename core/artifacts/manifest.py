"""The manifest beside the artifacts: where they come from, what they take and give, and how well they were verified."""

from __future__ import annotations
