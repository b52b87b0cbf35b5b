"""What a person sees where a request fails: one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import gradio

from musika import console
from musika.errors import MusikaError
from musika.serve.messages import hide_folders


@contextlib.contextmanager
def tell_failures() -> Iterator[None]:
    """Turns every failure inside of the block into Gradio's, with one line and without a traceback."""
    try:
        yield
    except (gradio.Error, GeneratorExit):
        raise
    except MusikaError as error:
        raise gradio.Error(hide_folders(str(error)), print_exception=False) from None
    except Exception as error:
        text = f"a fault of the program: {type(error).__name__}"
        console.warn(f"{text}: {error}")
        raise gradio.Error(text, print_exception=False) from None
