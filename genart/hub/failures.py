"""What is said when the Hub gives no file: one sentence for each way in which that happens. It calls nobody."""

from typing import Mapping

from genart.catalogue import Source
from genart.errors import NoDownload, quote
from genart.limits import SPARE_BYTES


def name_of(source: Source) -> str:
    return f"{source.repo}:{source.file}" if source.file else source.repo


def no_room(source: Source, need: int, free: int) -> NoDownload:
    return NoDownload(
        f"{quote(name_of(source))} needs {need / 1e6:.0f} MB and the disk has {free / 1e6:.0f} MB free; "
        "make room, or set HF_HOME to a folder on a larger disk."
    )


def failure(line: Mapping[str, str], source: Source, file: str | None) -> NoDownload:
    """What the child's last line comes to, when it was asked for `file` of a source."""
    name = quote(name_of(source))
    page = f"https://huggingface.co/{source.repo}"
    match line["failed"]:
        case "network":
            return NoDownload(f"The Hugging Face Hub cannot be reached for {name}; check the network and try again.")
        case "silent":
            return NoDownload(f"The Hugging Face Hub does not answer for {name}; try again later.")
        case "down":
            return NoDownload(f"The Hugging Face Hub is out of order, so {name} cannot be fetched; try again later.")
        case "busy":
            return NoDownload(f"The Hugging Face Hub has had too many requests from here; wait some minutes, then fetch {name}.")
        case "broken":
            return NoDownload(f"The connection broke again and again while {name} was on its way; try again.")
        case "short":
            return NoDownload(f"{name} came shorter or longer than announced; try again, or on another network.")
        case "portal":
            return NoDownload(
                f"Something other than the Hugging Face Hub answered for {name}, as networks do that ask for a login; "
                "log in with a browser and try again."
            )
        case "gated":
            return NoDownload(
                f"{name} is given only to those who accept its terms; do so at {page}, "
                "set HF_TOKEN to a token of yours, and start genart again."
            )
        case "waiting":
            return NoDownload(f"The account of HF_TOKEN may not have {name} yet; ask for it at {page}.")
        case "denied":
            return NoDownload(
                f"The Hugging Face Hub does not give {name} to everybody; set HF_TOKEN to a token that may read it."
            )
        case "repository":
            return NoDownload(
                f"There is no repository {source.repo!r} on the Hugging Face Hub, or it is private; "
                "check the name, or set HF_TOKEN."
            )
        case "revision":
            return NoDownload(
                f"The repository {source.repo!r} has no revision {quote(source.revision or 'main')} any more; "
                "delete the model here, or name another revision."
            )
        case "file":
            return NoDownload(f"The repository {source.repo!r} no longer has the file {quote(file)}; name another.")
        case "full":
            return no_room(source, SPARE_BYTES, 0)
        case "readonly" | "disk":
            return NoDownload(
                f"The cache has no place for {name} ({line['reason'] or 'not writable'}); set HF_HOME to a folder of yours."
            )
    return NoDownload(f"{name} could not be fetched, for a reason unknown here; run python -m genart doctor.")
