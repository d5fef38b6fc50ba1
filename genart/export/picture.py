"""Pictures of other programs, as pixels. It knows no recipe."""

import io

import numpy as np
from PIL import Image, ImageOps

from genart.errors import BadRecipe

READABLE = ("PNG", "JPEG", "WEBP", "GIF")
MAX_PIXELS = 50 * 10**6
LARGE = 2048  # a JPEG is decoded near this size, in a fraction of the time


def pixels_of(data: bytes) -> np.ndarray:
    """The picture in an image file, uint8 (H, W, 3), upright; nothing else that the file says is kept.

    Raises BadRecipe for a file that is no picture, or one of more than MAX_PIXELS.
    """
    try:
        with Image.open(io.BytesIO(data), formats=READABLE) as image:
            if image.width * image.height > MAX_PIXELS:
                raise BadRecipe(
                    f"The picture has {image.width} x {image.height} pixels; use one of at most {MAX_PIXELS // 10**6} million."
                )
            image.draft("RGB", (LARGE, LARGE))
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except BadRecipe:
        raise
    except Exception as error:  # Pillow raises what the damaged bytes make it raise
        raise BadRecipe(f"The file is no readable picture ({type(error).__name__}); use PNG, JPEG, WebP or GIF.") from None
