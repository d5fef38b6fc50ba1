import pytest

from genart import machine

machine.prepare()  # before anything imports torch


@pytest.fixture(scope="session")
def entries(tmp_path_factory):
    """Catalogue entries of tiny models: every family, with classes and without."""
    from tests.tiny import save_all

    return save_all(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def studio(entries):
    from genart.studio import Studio

    return Studio("cpu", entries)
