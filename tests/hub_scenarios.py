"""What can go wrong between genart and the Hub, and what is said then: `python -m tests.hub_scenarios` prints the table."""

import os
import shutil
import tempfile
import time
from pathlib import Path

from genart.catalogue import Entry, Source
from genart.errors import NoDownload
from genart.hub import fetch
from tests.fakehub import FakeHub

WEIGHTS = os.urandom(3_000_000)
FILES = {
    "huggan/fastgan-few-shot-painting": ("pytorch_model.bin", "discriminator.bin"),
    "ceyda/butterfly_cropped_uniq1K_512": ("model.pt", "config.json"),
    "ZeqiangLai/StyleGAN2": ("ada/metfaces.pt", "ada/ffhq.pt"),
    "madebyollin/taesd": ("taesd_encoder.safetensors", "taesd_decoder.safetensors", "diffusion_pytorch_model.safetensors"),
    "justinpinkney/one": ("network.pkl", "D.pkl"),
    "justinpinkney/stylegan3-t-lhq-256": ("lhq-256-stylegan3-t-25Mimg.pkl",),
}
PAINTING = Source("huggan/fastgan-few-shot-painting", "pytorch_model.bin")

# name: the faults, and a word of the sentence; an empty one where the file comes all the same.
SCENARIOS = {
    "all is well": ([], ""),
    "one answer late": (["latency=3@HEAD:*#1"], ""),
    "too many requests, once": (["ratelimit#1"], ""),
    "error 503, once": (["status=503#1"], ""),
    "broken off, once": (["truncate=1000000@GET:*.bin#1"], ""),
    "connection reset, once": (["reset=1000000@GET:*.bin#1"], ""),
    "one bit flipped, once": (["flip=500@GET:*.bin#1"], ""),
    "no ranges": (["norange"], ""),
    "private or missing": (["unauth"], "set HF_TOKEN to a token that may read it"),
    "terms not accepted": (["gated"], "accept its terms"),
    "terms, for the file alone": (["gated@*/resolve/*"], "accept its terms"),
    "not on the list": (["forbidden"], "may not have"),
    "no repository": (["norepo"], "There is no repository"),
    "no file": (["noentry@*/resolve/*"], "no longer has the file"),
    "no revision": (["norev"], "has no revision"),
    "too many requests": (["ratelimit"], "too many requests"),
    "error 503": (["status=503"], "out of order"),
    "a login page": (["html"], "ask for a login"),
    "a login page, for the file alone": (["html@*/resolve/*"], "ask for a login"),
    "no commit": (["nocommit"], "ask for a login"),
    "no etag": (["noetag"], "ask for a login"),
    "broken off": (["truncate=1000@GET:*.bin"], "broke again and again"),
    "connection reset": (["reset=1000@GET:*.bin"], "broke again and again"),
    "shorter than announced": (["short=1000@GET:*.bin"], "shorter or longer"),
    "one bit flipped": (["flip=500@GET:*.bin"], "damaged twice"),
    "another file of that size": (["swap={swap}@GET:*.bin"], "damaged twice"),
    "no answer": (["hang"], "does not answer"),
    "no answer for the file": (["hang@GET:*.bin"], "does not answer"),
    "dripping": (["rate=20000@GET:*.bin"], "too slow"),
}


def stock(root: Path) -> Path:
    """Repositories of the real names with files of random bytes."""
    for repo, names in FILES.items():
        for name in names:
            path = root / repo / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"{}" if name.endswith(".json") else WEIGHTS)
    (root / "swap").write_bytes(bytes(len(WEIGHTS)))
    return root


def entry(source: Source = PAINTING, sha256: str | None = None) -> Entry:
    return Entry(source.repo, "", sha256, "GAN", "MIT", "nobody", source=source)


def attempt(wanted: Entry) -> str:
    """What is said when it is fetched; nothing where it comes whole."""
    try:
        found = fetch(wanted)
    except NoDownload as error:
        return str(error)
    return "" if found.path.read_bytes() == WEIGHTS else "the file is another one"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, home = stock(Path(folder) / "hub"), Path(folder) / "home"
        os.environ["HF_HOME"] = str(home)
        with FakeHub(root) as hub:
            os.environ["HF_ENDPOINT"] = hub.url
            print("scenario | seconds | sentence\n---|---|---")
            for name, (faults, _) in SCENARIOS.items():
                shutil.rmtree(home, ignore_errors=True)
                hub.set_faults([fault.format(swap=root / "swap") for fault in faults])
                row(name)
            hub.set_faults([])
            row("a file that is there, the Hub being well")
        row("a file that is there, the Hub being gone")
        shutil.rmtree(home)
        row("nobody at the address")
        os.environ["HF_HUB_OFFLINE"] = "1"
        row("offline")


def row(name: str) -> None:
    start = time.perf_counter()
    said = attempt(entry())
    print(f"{name} | {time.perf_counter() - start:.1f} | {said or 'comes whole'}", flush=True)


if __name__ == "__main__":
    main()
