"""What this machine lends us: its processors, and settings that must precede torch. No torch here."""

import ctypes
import math
import os
import platform
from functools import cache
from pathlib import Path

# Of glibc's malloc.h: M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD, in bytes.
MALLOPT = {-3: 2**30, -1: 2**29, -2: 2**26}


def prepare() -> None:
    """Set thread count and wait policy in the environment; call before torch is imported.

    OpenMP threads that spin at every barrier make a model 2 to 13 times slower as soon as
    another process wants the core. A fixed thread count also keeps pictures bit-identical.
    Large pages spare large networks a tenth of their time, spent in page faults.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OMP_NUM_THREADS", str(processors()))
    keep_memory()


def keep_memory() -> None:
    """Tells glibc to keep what large tensors give back: asking the system anew costs up to a third of a picture's time."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library
        return
    for option, value in MALLOPT.items():
        mallopt(option, value)


def processors() -> int:
    """Processors this process may use: the affinity mask, cut down to the cgroup's quota."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(usable, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):
        return usable


@cache
def processor() -> str:
    """What kind of processor this is, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
