"""The device that pictures are made on. It knows no model."""

import torch

from genart.errors import GenartError, quote

DEVICES = ("cuda", "mps", "xpu", "cpu")


def pick_device(name: str | None = None) -> torch.device:
    """The named device, or the fastest that is here."""
    present = [kind for kind in DEVICES if kind == "cpu" or torch.get_device_module(kind).is_available()]
    if name is None:
        return torch.device(present[0])
    if name.split(":")[0] not in present:
        raise GenartError(f"Device {quote(name)} is not on this machine; use {' or '.join(present)}.")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise GenartError(f"Device {quote(name)} cannot be read; write for example {present[0]}.") from None
    count = torch.get_device_module(device).device_count()
    if (device.index or 0) >= count:
        raise GenartError(f"Device {quote(name)} is not on this machine; it has {count} of its kind, counted from 0.")
    return device


def is_out_of_memory(error: Exception) -> bool:
    """CUDA and Python have exceptions of their own; the other devices say it in words only."""
    words = ("out of memory", "can't allocate memory")
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(word in str(error) for word in words)
