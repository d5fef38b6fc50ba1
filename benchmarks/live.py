"""How well the picture follows the hand: real mouse drags in Chromium, genart beside a plain Gradio page.

    python -m benchmarks.live [--model NAME|FILE] [--rounds 5] [--seconds 2]

Both pages are servers of their own with the same model. Rounds alternate between them; the idle one
is frozen. Latency runs from the time stamp of the hand's event to the animation frame in which its
picture is on the canvas. psi sweeps in one direction and every round has its own seed, so genart
remembers no picture. Goals are those of an idle machine with two processors.
"""

import argparse
import asyncio
import json
import math
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
MOVES_A_SECOND = 60
TICKS = os.sysconf("SC_CLK_TCK")

INPUTS = """
window.inputs = [];
const watched = (target) => target.id === "picture" || target.matches?.("#psi input[type=range]");
for (const kind of ["input", "pointermove"])
  addEventListener(kind, (event) => {
    if (!event.isTrusted || !watched(event.target) || (kind === "pointermove") !== (event.target.id === "picture")) return;
    if (kind === "input" || event.buttons) inputs.push([event.timeStamp, Math.round((Number(event.target.value) + 1) * 100)]);
  }, true);
"""
# Reads the slider's position back from the picture of the plain page, in every animation frame that has a new one.
PLAIN_PROBE = """
window.shown = [];
const small = new OffscreenCanvas(48, 48).getContext("2d", { willReadFrequently: true });
let before = "";
requestAnimationFrame(function look(at) {
  const image = document.querySelector("#image img");
  if (image?.complete && image.naturalWidth && image.src !== before) {
    before = image.src;
    small.drawImage(image, 0, 0, 48, 48);
    let value = 0;
    for (let bit = 0; bit < 8; bit++)
      value |= (small.getImageData((bit % 4) * 12 + 6, (bit >> 2) * 8 + 4, 1, 1).data[0] > 127) << bit;
    shown.push([Math.max(at, performance.now()), value]);
  }
  requestAnimationFrame(look);
});
"""


@dataclass
class Drag:
    """What one drag gave. Times in milliseconds."""

    fps: float = 0.0
    inputs: float = 0.0
    painted: float = 0.0
    latencies: list[float] = field(default_factory=list)
    overheads: list[float] = field(default_factory=list)
    generator: list[float] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    away: list[float] = field(default_factory=list)
    drawn: list[float] = field(default_factory=list)
    lost: bool = False
    cpu: float = 0.0
    frames: int = 0


