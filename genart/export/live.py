"""Pictures for the screen: encoded in memory, as fast as their size allows."""

import io

import numpy as np
from PIL import Image

RAW_SIDE = 64
FULL_CHROMA_SIDE = 256
JPEG_QUALITY = 90


def screen(pixels: np.ndarray) -> tuple[str, bytes]:
    """uint8 (H, W, 3) as ("rgba" or "jpeg", bytes) that a browser can draw.

    Small pictures go out as plain pixels: at most 16 kB, nothing to encode or decode, and no
    8-pixel blocks when the screen enlarges them twenty times.
    """
    height, width = pixels.shape[:2]
    if max(height, width) <= RAW_SIDE:
        rgba = np.full((height, width, 4), 255, np.uint8)
        rgba[:, :, :3] = pixels
        return "rgba", rgba.tobytes()
    file = io.BytesIO()
    subsampling = 0 if max(height, width) <= FULL_CHROMA_SIDE else 2
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY, subsampling=subsampling)
    return "jpeg", file.getvalue()
