"""Files of the Hub: fetched once, verified, timed; and every way in which that may fail has its sentence."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from genart.catalogue import Source
from genart.errors import NoDownload
from genart.hub import Downloads, cache, fetch, held, listing
from genart.hub.child import kind_of
from genart.ui.sentences import chinese
from tests.fakehub import FakeHub
from tests.hub_scenarios import FILES, PAINTING, SCENARIOS, WEIGHTS, attempt, entry, stock

ROOT = Path(__file__).parents[1]
fetching = sys.modules["genart.hub.fetch"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with FakeHub(stock(tmp_path_factory.mktemp("hub")), token="hf_secret") as hub:
        yield hub


@pytest.fixture
def hub(served, tmp_path, monkeypatch):
    """A Hub that is well, an empty cache, and nobody who waits long."""
    monkeypatch.setenv("HF_ENDPOINT", served.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fetching, "ANSWER_SECONDS", 2)
    monkeypatch.setattr(fetching, "STILL_SECONDS", 10)
    served.set_faults([])
    served.log(clear=True)
    return served


@pytest.fixture
def rewritten(hub):
    """A function that changes a file on the Hub, until the end of the test."""
    changed = []

    def rewrite(repo, file, data):
        path = hub.httpd.state.root / repo / file
        changed.append((path, path.read_bytes() if path.exists() else None))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    yield rewrite
    for path, data in reversed(changed):
        path.unlink() if data is None else path.write_bytes(data)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_file_comes_whole_or_one_sentence_says_why_not(hub, name, monkeypatch):
    faults, words = SCENARIOS[name]
    if name == "no answer for the file":
        monkeypatch.setattr(fetching, "STILL_SECONDS", 3)
    if name == "dripping":
        monkeypatch.setattr(fetching, "SLOW_SECONDS", 2)
    hub.set_faults([fault.format(swap=hub.httpd.state.root / "swap") for fault in faults])

    said = attempt(entry())

    assert (words in said) if words else said == "", said
    assert said.count("\n") == 0
    assert chinese(said) != said or not said
    assert not list(cache.hub().rglob("*.incomplete"))


@pytest.mark.parametrize(("repo", "file"), [(repo, file) for repo, files in FILES.items() for file in files[:1]])
def test_every_kind_of_repository_is_fetched_under_its_real_names(hub, repo, file):
    found = fetch(entry(Source(repo, file)))

    assert found.path.read_bytes() == WEIGHTS
    assert found.sha256 == cache.sha256_of(found.path)
    assert held(entry(Source(repo, file))) == found


def test_nobody_at_the_address_is_said_within_ten_seconds(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()

    assert "cannot be reached" in attempt(entry())
    assert time.monotonic() - start < 10


def test_a_file_that_is_there_is_used_without_a_call(hub, monkeypatch):
    first = fetch(entry())
    hub.log(clear=True)
    monkeypatch.setattr(subprocess, "Popen", None)

    assert fetch(entry()) == first
    assert hub.log() == []


def test_offline_makes_no_call_and_names_the_model(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(subprocess, "Popen", None)

    assert "'huggan/fastgan-few-shot-painting:pytorch_model.bin' is not on this machine" in attempt(entry())
    with pytest.raises(NoDownload, match="offline"):
        listing("huggan/fastgan-few-shot-painting")


def test_sixteen_visitors_cause_one_download(hub):
    downloads = Downloads()
    with ThreadPoolExecutor(16) as visitors:
        found = list(visitors.map(lambda _: downloads.get(entry()).future.result(), range(16)))

    assert len(set(found)) == 1
    assert sum(each["method"] == "GET" and "resolve" in each["path"] for each in hub.log()) == 1


def test_progress_is_told_in_bytes_of_the_whole(hub):
    told = []
    hub.set_faults(["rate=3000000@GET:*.bin"])
    fetch(entry(), told.append)

    assert told[-1] == fetching.Progress(len(WEIGHTS), len(WEIGHTS))
    assert len({progress.done for progress in told}) > 2
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)


def test_a_download_that_is_stopped_leaves_nothing(hub):
    hub.set_faults(["rate=500000@GET:*.bin"])
    download = Downloads().get(entry())
    while not download.progress.done:
        time.sleep(0.02)
    start = time.monotonic()
    download.stop()

    with pytest.raises(NoDownload, match="was stopped"):
        download.future.result()
    assert time.monotonic() - start < 3
    assert not [path for path in cache.hub().rglob("*") if path.is_file() and path.stat().st_size > 1000]


def test_a_child_whose_parent_is_killed_ends_and_cleans_up(hub, tmp_path):
    hub.set_faults(["rate=300000@GET:*.bin"])
    program = "from tests.hub_scenarios import *; fetch(entry(), lambda p: p.done and print(flush=True))"
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
    parent.stdout.readline()
    parent.kill()
    parent.wait()

    for _ in range(100):
        if not list(cache.hub().rglob("*.incomplete")):
            return
        time.sleep(0.05)
    pytest.fail("an unfinished file stays")


def test_a_damaged_file_is_set_aside_and_fetched_again_once(hub):
    path = fetch(entry()).path.resolve()
    data = bytearray(WEIGHTS)
    data[1000] ^= 1
    path.write_bytes(data)
    hub.log(clear=True)

    assert attempt(entry()) == ""
    assert [each.read_bytes() for each in (cache.ours() / "damaged").iterdir()] == [data]
    assert sum(each["method"] == "GET" and "resolve" in each["path"] for each in hub.log()) == 1


def test_a_damaged_file_is_not_used_when_the_hub_is_off(hub, monkeypatch):
    fetch(entry()).path.resolve().write_bytes(WEIGHTS[:1000])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    assert "offline" in attempt(entry())
    assert held(entry()) is None


def test_the_first_download_is_recorded_and_later_ones_are_of_the_same_revision(hub):
    found = fetch(entry())
    record = cache.record_of(PAINTING)

    assert (record.sha256, record.size) == (found.sha256, len(WEIGHTS))
    assert len(record.revision) == 40
    assert json.loads(next((cache.ours() / "hub").glob("*.json")).read_text())["revision"] == record.revision


def test_a_file_that_has_changed_on_the_hub_is_not_taken_for_the_recorded_one(hub, rewritten):
    fetch(entry())
    shutil.rmtree(cache.hub())
    rewritten(PAINTING.repo, PAINTING.file, os.urandom(3_000_000))

    assert "no revision" in attempt(entry())
    cache.take_away(PAINTING, damaged=False)
    assert attempt(entry()) == "the file is another one"


def test_a_file_that_is_not_the_catalogues_is_refused(hub):
    assert "another file" in attempt(entry(sha256="0" * 64))


def test_what_another_program_has_downloaded_is_used_and_recorded(hub):
    revision = fetch(entry()).path.parent.name
    main = cache.hub() / "models--huggan--fastgan-few-shot-painting" / "refs" / "main"
    main.parent.mkdir(exist_ok=True)
    main.write_text(revision)
    shutil.rmtree(cache.ours())
    hub.log(clear=True)

    assert attempt(entry()) == ""
    assert hub.log() == []
    assert cache.record_of(PAINTING).file == "pytorch_model.bin"


def test_settings_beside_the_weights_come_along(hub):
    source = Source("ceyda/butterfly_cropped_uniq1K_512", "model.pt", config="config.json")
    found = fetch(entry(source))

    assert found.path.with_name("config.json").read_text() == "{}"
    found.path.with_name("config.json").unlink()
    assert held(entry(source)) is None


def test_the_only_generator_of_a_repository_needs_no_name(hub):
    assert fetch(entry(Source("justinpinkney/one"))).path.name == "network.pkl"
    assert held(entry(Source("justinpinkney/one"))).path.name == "network.pkl"


def test_several_candidates_are_named(hub):
    assert "ada/ffhq.pt, ada/metfaces.pt; name one as ZeqiangLai/StyleGAN2:FILE" in attempt(entry(Source("ZeqiangLai/StyleGAN2")))
    assert "has no file 'x.pt'" in attempt(entry(Source("ZeqiangLai/StyleGAN2", "x.pt")))
    found = listing("madebyollin/taesd")
    assert found.candidates() == sorted(FILES["madebyollin/taesd"])
    assert found.files["taesd_encoder.safetensors"][0] == len(WEIGHTS)


def test_a_card_is_plain_text(hub, rewritten):
    rewritten(PAINTING.repo, "README.md", b"---\nlicense: mit\n---\n# Paintings\n\x1b[31mred\x07 <b>bold</b>\n")

    assert listing(PAINTING.repo, card=True).card == "# Paintings\n[31mred <b>bold</b>"
    assert listing(PAINTING.repo).card == ""
    assert listing("ZeqiangLai/StyleGAN2", card=True).card == ""


def test_a_token_opens_a_gated_repository_and_is_never_shown(hub, rewritten, monkeypatch, capfd, caplog):
    rewritten(PAINTING.repo, ".hub.json", b'{"gated": true, "card": {"license": "cc-by-4.0"}}')
    assert "accept its terms; do so at https://huggingface.co/huggan/fastgan-few-shot-painting" in attempt(entry())
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    wrong = attempt(entry())
    assert "HF_TOKEN" in wrong
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert attempt(entry()) == ""
    assert listing(PAINTING.repo).licence == "cc-by-4.0"

    everything = wrong + caplog.text + "".join(capfd.readouterr()) + "".join(p.read_text() for p in cache.ours().rglob("*.json"))
    assert "hf_wrong" not in everything
    assert "hf_secret" not in everything


def test_a_token_does_not_follow_a_redirection(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with FakeHub(tmp_path) as other:
        hub.set_faults([f"redirect={other.url.replace('127.0.0.1', 'localhost')}/x@*/resolve/*"])
        assert attempt(entry()) != ""
        assert not any(each["auth"] for each in other.log())


def test_a_full_disk_is_said_before_anything_is_fetched(hub, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(5_000_000))

    assert "needs 73 MB and the disk has 5 MB free" in attempt(entry())
    assert not any(each["method"] == "GET" and "resolve" in each["path"] for each in hub.log())


def test_a_cache_that_cannot_be_written_is_said(hub, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "file"))

    assert "set HF_HOME to a folder of yours" in attempt(entry())


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, "full"), (errno.EROFS, "readonly"), (errno.EACCES, "readonly"), (errno.EIO, "disk")]
)
def test_trouble_with_the_disk_is_told_apart(number, kind):
    assert kind_of(OSError(number, os.strerror(number))) == kind


def test_what_killed_downloads_left_is_removed_after_a_day(hub):
    old, young = cache.hub() / "models--a--b/blobs/1.incomplete", cache.hub() / "models--a--b/blobs/2.incomplete"
    lock = cache.hub() / ".locks/models--a--b/1.lock"
    for path in (old, young, lock):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    for path in (old, lock):
        os.utime(path, (0, 0))
    fetch(entry())

    assert [path.exists() for path in (old, young, lock)] == [False, True, False]


def test_a_file_shared_by_two_revisions_stays_for_the_other(hub, rewritten):
    fetch(entry())
    revision = cache.record_of(PAINTING).revision
    rewritten(PAINTING.repo, "README.md", b"another commit")
    other = Source(PAINTING.repo, PAINTING.file, listing(PAINTING.repo).revision)
    fetch(entry(other))
    assert other.revision != revision
    cache.take_away(PAINTING, damaged=False)

    assert cache.record_of(PAINTING) is None
    assert held(entry(other)).path.read_bytes() == WEIGHTS


def test_sixteen_threads_may_record_at_once(hub):
    record = cache.Record("a/b:c.bin", "a/b", "c.bin", None, "0" * 40, 1, "1" * 64)
    threads = [threading.Thread(target=cache.record, args=(record,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert list(cache.records()) == [record]
    assert not list(cache.ours().rglob("*.partial"))


def test_the_package_imports_neither_torch_nor_the_library_of_the_hub():
    program = "import sys, genart.hub; print({'torch', 'gradio', 'huggingface_hub'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=60)

    assert ended.stdout.strip() == "set()", ended.stderr
