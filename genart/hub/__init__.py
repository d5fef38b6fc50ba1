"""The Hugging Face Hub: files are fetched when a person asks for them, once, and verified."""

from genart.hub.downloads import Download, Downloads
from genart.hub.fetch import Listing, Progress, chosen, fetch, held, here, listing, looked_into, offline

__all__ = ["Download", "Downloads", "Listing", "Progress", "chosen", "fetch", "held", "here", "listing", "looked_into", "offline"]
