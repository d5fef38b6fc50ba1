import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from genart.turns import Turns

SOON = 10  # seconds after which a test has failed


class Gate:
    """A job that says when it has begun and ends when it may."""

    def __init__(self):
        self.begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self):
        self.begun.set()
        assert self.may_end.wait(SOON)
        return "gate"


@pytest.fixture
def busy():
    """Turns whose worker is held at a gate."""
    turns, gate = Turns("test"), Gate()
    first = turns.submit("somebody", gate)
    assert gate.begun.wait(SOON)
    yield turns, gate
    gate.may_end.set()
    assert first.result(SOON) == "gate"


def test_the_newest_request_of_a_visitor_wins(busy):
    turns, gate = busy
    old, older, new = (turns.submit("visitor", lambda n=n: n) for n in range(3))
    gate.may_end.set()

    assert new.result(SOON) == 2
    assert old.cancelled()
    assert older.cancelled()


def test_an_overtaken_request_is_cancelled_at_once(busy):
    turns, _ = busy
    old = turns.submit("visitor", lambda: 1)
    turns.submit("visitor", lambda: 2)

    with pytest.raises(CancelledError):
        old.result(0)


def test_a_running_job_is_not_overtaken():
    turns, gate = Turns("test"), Gate()
    running = turns.submit("visitor", gate)
    assert gate.begun.wait(SOON)
    newer = turns.submit("visitor", lambda: "newer")
    gate.may_end.set()

    assert running.result(SOON) == "gate"
    assert newer.result(SOON) == "newer"


def test_visitors_are_served_in_a_circle(busy):
    turns, gate = busy
    served = []
    for name in ("a", "b", "c"):
        turns.submit(name, lambda name=name: served.append(name))
    for _ in range(5):  # an impatient visitor keeps her place and gets no other
        last = turns.submit("b", lambda: served.append("b"))
    gate.may_end.set()
    last.result(SOON)
    turns.run(lambda: None)

    assert served == ["a", "b", "c"]


def test_a_request_cancelled_by_its_asker_is_not_run(busy):
    turns, gate = busy
    ran = []
    left = turns.submit("visitor", lambda: ran.append(1))
    left.cancel()
    gate.may_end.set()
    turns.run(lambda: None)

    assert ran == []


@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), SystemExit(3), KeyboardInterrupt()])
def test_the_error_of_a_job_reaches_its_asker_and_the_worker_lives(error):
    turns = Turns("test")

    def fail():
        raise error

    with pytest.raises(type(error)):
        turns.run(fail)
    assert turns.run(lambda: "alive") == "alive"


def test_a_job_may_ask_for_another_turn_without_waiting_for_itself():
    turns = Turns("test")

    assert turns.submit("visitor", lambda: turns.run(lambda: turns.run(lambda: 5))).result(SOON) == 5


def test_sixteen_callers_are_all_served_one_at_a_time():
    turns = Turns("test")
    at_work, most = [], []

    def job(number):
        at_work.append(number)
        most.append(len(at_work))
        at_work.remove(number)
        return number

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda number: turns.run(lambda: job(number)), range(160)))

    assert results == list(range(160))
    assert max(most) == 1
