"""Downloads under way: those who ask for the same model wait for the same download."""

import threading
from concurrent.futures import Future
from typing import Callable

from genart.catalogue import Entry
from genart.hub.fetch import Progress, fetch


class Download:
    """One download in a thread of its own. `future` has the entry with its file in the end."""

    def __init__(self, entry: Entry, after: Callable[[Entry], Entry]):
        self.entry = entry
        self.progress = Progress()
        self.future: Future[Entry] = Future()
        self._after, self._stopped = after, threading.Event()
        threading.Thread(target=self._work, name=f"download {entry.name}", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _work(self) -> None:
        try:
            self.future.set_result(self._after(fetch(self.entry, self._note, self._stopped)))
        except Exception as error:
            self.future.set_exception(error)

    def _note(self, progress: Progress) -> None:
        self.progress = progress


class Downloads:
    """The downloads of one process, by the name of the model; `after` is done with each that has come."""

    def __init__(self, after: Callable[[Entry], Entry] = lambda entry: entry):
        self._after = after
        self._lock = threading.Lock()
        self._known: dict[str, Download] = {}

    def get(self, entry: Entry) -> Download:
        """The download of a model that is under way, else a new one."""
        with self._lock:
            download = self._known.get(entry.name)
            if download is None or download.future.done():
                download = self._known[entry.name] = Download(entry, self._after)
            return download

    def known(self, name: str) -> Download | None:
        """The last download of that name, under way or done."""
        return self._known.get(name)
