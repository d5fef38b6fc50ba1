"""Content Credentials: a signed statement inside a file that a trained model made it (C2PA 2.2, spec.c2pa.org).

Off unless whoever runs genart has a certificate for it: GENART_C2PA_CERTIFICATE names a PEM file of its
chain, the signer's first, GENART_C2PA_KEY one of the private key, GENART_C2PA_ALGORITHM how it signs
(es256). The library that signs, c2pa-python, is an extra. A signed file also says when it was signed,
so its bytes are never the same again; its picture is.
"""

import io
import json
import os
from pathlib import Path
from typing import Any

from genart import __version__
from genart.errors import Refused, quote

CERTIFICATE, KEY, ALGORITHM = "GENART_C2PA_CERTIFICATE", "GENART_C2PA_KEY", "GENART_C2PA_ALGORITHM"
TYPES = {
    "png": "image/png",
    "sheet": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "mp4": "video/mp4",
}
"""By the format's name in genart; WebM and archives carry none."""

MARK = b"c2pa"  # in every signed file
MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
SETTINGS = {"builder": {"thumbnail": {"enabled": False}}, "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


def signed(data: bytes, kind: str) -> bytes:
    """The file with its credentials, or as it is where there is no certificate or the format carries none.

    Raises Refused where the certificate, the key or the library do not do.
    """
    if not _wanted(kind):
        return data
    file = io.BytesIO()
    _sign(io.BytesIO(data), file, kind)
    return file.getvalue()


def sign(path: Path, kind: str) -> None:
    """The same, of a file in its place; then, and after an error, nothing else is left."""
    if not _wanted(kind):
        return
    part = path.with_name(f"{path.name}.signed")
    try:
        with path.open("rb") as source, part.open("w+b") as file:
            _sign(source, file, kind)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _wanted(kind: str) -> bool:
    return bool(os.environ.get(CERTIFICATE)) and kind in TYPES


def _sign(source: Any, file: Any, kind: str) -> None:
    try:
        import c2pa
    except ImportError:
        raise Refused(
            f"{CERTIFICATE} is set, but the library that signs is missing; pip install c2pa-python, or unset it."
        ) from None
    try:
        chain, key = (Path(os.environ.get(name, "")).read_bytes() for name in (CERTIFICATE, KEY))
    except OSError as error:
        raise Refused(f"{CERTIFICATE} or {KEY} names no readable file ({error.strerror}); name two PEM files.") from None
    algorithm = os.environ.get(ALGORITHM, "es256").encode()
    try:
        with (
            c2pa.Context(c2pa.Settings.from_dict(SETTINGS)) as context,
            c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, chain, key, None)) as signer,
            c2pa.Builder(json.dumps(_statement()), context) as builder,
        ):
            builder.sign(signer, TYPES[kind], source, file)
    except c2pa.C2paError as error:
        raise Refused(
            f"The file could not be signed ({quote(str(error)[:80])}); check that {CERTIFICATE} and {KEY} belong together."
        ) from None


def _statement() -> dict[str, Any]:
    """The recipe stands in the file's own notes, which the signature covers."""
    made = {"action": "c2pa.created", "digitalSourceType": MADE}
    return {
        "claim_generator_info": [{"name": "genart", "version": __version__}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [made]}}],
    }
