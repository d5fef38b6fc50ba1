import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import genart

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(genart.__path__, "genart.") if not module.name.endswith("__main__")
)
WATCH = """
import sys
OUTWARD = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto", "urllib.Request", "subprocess.Popen")
def watch(event, arguments):
    if event.startswith(OUTWARD):
        raise SystemExit(f"{event} {arguments}")
sys.addaudithook(watch)
"""
# A folder without its __init__, which imports gradio for all of the page.
BARE_UI = """
import sys, types
sys.modules["genart.ui"] = types.ModuleType("genart.ui")
sys.modules["genart.ui"].__path__ = ["genart/ui"]
"""


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=os.environ, timeout=120)


@pytest.mark.parametrize(
    "module", ["genart.recipe", "genart.walk", "genart.catalogue", "genart.ui.words", "genart.turns", "genart.export"]
)
def test_what_needs_neither_torch_nor_gradio_imports_neither(module):
    before = BARE_UI if module.startswith("genart.ui") else "import sys"
    ended = run(f"{before}\nimport {module}\nprint({{'torch', 'gradio'}} & set(sys.modules))")

    assert ended.stdout.strip() == "set()", ended.stderr


def test_importing_any_module_prints_nothing_and_calls_nobody():
    ended = run(f"{WATCH}\nimport importlib\nfor name in {MODULES}: importlib.import_module(name)")

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
