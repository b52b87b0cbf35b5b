"""The preview page: choose length, truncation and seed, listen, and see the spectrogram.

It reads checkpoints and never writes where they are. A training run's folder means its newest checkpoint, looked up at
every request. The page works without a network connection: fonts are the system's, and nothing is reported to anybody.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from musika import audio, console, pictures, render
from musika.config import GeneratorSettings
from musika.errors import MusikaError, UsageError
from musika.serve import ports
from musika.serve.isolation import isolate_page

MAX_SECONDS = 300.0  # of one request
MAX_SEED = 2**53 - 1  # what a browser can count to
DRAWN_SEEDS = 2**32
MAX_WAITING = 8  # requests in the queue; one is rendered at a time
KEPT_FILES = 16  # latest pieces that stay playable
FONTS = ("ui-sans-serif", "system-ui", "sans-serif")
MONO_FONTS = ("ui-monospace", "Consolas", "monospace")
TITLE = "Musika"


class ModelSource:
    """The model behind the page. It is loaded again when there is another checkpoint.

    Args:
        folder: returns the folder of the newest checkpoint.
        load: loads it.
    """

    def __init__(self, folder: Callable[[], Path], load: Callable[[Path], render.Model]) -> None:
        self._folder, self._load = folder, load
        self._lock = threading.Lock()
        self._at: tuple[Path, float] | None = None
        self._model: render.Model | None = None

    def get_model(self) -> render.Model:
        """The model of the newest checkpoint.

        Raises:
            MusikaError: there is none that can be used.
        """
        with self._lock:
            folder = self._folder()
            changed = folder.stat().st_mtime if folder.exists() else 0.0
            if self._model is None or self._at != (folder, changed):
                self._model = self._load(folder)
                self._at = (folder, changed)
            return self._model


class RecentFiles:
    """A folder that keeps the latest pieces only."""

    def __init__(self, folder: Path, limit: int = KEPT_FILES) -> None:
        self.folder, self.limit = folder, limit

    def add(self, name: str, waveform: np.ndarray, sample_rate: int) -> Path:
        """Writes a wav file and removes the oldest ones above the limit. A file of the same name is replaced."""
        path = self.folder / name
        audio.write(path, waveform, sample_rate)
        present = sorted(self.folder.glob("*.wav"), key=lambda file: file.stat().st_mtime)
        for old in present[: -self.limit]:
            if old != path:
                old.unlink(missing_ok=True)
        return path


def answer_request(
    source: ModelSource, files: RecentFiles, seconds: Any, truncation: Any, seed: Any, draw: bool
) -> tuple[str, Any, int]:
    """One request: (path of a wav file, picture `[H, W, 3]`, the seed that was used).

    Raises:
        MusikaError: a value outside its range, or a checkpoint that cannot be used.
    """
    length = _check_number("the length in seconds", seconds, 0.001, MAX_SECONDS)
    bound = _check_number("the truncation", truncation, 0.01, 10)
    number = secrets.randbelow(DRAWN_SEEDS) if draw else int(_check_number("the seed", seed, 0, MAX_SEED))
    model = source.get_model()
    waveform = model.piece(number, **model.select_settings({"truncation": bound})).render(0.0, length)
    name = "".join(c if c.isprintable() else "_" for c in model.name)  # Gradio sends file names as UTF-8
    path = files.add(f"{name}-seed-{number}-{length:g}s-{bound:g}.wav", waveform, model.sample_rate)
    return str(path), pictures.draw_spectrogram(waveform, model.sample_rate), number


def _check_number(what: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise UsageError(f"{what} must be a number from {low:g} to {high:g}")
    return float(value) if isinstance(value, float) else value


def build_page(source: ModelSource, files: RecentFiles, truncation: float, seed: int | None) -> Any:
    """The page, a `gradio.Blocks` that has not been launched."""
    import gradio

    def respond(seconds: Any, bound: Any, number: Any, draw: Any) -> tuple[str, Any, int]:
        try:
            return answer_request(source, files, seconds, bound, number, bool(draw))
        except MusikaError as error:
            raise gradio.Error(str(error), print_exception=False) from None
        except Exception as error:
            raise gradio.Error(f"a fault of the program: {type(error).__name__}", print_exception=False) from None

    with gradio.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gradio.Markdown(f"# {TITLE}\nMusic without end. The same seed gives the same piece, however long.")
        with gradio.Row():
            length = gradio.Slider(1, MAX_SECONDS, value=30, step=1, label="Length (seconds)")
            bound = gradio.Slider(0.1, 5, value=truncation, step=0.1, label="Truncation (smaller is safer)")
        with gradio.Row():
            number = gradio.Number(seed or 0, label="Seed", precision=0, minimum=0, maximum=MAX_SEED)
            draw = gradio.Checkbox(seed is None, label="A new seed each time")
        button = gradio.Button("Generate", variant="primary")
        player = gradio.Audio(label="Sound", type="filepath", interactive=False)
        about = "Spectrogram: left above right, low notes at the bottom"
        picture = gradio.Image(label=about, interactive=False, format="png", buttons=["download"])
        button.click(
            respond,
            [length, bound, number, draw],
            [player, picture, number],
            api_name="render",
            api_visibility="undocumented",
            preprocess=False,  # `answer_request` checks what comes; gradio would print a traceback on the console
            concurrency_limit=1,
        )
    page.queue(max_size=MAX_WAITING, default_concurrency_limit=1, api_open=False)
    return page


@contextlib.contextmanager
def serve_page(
    source: ModelSource,
    truncation: float = GeneratorSettings.truncation,
    seed: int | None = None,
    host: str = "127.0.0.1",
    port: int = 7860,
    share: bool = False,
) -> Iterator[str]:
    """Serves the page while the block runs and gives its link; its files are gone afterwards.

    Args:
        source: of the model.
        truncation: that the page opens with.
        seed: that the page opens with; None draws one for each piece.
        host: name or address of this computer that is listened on.
        port: the lowest one; a port that is in use is passed over.
        share: also publish the page through gradio.live.

    Raises:
        UsageError: the host cannot be listened on (about "host"), or no port is free (about "port").
    """
    with (
        tempfile.TemporaryDirectory(prefix="musika-preview-", ignore_cleanup_errors=True) as folder,
        isolate_page(host, share),
    ):
        os.environ["GRADIO_TEMP_DIR"] = os.path.join(folder, "page")  # copies for the browser, dropped when old
        page = build_page(source, RecentFiles(Path(folder)), truncation, seed)
        try:
            yield _launch(page, host, port, share)
        finally:
            page.close(verbose=False)


def _launch(page: Any, host: str, port: int, share: bool) -> str:
    """Starts the server on the first free port from `port` on and returns its link."""
    import gradio

    theme = gradio.themes.Default(font=FONTS, font_mono=MONO_FONTS)
    name = ports.strip_brackets(host)
    for candidate in ports.find_ports(host, port):
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # of gradio, which says at length why it cannot publish
                _, _, shared = page.launch(
                    server_name=f"[{name}]" if ":" in name else name,
                    server_port=candidate,
                    share=share,
                    prevent_thread_lock=True,
                    quiet=True,
                    inbrowser=False,
                    ssr_mode=False,
                    pwa=False,
                    max_file_size="1mb",
                    footer_links=[],
                    theme=theme,
                )
        except OSError:
            continue  # taken in the meantime
        if share and not shared:
            console.warn("gradio.live cannot be reached: the page is not published")
        return str(shared or ports.format_url(host, candidate))
    raise AssertionError("find_ports raises where there is none")
