"""The tab Codec: A/B comparison of a recording and its reconstruction. static/codec.js draws it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio
import numpy as np

from musika import audio, pictures
from musika.errors import UsageError
from musika.serve.page.checkpoints import format_name
from musika.serve.page.codec_comparison import SECONDS, CodecComparison, CodecLibrary, compare_codec, find_codecs
from musika.serve.page.context import PageContext, SharedComponents
from musika.serve.page.edit_requests import PREVIEW, clean_title
from musika.serve.page.edited_sounds import list_formats
from musika.serve.page.sound_store import name_upload
from musika.serve.page.tabs.edit import PRIVATE, get_upload
from musika.serve.page.tabs.failures import tell_failures
from musika.serve.page.work import Report, Work

ABOUT = f"""Everything that Musika plays has passed through a codec. Drop a recording to hear what a codec keeps: the
original and the reconstruction play in step, for an A/B comparison. The first {SECONDS:g} seconds count."""
NO_CODEC = "No codec is installed here: put one at `checkpoints/ae`."

Update = tuple[Any, ...]


def add_tab(context: PageContext, shared: SharedComponents) -> None:
    """Adds the tab to the page that is being built."""
    del shared
    with gradio.Tab("Codec", id="codec"):
        gradio.Markdown(ABOUT)
        _CodecTab(context)


def choose_codec(names: Sequence[str], watched: Path | None) -> str | None:
    """The codec that is chosen at first: one that is being trained, else the shipped one."""
    trained = None if watched is None else format_name(watched.resolve().name)
    return next((name for name in (trained, "ae", *names) if name in names), None)


class _CodecTab:
    """Components of the tab, and what happens when they are used."""

    def __init__(self, context: PageContext) -> None:
        self.context = context
        self.codecs = CodecLibrary(find_codecs(context.defaults.watched))
        self._latest: tuple[tuple[Path, Any], CodecComparison] | None = None
        names = list(self.codecs.folders)
        if not names:
            gradio.Markdown(NO_CODEC)
        self.file = gradio.File(label="Recording", height=150, elem_id="musika-codec-file")
        with gradio.Row():
            self.codec = gradio.Dropdown(
                names,
                value=choose_codec(names, context.defaults.watched),
                label="Codec",
                elem_id="musika-codec-name",
            )
            self.hear = gradio.Button("Hear it", variant="primary", elem_id="musika-codec-hear")
            self.cancel = gradio.Button("Cancel")
        self.status = gradio.Markdown(elem_id="musika-codec-status", min_height=28)
        gradio.HTML("<musika-codec></musika-codec>", apply_default_css=False)
        with gradio.Row():
            self.format = gradio.Dropdown(list_formats(), value="wav", label="Format", elem_id="musika-codec-format")
            self.download = gradio.Button("Download the reconstruction", elem_id="musika-codec-download")
        self.told = gradio.JSON(visible="hidden")
        self.played = gradio.File(file_count="multiple", visible="hidden")
        self.saved = gradio.File(visible="hidden")
        self._connect()

    def _connect(self) -> None:
        results = [self.status, self.told, self.played]
        long: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "codec", "preprocess": False}
        shown = {**long, "show_progress": "minimal", "show_progress_on": [self.status]}  # the place in the queue
        inputs = [self.file, self.codec]
        heard = self.hear.click(self._hear, inputs, results, api_name="compare_codec", **shown)
        uploaded = self.file.upload(self._hear, inputs, results, **PRIVATE, **shown)
        for event in (heard, uploaded):
            event.success(
                None,
                [self.told, self.played],
                None,
                js="(told, files) => musika.codec.show(told, files)",
                **PRIVATE,
            )
        saved = self.download.click(
            self._save, [self.file, self.codec, self.format], [self.saved], api_name="save_reconstruction", **long
        )
        saved.success(None, [self.saved], None, js="file => musika.download(file)", **PRIVATE)
        running: list[Any] = [heard, uploaded, saved]
        self.cancel.click(lambda: "Cancelled.", None, [self.status], cancels=running, queue=False, **PRIVATE)

    def _hear(self, file: Any, name: Any) -> Iterator[Update]:
        """Codes a recording: figures, and as files the original, the reconstruction and a spectrogram of each."""
        with tell_failures():
            path, title = get_upload(file)
            work = Work(lambda report: self._compare_codec(path, title, name, report))
            for _ in work.wait():
                yield "Working", gradio.skip(), gradio.skip()
            heard = work.result
            files = [self._write(wave, heard, "", PREVIEW) for wave in (heard.original, heard.decoded)]
            files += [self._write_picture(picture) for picture in heard.pictures]
            told = {"title": clean_title(Path(title).stem), "codec": name, "matched_gain": heard.matched_gain}
            yield heard.remark, {**told, "rows": heard.rows}, files

    def _compare_codec(self, path: Path, title: str, name: Any, report: Report) -> CodecComparison:
        """What a codec makes of a file; the latest result is kept."""
        key = path, name
        latest = self._latest
        if latest is None or latest[0] != key:
            codec = self.codecs.get_codec(name, report)
            with name_upload(title):
                latest = self._latest = key, compare_codec(codec, path, report)
        return latest[1]

    def _save(self, file: Any, name: Any, extension: Any) -> Iterator[Any]:
        """Writes what a codec makes of a recording into a file of a format, such as "flac"."""
        with tell_failures():
            if extension not in list_formats():
                raise UsageError(f"choose a format: one of {', '.join(list_formats())}")
            path, title = get_upload(file)
            work = Work(lambda report: self._compare_codec(path, title, name, report))
            for _ in work.wait():
                yield gradio.skip()
            stem = f"{clean_title(Path(title).stem)}-{clean_title(name)}-"
            yield self._write(work.result.decoded, work.result, stem, extension)

    def _write(self, waveform: np.ndarray, heard: CodecComparison, stem: str, extension: str) -> str:
        """Writes a waveform into a file that is named after what it holds."""
        path = self._name_file(stem, waveform, extension)
        audio.write(path, waveform, heard.sample_rate)
        self.context.files.remove_old(path)
        return str(path)

    def _write_picture(self, picture: np.ndarray) -> str:
        path = self._name_file("", picture, "png")
        path.write_bytes(pictures.encode_png(picture))
        self.context.files.remove_old(path)
        return str(path)

    def _name_file(self, stem: str, content: np.ndarray, extension: str) -> Path:
        digest = hashlib.sha256(content.tobytes()).hexdigest()
        return self.context.files.folder / f"{stem}{digest[: 8 if stem else 32]}.{extension}"
