import pytest

from genart import machine

machine.prepare()  # before anything imports torch


@pytest.fixture(scope="session", autouse=True)
def cache_of_nobody(tmp_path_factory):
    """An empty Hugging Face cache, and a Hub that is not there: what somebody has downloaded changes no test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def entries(tmp_path_factory):
    """Catalogue entries of tiny models: every family, with classes and without."""
    from tests.tiny import save_all

    return save_all(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def studio(entries):
    from genart.studio import Studio

    return Studio("cpu", entries)
