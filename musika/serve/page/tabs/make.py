"""The tab Make: a piece of a chosen length, to listen to and to download."""

from __future__ import annotations

from typing import Any

import gradio

from musika.errors import MusikaError
from musika.serve.page.context import PageContext, SharedComponents
from musika.serve.page.requests import MAX_SECONDS, MAX_SEED, answer_request


def add_tab(context: PageContext, shared: SharedComponents) -> None:
    """Adds the tab to the page that is being built."""

    def respond(name: Any, seconds: Any, bound: Any, number: Any, draw: Any) -> tuple[str, Any, int]:
        try:
            model = context.library.get_model(str(name or context.library.default))
            return answer_request(model, context.files, seconds, bound, number, bool(draw))
        except MusikaError as error:
            raise gradio.Error(str(error), print_exception=False) from None
        except Exception as error:
            raise gradio.Error(f"a fault of the program: {type(error).__name__}", print_exception=False) from None

    defaults = context.defaults
    with gradio.Tab("Make", id="make"):
        with gradio.Row():
            length = gradio.Slider(1, MAX_SECONDS, value=30, step=1, label="Length (seconds)")
            bound = gradio.Slider(0.1, 5, value=defaults.truncation, step=0.1, label="Truncation (smaller is safer)")
        with gradio.Row():
            number = gradio.Number(defaults.seed or 0, label="Seed", precision=0, minimum=0, maximum=MAX_SEED)
            draw = gradio.Checkbox(defaults.seed is None, label="A new seed each time")
        button = gradio.Button("Generate", variant="primary")
        player = gradio.Audio(label="Sound", type="filepath", interactive=False)
        about = "Spectrogram: left above right, low notes at the bottom"
        picture = gradio.Image(label=about, interactive=False, format="png", buttons=["download"])
        button.click(
            respond,
            [shared.checkpoint, length, bound, number, draw],
            [player, picture, number],
            api_name="render",
            preprocess=False,  # `answer_request` checks what comes; gradio would print a traceback on the console
            concurrency_limit=1,
        )
