"""The version, in one place: packaging, `--version` and every artifact's metadata read it here."""

VERSION = "0.1.0"
