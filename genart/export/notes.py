"""What a file says about itself: recipe or walk, readable text, licence, and the mark of a made picture.

PNG files carry text chunks (`png.py`). All others carry one XMP packet, which by its design can be
found in a file without knowing the file's format; so a film dropped on the page is never decoded.
"""

import json
import re
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Iterator, Sequence
from xml.sax.saxutils import quoteattr

from genart import __version__
from genart.catalogue import Entry
from genart.errors import BadRecipe
from genart.hub.cache import record_of
from genart.recipe import MAX_CHARACTERS, Recipe
from genart.walk import Walk

if TYPE_CHECKING:
    from genart.studio import Studio

# The IPTC term for pictures made by a trained model; required reading for machines, not for people.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
NAMESPACES = {
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "genart": "urn:genart:1",
}
BEGIN, END = b"<?xpacket begin=", b"<?xpacket end="
MAX_PACKET = 4 * MAX_CHARACTERS
PACKETS = 16  # looked at in one file
SHOWN = 64  # recipes spelt out for a reader


@dataclass(frozen=True, slots=True)
class Notes:
    """`recipes` of a still or a sheet, or the `walk` of a film with how it was shown: see `Film` in film.py.

    `origin` is where the model's weights came from, as owner/name@revision:file.
    """

    recipes: tuple[Recipe, ...] = ()
    walk: Walk | None = None
    shown: str = ""
    credit: str = ""
    licence: str = ""
    origin: str = ""

    @property
    def text(self) -> str:
        """The notes for a reader."""
        recipes = [key.recipe for key in self.walk.keys] if self.walk else self.recipes
        lines = [
            f"model {recipe.model}, seeds {' '.join(str(anchor.seed) for anchor in recipe.anchors)}, psi {recipe.psi:g}"
            for recipe in recipes[:SHOWN]
        ]
        weights = dict.fromkeys(f"weights {recipe.weights}" for recipe in recipes if recipe.weights)
        origin = [f"weights from huggingface.co: {self.origin}"] if self.origin else []
        licence = [f"licence of the model: {self.licence}"] if self.licence else []
        trained = [f"trained on: {self.credit}"] if self.credit else []
        return "\n".join([*lines, *weights, *origin, f"made by a trained model with genart {__version__}", *trained, *licence])

    def xmp(self, *, whole: bool = True) -> bytes:
        """The notes as an XMP packet; not `whole` leaves out what a PNG says in chunks of its own."""
        values = {
            "Iptc4xmpExt:DigitalSourceType": SOURCE_TYPE,
            "photoshop:Credit": self.credit,
            "xmp:CreatorTool": f"genart {__version__}",
            "xmpRights:UsageTerms": self.licence,
            "dc:description": self.text,
            "genart:recipe": recipes_text(self.recipes) if whole else "",
            "genart:walk": self.walk.to_json() if self.walk and whole else "",
            "genart:film": self.shown if whole else "",
        }
        spaces = " ".join(f'xmlns:{name}="{address}"' for name, address in NAMESPACES.items())
        said = " ".join(f"{name}={_attribute(value)}" for name, value in values.items() if value)
        return (
            '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>'
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            f'<rdf:Description rdf:about="" {spaces} {said}/>'
            '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
        ).encode()


def of_recipes(studio: "Studio", recipes: Sequence[Recipe]) -> Notes:
    """The notes of a still or a sheet; its recipes name the weights."""
    stamped = tuple(studio.stamped(recipe) for recipe in recipes)
    entries = {recipe.model: studio.entry(recipe.model) for recipe in stamped}.values()
    return Notes(
        recipes=stamped,
        credit="; ".join(dict.fromkeys(entry.credit for entry in entries)),
        licence="; ".join(dict.fromkeys(entry.licence for entry in entries)),
        origin="; ".join(filter(None, map(origin_of, entries))),
    )


def of_walk(studio: "Studio", walk: Walk, shown: str) -> Notes:
    """The notes of a film."""
    entry = studio.entry(walk.model)
    stamped = walk.stamped(studio.resident(walk.model).loaded.sha256)
    return Notes(walk=stamped, shown=shown, credit=entry.credit, licence=entry.licence, origin=origin_of(entry))


def origin_of(entry: Entry) -> str:
    """Repository, revision and file of a model of the Hub, as its download recorded them; "" for any other."""
    record = record_of(entry.source) if entry.source else None
    return f"{record.repo}@{record.revision}:{record.file}" if record else ""


def read_packet(data: bytes) -> Notes | None:
    """What the XMP packets in a file's bytes say, of whatever format it is; None where they say nothing of genart."""
    for packet in _packets(data):
        recipe, walk = _said(packet, "recipe"), _said(packet, "walk")
        if recipe or walk:
            return Notes(
                recipes=_unpacked(recipe) if recipe else (),
                walk=Walk.from_json(walk) if walk else None,
                shown=_said(packet, "film"),
            )
    return None


def _packets(data: bytes) -> Iterator[str]:
    start = 0
    for _ in range(PACKETS):
        start = data.find(BEGIN, start)
        if start < 0:
            return
        end = data.find(END, start, start + MAX_PACKET)
        if end > 0:
            yield data[start:end].decode(errors="replace")
        start += len(BEGIN)


def _said(packet: str, name: str) -> str:
    """A value of ours, as an attribute or, where another program has rewritten the packet, as an element."""
    found = re.search(rf"""genart:{name}(?:="([^"]*)"|='([^']*)'|>([^<]*)<)""", packet)
    return unescape(next((part for part in found.groups() if part is not None), "")) if found else ""


def recipes_text(recipes: Sequence[Recipe]) -> str:
    """One recipe, or the list of a contact sheet's; nothing for none."""
    if len(recipes) == 1:
        return recipes[0].to_json()
    return "[" + ",".join(recipe.to_json() for recipe in recipes) + "]" if recipes else ""


def _unpacked(text: str) -> tuple[Recipe, ...]:
    return recipes_in(text) if text.startswith("[") else (Recipe.from_json(text),)


def recipes_in(text: str) -> tuple[Recipe, ...]:
    """The recipes of a contact sheet, in order."""
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        items = None
    if not items:
        raise BadRecipe("The recipes in this contact sheet are damaged; open another copy of the file.")
    return tuple(Recipe.from_dict(item) for item in items)


def _attribute(value: str) -> str:
    """Quoted for XML; a newline inside an attribute would be read as a space."""
    return quoteattr(value, {"\n": "&#10;"})
