"""Signed files: another program believes the signature, and genart still reads what the file says."""

import datetime
import io
import json
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from genart.errors import Refused
from genart.export import EXPORTERS, read_notes, recipes_of, remade
from genart.export.film import FORMATS, Film, save_film
from genart.export.sign import ALGORITHM, CERTIFICATE, KEY, MADE, TYPES, signed
from genart.recipe import Anchor, Recipe
from genart.walk import Key, Walk

RECIPE = Recipe("dcgan", (Anchor(1),))
WALK = Walk((Key(RECIPE, 0.3), Key(Recipe("dcgan", (Anchor(2),)), 0.3)), loop=True)


def certificate(subject, issuer, key, by, root):
    """One of a chain, as C2PA asks: whoever signs has the right to, and is no authority."""
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]) for name in (subject, issuer)]
    usage = x509.KeyUsage(not root, False, False, False, False, root, root, False, False)
    builder = x509.CertificateBuilder(
        subject_name=names[0],
        issuer_name=names[1],
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(days=1),
        not_valid_after=now + datetime.timedelta(days=30),
    )
    builder = builder.add_extension(x509.BasicConstraints(root, None), critical=True).add_extension(usage, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    if not root:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    """A chain and its key, in files."""
    folder = tmp_path_factory.mktemp("pems")
    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = certificate("leaf", "root", leaf, root, False) + certificate("root", "root", root, root, True)
    key = leaf.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(key)
    return folder / "chain.pem", folder / "key.pem"


@pytest.fixture
def certified(pems, monkeypatch):
    monkeypatch.setenv(CERTIFICATE, str(pems[0]))
    monkeypatch.setenv(KEY, str(pems[1]))
    monkeypatch.delenv(ALGORITHM, raising=False)


def said(data, kind):
    """What another program reads: whether the signature holds, and what it says was done."""
    c2pa = pytest.importorskip("c2pa")
    report = json.loads(c2pa.Reader(TYPES[kind], io.BytesIO(data)).json())
    manifest = report["manifests"][report["active_manifest"]]
    [actions] = [each["data"]["actions"] for each in manifest["assertions"] if each["label"].startswith("c2pa.actions")]
    return report["validation_state"], [(each["action"], each["digitalSourceType"]) for each in actions]


@pytest.mark.parametrize("kind", sorted(EXPORTERS))
def test_a_still_is_signed_and_its_recipe_is_read_and_remade(kind, studio, certified):
    recipes = [RECIPE, *[key.recipe for key in WALK.keys]][: 3 if kind == "sheet" else 1]
    data = EXPORTERS[kind](studio, recipes)

    assert said(data, kind) == ("Valid", [("c2pa.created", MADE)])
    assert [recipe.anchors for recipe in recipes_of(data)] == [recipe.anchors for recipe in recipes]
    assert remade(studio, data)


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_a_film_is_signed_where_its_format_allows_it_and_is_a_walk_again(kind, studio, certified, tmp_path):
    path = tmp_path / f"film{FORMATS[kind].suffix}"
    save_film(studio, WALK, Film(kind, 64, 10.0), path)

    if kind in TYPES:
        assert said(path.read_bytes(), kind) == ("Valid", [("c2pa.created", MADE)])
    if path.suffix != ".zip":
        assert read_notes(path.read_bytes()).walk.seconds == WALK.seconds
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_changed_pixel_breaks_the_signature(studio, certified):
    data = bytearray(EXPORTERS["jpeg"](studio, [RECIPE]))
    data[-20] ^= 1

    assert said(bytes(data), "jpeg")[0] == "Invalid"


def test_without_a_certificate_nothing_is_signed(studio, monkeypatch):
    monkeypatch.delenv(CERTIFICATE, raising=False)

    assert signed(b"data", "png") == b"data"
    assert EXPORTERS["png"](studio, [RECIPE]) == EXPORTERS["png"](studio, [RECIPE])


def test_a_key_of_another_certificate_a_missing_file_and_a_missing_library_are_told(
    studio, certified, pems, monkeypatch, tmp_path
):
    monkeypatch.setenv(KEY, str(pems[0]))
    with pytest.raises(Refused, match="could not be signed .* belong together"):
        EXPORTERS["png"](studio, [RECIPE])

    monkeypatch.setenv(KEY, str(tmp_path / "none.pem"))
    with pytest.raises(Refused, match="names no readable file") as refusal:
        save_film(studio, WALK, Film("gif", 64, 10.0), tmp_path / "film.gif")
    assert str(tmp_path) not in str(refusal.value)
    assert not list(tmp_path.iterdir())

    monkeypatch.setitem(sys.modules, "c2pa", None)
    with pytest.raises(Refused, match="pip install c2pa-python"):
        EXPORTERS["webp"](studio, [RECIPE])
