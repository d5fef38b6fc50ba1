"""PNG files that know how they were made: the recipe, readable text, and the mark of a made picture."""

import io
import json
from typing import Any, Sequence
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image, PngImagePlugin

from genart import __version__
from genart.errors import BadRecipe
from genart.recipe import MAX_CHARACTERS, Recipe

KEY = "genart"
SIZE_KEY = "genart size"
MAX_FILE = 40 * 2**20
MAX_DECODED = 4096 * 4096
MAX_PACKED = 2**20  # Pillow inflates no longer text
# The IPTC term for pictures made by a trained model; required reading for machines, not for people.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def png(pixels: np.ndarray, recipes: Recipe | Sequence[Recipe], credit: str = "", size: int | None = None) -> bytes:
    """A PNG of uint8 (H, W, 3) that carries its recipe, or the recipes of a contact sheet, and
    the `size` at which synthesis was stopped, if it was."""
    one = isinstance(recipes, Recipe)
    every = [recipes] if isinstance(recipes, Recipe) else list(recipes)
    text = every[0].to_json() if one else "[" + ",".join(recipe.to_json() for recipe in every) + "]"
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt(KEY, text, zip=2000 < len(text) < MAX_PACKED)
    if size is not None:
        chunks.add_itxt(SIZE_KEY, str(size))
    chunks.add_itxt("parameters", _readable(every, credit))
    chunks.add_itxt("Software", f"genart {__version__}")
    chunks.add_itxt("XML:com.adobe.xmp", _xmp(credit))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", pnginfo=chunks, compress_level=6)
    return file.getvalue()


def recipes_of(data: bytes) -> tuple[Recipe, ...]:
    """The recipe inside a PNG made here, or the recipes of a contact sheet, in order."""
    text = _texts(data).get(KEY)
    if text is None:
        raise BadRecipe("This picture carries no genart recipe; it was saved by another program, or its notes were stripped.")
    if not text.startswith("["):
        return (Recipe.from_json(text),)
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        items = None
    if not items:
        raise BadRecipe("The recipes in this contact sheet are damaged; open another copy of the file.")
    return tuple(Recipe.from_dict(item) for item in items)


def size_of(data: bytes) -> int | None:
    """The size at which synthesis was stopped for a PNG made here; None where it was not."""
    text = str(_texts(data).get(SIZE_KEY, ""))
    return int(text) if text.isdecimal() and len(text) <= 5 else None


def _texts(data: bytes) -> dict[str, Any]:
    """The text chunks of a PNG. The picture is decoded only where they may stand behind it."""
    if len(data) > MAX_FILE:
        raise BadRecipe(f"The file has {len(data) / 2**20:.0f} MB; a picture saved here has at most {MAX_FILE // 2**20} MB.")
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            texts: dict[Any, Any] = dict(image.info)
            small = image.width * image.height <= MAX_DECODED
            if KEY not in texts and small and isinstance(image, PngImagePlugin.PngImageFile):
                image.load()  # another program may have moved the notes behind the pixels
                texts = dict(image.text)
    except Exception as error:  # Pillow raises what the damaged bytes make it raise
        raise BadRecipe(f"The file is not a readable PNG ({type(error).__name__}); drop a picture saved by genart.") from None
    return {key: value for key, value in texts.items() if isinstance(value, str) and len(value) <= 64 * MAX_CHARACTERS}


def _readable(recipes: Sequence[Recipe], credit: str) -> str:
    lines = [
        f"model {recipe.model}, seeds {' '.join(str(anchor.seed) for anchor in recipe.anchors)}, psi {recipe.psi:g}"
        for recipe in recipes[:64]
    ]
    return "\n".join([*lines, f"made by a trained model with genart {__version__}", *([credit] if credit else [])])


def _xmp(credit: str) -> str:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
        f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}" photoshop:Credit="{escape(credit, {chr(34): "&quot;"})}"/>'
        "</rdf:RDF></x:xmpmeta>"
    )
