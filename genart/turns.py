"""Whose turn it is: one worker, one open request per visitor, the newest wins, visitors in a circle.

It knows no pictures: a job is any function. Everything that touches the device runs here, so
nothing else needs a lock.
"""

import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import Any, Callable, Hashable


class Turns:
    """A worker thread that serves visitors in turn and drops what a visitor has overtaken."""

    def __init__(self, name: str):
        self._waiting: OrderedDict[Hashable, tuple[Callable[[], Any], Future]] = OrderedDict()
        self._changed = threading.Condition()
        self.served = 0  # jobs so far
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def submit(self, visitor: Hashable, job: Callable[[], Any]) -> Future:
        """Ask for `job` in the visitor's next turn; an earlier one still waiting is cancelled."""
        future: Future = Future()
        with self._changed:
            overtaken = self._waiting.get(visitor)
            self._waiting[visitor] = (job, future)
            self._changed.notify()
        if overtaken:
            overtaken[1].cancel()
        return future

    def run(self, job: Callable[[], Any]) -> Any:
        """The job's result, in a turn of its own; called from the worker itself it runs at once."""
        if self.is_here():
            return job()
        return self.submit(object(), job).result()

    def is_here(self) -> bool:
        """Whether the caller is the worker, who must wait for nobody."""
        return threading.current_thread() is self._thread

    def _serve(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                _, (job, future) = self._waiting.popitem(last=False)
            if not future.set_running_or_notify_cancel():
                continue
            self.served += 1
            try:
                future.set_result(job())
            except BaseException as error:  # the worker outlives every job; the asker gets the error
                future.set_exception(error)
