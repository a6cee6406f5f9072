"""Genuine files with something changed where their formats have a structure, thousands of them, each by its number.

`PYTHONPATH=tests python -m support.fuzz --cases 2000 --seed 1` tries them by hand; see `--help`.
"""
