"""How figures are spelled: MB (10⁶ bytes) for files, MiB and GiB (2²⁰, 2³⁰) for memory."""

from __future__ import annotations


def megabytes(nbytes: int) -> str:
    """A file's size: `14.7 MB`, `0.023 MB`, `184 MB`."""
    value = nbytes / 1e6
    if value >= 100:
        return f"{value:,.0f} MB"
    if value >= 0.1:
        return f"{value:.1f} MB"
    return f"{value:.3f} MB" if value >= 0.001 else f"{nbytes} B"


def mebibytes(nbytes: float) -> str:
    """An amount of memory: `62.6 MiB`, `1.4 GiB`."""
    value = nbytes / 2**20
    return f"{value / 1024:.1f} GiB" if value >= 1024 else f"{value:.1f} MiB"


def mebibyte_range(low: float, high: float) -> str:
    """Between two amounts of memory: `202.0 MiB to 1.1 GiB`; one, where they are the same."""
    return mebibytes(high) if low == high else f"{mebibytes(low)} to {mebibytes(high)}"


def about_mebibytes(low: float, high: float) -> str:
    """A prediction between two amounts of memory as one figure: `about 534 MiB, ±20 %`."""
    middle = (low + high) / 2
    percent = round(100 * (high - low) / (high + low))
    amount = mebibytes(middle) if middle >= 2**30 else f"{middle / 2**20:.0f} MiB"
    return f"about {amount}, ±{percent} %"


def figure(value: float) -> str:
    """A measured figure with two digits that matter: `230`, `1.2`, `0.0031`, `2.4e-06`."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def spelled_dtype(dtype: str) -> str:
    """A dtype for people: `FP16` for float16, `INT64` for int64."""
    return dtype.replace("bfloat", "bf").replace("float", "fp").upper()


def seconds_in_words(seconds: float) -> str:
    """A time that people can compare: `4 s`, `2 m 5 s`, `1 h 12 m`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} m {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} m"