class Server:
    """A page in a process of its own, with a home of its own so that new files can be counted."""

    def __init__(self, kind: str, model: str):
        self.kind = kind
        with socket.create_server(("127.0.0.1", 0)) as door:
            self.port = door.getsockname()[1]
        self.home = Path(tempfile.mkdtemp(prefix="genart-bench-"))
        places = {name: str(self.home) for name in ("HOME", "TMPDIR", "GRADIO_TEMP_DIR", "XDG_CACHE_HOME")}
        command = [sys.executable, str(ROOT / "benchmarks/page.py"), kind, str(self.port), model]
        started = time.perf_counter()
        self.process = subprocess.Popen(
            command, cwd=self.home, stdout=subprocess.PIPE, env={**os.environ, **places, "PYTHONPATH": str(ROOT)}
        )
        assert self.process.stdout
        self.costs = json.loads(self.process.stdout.readline()) if kind == "plain" else {}
        while True:
            if self.process.poll() is not None:
                sys.exit(f"The {kind} page ended with code {self.process.returncode}.")
            try:
                urllib.request.urlopen(self.url, timeout=5).read()
                break
            except OSError:
                time.sleep(0.05)
        self.seconds_to_page = time.perf_counter() - started

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def cpu_ms(self) -> float:
        """CPU milliseconds of the process so far, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / TICKS

    def files(self) -> set[tuple[str, int]]:
        """Every file in its home, which is also its working directory, with its time."""
        return {(str(path), path.stat().st_mtime_ns) for path in self.home.rglob("*") if path.is_file()}

    def freeze(self, frozen: bool) -> None:
        self.process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def close(self) -> None:
        self.freeze(False)
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.home, ignore_errors=True)


async def sweep(page, session, selector: str, seconds: float, round_number: int) -> None:
    """A real drag at 60 moves a second: psi from one end to the other, the picture along a figure of eight.

    Moves are sent without waiting for their answers, which come only once the page has handled them.
    """
    box = await page.locator(selector).bounding_box()
    middle = box["y"] + box["height"] / 2

    def place(share: float) -> tuple[float, float]:
        if selector == "#picture":
            angle = 5.5 * share + round_number  # not quite round, so that the end is not the beginning
            return box["x"] + box["width"] * (0.5 + 0.35 * math.sin(angle)), middle + 0.2 * box["height"] * math.sin(2 * angle)
        along = (1 - math.cos(math.pi * share)) / 2
        return box["x"] + 8 + (box["width"] - 16) * (along if round_number % 2 else 1 - along), middle

    async def send(kind: str, share: float) -> None:
        x, y = place(share)
        held = {"button": "left", "buttons": 1 if kind != "mouseReleased" else 0, "clickCount": 1}
        await session.send("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, **held})

    await send("mousePressed", 0)
    start, sent, count = time.perf_counter(), [], int(seconds * MOVES_A_SECOND)
    for move in range(1, count + 1):
        await asyncio.sleep(max(0, start + move / MOVES_A_SECOND - time.perf_counter()))
        sent.append(asyncio.create_task(send("mouseMoved", move / count)))
    await asyncio.gather(*sent)
    await send("mouseReleased", 1)


async def drag(server: Server, page, session, selector: str, seconds: float, round_number: int) -> Drag:
    ours = server.kind == "genart"
    range_of = f"{selector} input[type=range]" if selector == "#psi" else selector
    if ours:  # a seed of its own, at rest
        await page.keyboard.press("r")
        await page.wait_for_timeout(600)
    await page.evaluate("inputs.length = 0; " + ("__live.pairs.length = __live.heads.length = 0" if ours else "shown.length = 0"))
    before = server.cpu_ms()
    await sweep(page, session, range_of, seconds, round_number)
    await page.wait_for_timeout(100 if ours else 1500)  # the plain page may still have pictures to come
    cpu = server.cpu_ms() - before
    await page.wait_for_timeout(400)
    inputs = await page.evaluate("inputs")
    result = Drag(inputs=len(inputs) / seconds)
    if len(inputs) < 2:
        return result
    times, last = [at for at, _ in inputs], inputs[-1][0]
    if ours:
        pairs, heads = await page.evaluate("[__live.pairs, __live.heads]")
        asked = {at: (shown, head) for (at, shown), head in reversed(list(zip(pairs, heads, strict=True))) if at in set(times)}
        result.latencies = [shown - at for at, (shown, _) in asked.items()]
        result.generator = [head["ms"] + head["encode_ms"] for _, head in asked.values()]
        result.overheads = [shown - at - head["ms"] - head["encode_ms"] for at, (shown, head) in asked.items()]
        result.held = [head["sentAt"] - at for at, (_, head) in asked.items()]
        result.away = [head["receivedAt"] - head["sentAt"] - head["ms"] - head["encode_ms"] for _, head in asked.values()]
        result.drawn = [shown - head["receivedAt"] for shown, head in asked.values()]
        frames = [shown for _, shown in pairs]
        result.lost = last not in asked
    else:
        shown = await page.evaluate("shown")
        asked = {}
        for at, value in shown:
            origins = [time for time, wanted in inputs if wanted & 255 == value and time <= at]
            if origins:
                asked.setdefault(origins[-1], at)
        result.latencies = [shown - at for at, shown in asked.items()]
        frames = [at for at, _ in shown]
        result.lost = not shown or shown[-1][1] != inputs[-1][1] & 255
    during = {at for at in frames if times[0] <= at <= last}
    result.fps = len(during) * 1000 / (last - times[0])
    result.painted = len(asked) / len(times)
    result.frames = len(frames)
    result.cpu = cpu / max(1, len(frames))
    return result


async def open_page(browser, server: Server, model: str):
    """A page with its first picture painted; the seconds that took, from the start of the navigation."""
    page = await browser.new_page(viewport={"width": 1280, "height": 900})
    await page.add_init_script(INPUTS + ("" if server.kind == "genart" else PLAIN_PROBE))
    await page.goto(server.url, wait_until="commit")
    if server.kind == "genart":
        await page.wait_for_function("window.__live?.pairs.length")
        first = await page.evaluate("__live.pairs[0][1]")
    else:
        await page.wait_for_function("window.shown?.length")
        first = await page.evaluate("shown[0][0]")
    return page, await page.context.new_cdp_session(page), first / 1000


async def measure(chromium: str, model: str, rounds: int, seconds: float) -> None:
    from playwright.async_api import async_playwright

    plain, ours = Server("plain", model), Server("genart", model)
    try:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            opened = {server.kind: await open_page(browser, server, model) for server in (ours, plain)}
            kinds = [("psi", ours, "#psi"), ("picture", ours, "#picture"), ("plain", plain, "#psi")]
            results: dict[str, list[Drag]] = {name: [] for name, _, _ in kinds}
            new_files = dict.fromkeys(results, 0)
            for server in (ours, plain):
                server.freeze(True)
            for number in range(rounds):
                for name, server, selector in kinds:
                    server.freeze(False)
                    page, session, _ = opened[server.kind]
                    before = server.files()
                    results[name].append(await drag(server, page, session, selector, seconds, number))
                    new_files[name] += len(server.files() - before)
                    server.freeze(True)
            await browser.close()
    finally:
        plain.close()
        ours.close()
    report(results, new_files, plain.costs, {kind: first for kind, (_, _, first) in opened.items()}, ours.seconds_to_page)


def report(results, new_files, costs, first, seconds_to_page) -> None:
    def percentile(values: list[float], share: float) -> float:
        return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else math.nan

    def pooled(drags: list[Drag], name: str) -> list[float]:
        return [value for drag in drags for value in getattr(drag, name)]

    rows: list[tuple[str, str, dict[str, float]]] = []

    def row(label: str, goal: str, figure) -> None:
        rows.append((label, goal, {name: figure(name, drags) for name, drags in results.items()}))

    row("input events a second", "", lambda _, d: statistics.median(x.inputs for x in d))
    row("painted frames a second", ">= 30", lambda _, d: statistics.median(x.fps for x in d))
    row("input to painted, p50 ms", "<= 35", lambda _, d: percentile(pooled(d, "latencies"), 0.5))
    row("input to painted, p95 ms", "<= 70", lambda _, d: percentile(pooled(d, "latencies"), 0.95))
    row("input events painted, %", ">= 95", lambda _, d: 100 * statistics.median(x.painted for x in d))
    row("last values lost, of all drags", "0", lambda _, d: sum(x.lost for x in d))
    row("generator + encoder, p50 ms", "", lambda _, d: percentile(pooled(d, "generator"), 0.5))
    row("overhead beside them, p50 ms", "<= 20", lambda _, d: percentile(pooled(d, "overheads"), 0.5))
    row("  held back in the page, p50", "", lambda _, d: percentile(pooled(d, "held"), 0.5))
    row("  on the way and waiting, p50", "", lambda _, d: percentile(pooled(d, "away"), 0.5))
    row("  drawing, p50", "", lambda _, d: percentile(pooled(d, "drawn"), 0.5))
    row("server CPU a frame, ms", "", lambda _, d: statistics.median(x.cpu for x in d))
    generator, encoder = costs["generator"], costs["encoder"]
    row("  beside the generator, ms", "<= 4", lambda _, d: statistics.median(x.cpu for x in d) - generator)
    row("files written while dragging", "0", lambda n, _: new_files[n])
    row("page load to first picture, s", "<= 1", lambda n, _: first["plain" if n == "plain" else "genart"])

    print(f"{'':34}{'psi':>9}{'picture':>9}{'plain':>9}{'ratio':>8}   goal")
    for label, goal, values in rows:
        ratio = values["psi"] / values["plain"] if values["plain"] else math.nan
        cells = "".join("        –" if math.isnan(value) else f"{value:9.1f}" for value in values.values())
        print(f"{label:34}{cells}{'' if math.isnan(ratio) else f'{ratio:8.2f}':>8}   {goal}")
    print(f"CPU of one picture {generator:.1f} ms, of our encoding it {encoder:.2f} ms; start to page {seconds_to_page:.1f} s")
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="a name from the catalogue, or a .safetensors file; by default the first model")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each drag")
    chosen = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("No Chromium on this machine; install it (Debian: apt-get install chromium) and try again.")
    from genart.catalogue import ENTRIES

    asyncio.run(measure(chromium, chosen.model or next(iter(ENTRIES)), chosen.rounds, chosen.seconds))


if __name__ == "__main__":
    main()
