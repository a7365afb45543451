"""What a measurement ran on, and how its figures are told: medians, spreads, ratios to a peer."""

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

PACKAGES = ("reflex", "uvicorn", "uvloop", "python-socketio", "sqlalchemy", "psycopg", "redis")


def describe(**servers: str) -> str:
    """Return the machine, the versions of what was measured, and how busy it was before."""
    kernel = f"{platform.system()} {platform.release()}"
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES]
    versions += [f"{name} {version}" for name, version in servers.items()]
    return "\n".join(
        [
            f"machine   {_processor()}, {cores()} cores, {_memory_gib():.0f} GiB, {kernel}",
            f"versions  {', '.join(versions)}",
            f"load      {os.getloadavg()[0]:.2f} in the minute before",
        ]
    )


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def median(values: Sequence[float]) -> float:
    """Return the middle of the values."""
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, int(rank) - 1)]


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Return the median, and from least to most where there is more than one value."""
    middle = f"{median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def line(
    label: str,
    values: Sequence[float],
    unit: str,
    *,
    digits: int = 1,
    peer: tuple[str, float, float] | None = None,
) -> str:
    """Return one measured line, beside its peer's range and the ratio to the range's middle."""
    told = f"{label:<44} {spread(values, digits):>24} {unit:<6}"
    if peer is None:
        return told.rstrip()
    name, low, high = peer
    span = f"{low:g}" if low == high else f"{low:g}-{high:g}"
    ratio = median(values) / ((low + high) / 2)
    return f"{told} {name} {span} {unit}: x {ratio:.2f}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [each.partition(":")[2].strip() for each in lines if each.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
