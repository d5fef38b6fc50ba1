"""How near every family comes to the original code: `python -m tests.parity` prints the table.

It runs the tests that are marked `parity`, which compare with what the original code drew or with the
same network made of torch's own modules, and notes the greatest error of each fixture.
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

GOAL = 1e-4  # of the range, which is at least 1
BESIDE = "torch's modules"  # what a test without a fixture compares with

errors: list[float] = []
"""Of every comparison since it was last cleared."""


def assert_same(ours: Any, theirs: Any) -> None:
    """Two tensors, or two arrays, are alike within the goal."""
    assert ours.shape == theirs.shape
    errors.append(abs(ours - theirs).max().item() / max(1.0, abs(theirs).max().item()))
    assert errors[-1] <= GOAL


class Table:
    """A plugin of pytest that keeps the greatest error by family and fixture."""

    def __init__(self):
        self.rows: dict[tuple[str, str], tuple[int, float]] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        opened, load = [], np.load
        errors.clear()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(np, "load", lambda path, **how: (opened.append(Path(path)), load(path, **how))[1])
            try:
                return (yield)
            finally:
                family = opened[0].parent.name if opened else item.module.__name__.rpartition("test_")[2]
                fixture = opened[0].name.partition(".")[0] if opened else BESIDE
                count, worst = self.rows.get((family, fixture), (0, 0.0))
                self.rows[family, fixture] = count + len(errors), max([worst, *errors])


def main() -> int:
    """1 where a family fails its goal, or where there is no comparison at all."""
    table = Table()
    tests = str(Path(__file__).with_name("families"))
    with redirect_stdout(sys.stderr):
        ended = pytest.main([tests, "-m", "parity", "--no-header"], plugins=[table])
    print("| family | fixture | comparisons | greatest error | goal | |\n|---|---|---|---|---|---|")
    for (family, fixture), (count, worst) in sorted(table.rows.items()):
        print(f"| {family} | {fixture} | {count} | {worst:.1e} | {GOAL:.0e} | {'holds' if worst <= GOAL else 'FAILS'} |")
    return int(ended != 0 or not table.rows)


if __name__ == "__main__":
    from tests import parity

    sys.exit(parity.main())
