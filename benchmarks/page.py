"""One of two pages on a port: genart itself, or what a plain Gradio slider and picture would be.

    python benchmarks/page.py genart|plain PORT MODEL

MODEL is a name from the catalogue, or a .safetensors file of a known family. Prints one JSON line
when the plain page is ready: CPU milliseconds of one picture and of its encoding.
"""

import json
import sys
import time
from pathlib import Path

from genart import machine

machine.prepare()

from genart.catalogue import ENTRIES, Entry  # noqa: E402

CELLS = 8  # the plain page writes the slider's position into its picture, as black and white cells
CALIBRATIONS = 100


def add_entry(model: str) -> str:
    """The catalogue name of MODEL, put first; a file becomes an entry of its own."""
    if not model.endswith(".safetensors"):
        first = {model: ENTRIES.pop(model)}
    else:
        from genart.ui.words import WORDS
        from genart.weights.read import sha256_of

        path = Path(model).resolve()
        name = path.stem.replace(".", "-")
        WORDS[f"model.{name}"] = (name, name)
        first = {name: Entry(name, str(path), sha256_of(path), "", "", "")}
    others = dict(ENTRIES)
    ENTRIES.clear()
    ENTRIES.update(first | others)
    return next(iter(ENTRIES))


def plain(port: int, model: str) -> None:
    """A slider whose `input` event, with default settings, sets a gr.Image."""
    import gradio as gr
    import numpy as np
    import torch

    from genart.export import screen
    from genart.forward import to_pixels
    from genart.recipe import Anchor, Recipe
    from genart.studio import Studio

    studio = Studio(entries=ENTRIES)

    def picture(psi: float) -> np.ndarray:
        """The picture at psi, not remembered, with the slider's position in two rows of cells on top."""
        pixels = to_pixels(torch.from_numpy(studio.raw(Recipe(model, (Anchor(7),), psi))))
        height, width = pixels.shape[0] // 6, pixels.shape[1] // 4
        for bit in range(CELLS):
            y, x = bit // 4 * height, bit % 4 * width
            pixels[y : y + height, x : x + width] = 255 * (round((psi + 1) * 100) >> bit & 1)
        return pixels

    def cpu_ms(job) -> float:
        job(0)
        start = time.process_time()
        for n in range(CALIBRATIONS):
            job(n)
        return (time.process_time() - start) * 1000 / CALIBRATIONS

    with gr.Blocks(analytics_enabled=False) as page:
        slider = gr.Slider(-1, 1.5, 0.7, step=0.01, label="psi", elem_id="psi")
        image = gr.Image(elem_id="image", height=512)
        slider.input(picture, slider, image)
        page.load(picture, slider, image)

    pixels = picture(0.7)
    costs = {"generator": cpu_ms(lambda n: picture(n / 100 - 1)), "encoder": cpu_ms(lambda _: screen(pixels))}
    print(json.dumps(costs), flush=True)
    page.launch(server_name="127.0.0.1", server_port=port, quiet=True, ssr_mode=False)


def main() -> None:
    kind, port, model = sys.argv[1:]
    name = add_entry(model)
    if kind == "plain":
        return plain(int(port), name)
    import app

    sys.argv = ["app.py", "--port", port]
    app.main()


if __name__ == "__main__":
    main()
