"""Videos: what moves, what is written on them, what they are refused for, and the file that comes out."""

from __future__ import annotations

import json
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from musika import audio
from musika.config.video import VideoSettings
from musika.errors import AudioError, ConfigError, UsageError
from musika.render.recipe import Machine, PieceRecipe, read_recipe
from musika.video import VideoError, WrittenVideo, background, encoder, fonts, make, waveform, write_video
from tests.helpers import tiny

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
RATE = 8000
RECIPE = PieceRecipe(
    "open",
    "0123456789abcdef",
    "fedcba9876543210",
    7,
    {"truncation": 1.5, "variation": 1.0, "styles": "0:00=1, 1:00=2", "key": 'A "minor"; #=\\'},
    RATE * 60,
    RATE * 2,
    RATE,
    Machine("tensorflow", "float32", False, 2),
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds: a loud one and a silent one, with a recipe."""
    path = tmp_path_factory.mktemp("sound") / "a #1.flac"
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    wave = np.concatenate([tone, np.zeros(RATE)]).astype(np.float32)
    audio.write(path, np.stack([wave, wave], 1), RATE, RECIPE.to_tags())
    return path


def test_bars_are_as_high_as_the_sound_is_loud_however_it_comes() -> None:
    wave = np.concatenate([np.full((800, 2), 0.5), np.zeros((800, 2)), np.full((400, 2), 1.0)]).astype(np.float32)
    levels = waveform.measure_levels([wave], RATE)
    np.testing.assert_allclose(levels, [0.5, 0.0, np.sqrt(0.5)], rtol=1e-5)
    parts = waveform.measure_levels(np.array_split(wave, 7), RATE)
    np.testing.assert_allclose(parts, levels, rtol=1e-5)
    assert len(waveform.measure_levels([], RATE)) == 0


def test_frames_move_with_the_sound() -> None:
    heights = np.array([1.0, 0.1, 0.5], np.float32)
    first, later = (waveform.draw_frame(heights, second, 200, 40) for second in (0.0, 0.1))
    step = round(waveform.PITCH)
    middle = 100
    assert first.shape == (40, 200) and first.dtype == np.uint8
    assert not first[:, : middle - 1].any()  # before the sound begins
    assert (first[:, middle + 1] > 0).all()  # the loudest bar fills the strip
    assert 0 < (first[:, middle + step + 1] > 0).sum() <= 6 < (first[:, middle + 2 * step + 1] > 0).sum() < 40
    shape = first[:, middle + 1 : middle + 30] > 0
    np.testing.assert_array_equal(shape, later[:, middle + 1 - step : middle + 30 - step] > 0)
    assert later[20, middle - step + 1] == 255 > first[20, middle + 2 * step + 1] > 0  # what was heard is brighter
    assert len(list(waveform.draw_frames(heights, 0.3, 25, 20, 4))) == 8


def test_silence_has_bars_too() -> None:
    assert (waveform.scale_heights(np.zeros(3, np.float32)) == waveform.LOWEST).all()


def test_a_long_text_is_cut_into_lines_that_fit() -> None:
    font = fonts.load_font("a", 20)
    lines = fonts.wrap_text("a song about many things that go on and on " * 9, font, 200, 3)
    assert len(lines) == 3 and lines[-1].endswith(fonts.ELLIPSIS)
    assert all(0 < font.getlength(line) <= 200 for line in lines)
    assert fonts.wrap_text("short", font, 200, 3) == ["short"]
    assert len(fonts.wrap_text("x" * 200, font, 100, 5)) == 5  # a word that is longer than a line
    assert fonts.wrap_text("   ", font, 100, 5) == []


@pytest.mark.parametrize(
    "text", ["Für Élise", "Привет", "Ωδή", "مرحبا", "日本の歌", "🎹 \u200b\x00\n", "\udcff", "%{pts}: '\\"]
)
def test_text_of_any_language_is_drawn(text: str) -> None:
    settings = VideoSettings()
    plain = background.draw_background(settings, "", "")
    drawn = background.draw_background(settings, text, text)
    assert drawn.size == settings.size
    assert np.any(np.asarray(drawn) != np.asarray(plain))
    assert isinstance(fonts.load_font(text, 20), ImageFont.FreeTypeFont)


def test_a_character_that_no_font_has_is_told() -> None:
    assert fonts.find_missing("ab \U000f1234a\U000f1234") == "\U000f1234"
    assert fonts.find_missing("Für Привет") == ""


def test_text_is_dark_on_a_light_colour_and_light_on_a_picture() -> None:
    assert background.choose_ink(VideoSettings(colour="#ffffee"), False) == background.DARK
    assert background.choose_ink(VideoSettings(colour="#ffffee"), True) == background.LIGHT
    assert background.choose_ink(VideoSettings(), False) == background.LIGHT


def test_a_picture_fills_the_video_in_every_shape(tmp_path: Path) -> None:
    Image.new("RGBA", (40, 300), (200, 100, 0, 255)).save(tmp_path / "tall.png")
    picture = background.read_picture(tmp_path / "tall.png")
    for shape in ("wide", "square", "tall"):
        settings = VideoSettings(shape=shape)
        image = background.draw_background(settings, "", "", picture)
        assert image.size == settings.size and image.getpixel((0, 0)) == (110, 55, 0)
        assert all(number % 2 == 0 for number in (*settings.size, *background.find_strip(settings)))


def make_huge_png() -> bytes:
    """The header of a picture of 4 billion pixels."""
    header = (60_000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + (13).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.png", b""),
        ("text.png", b"no picture"),
        ("huge.png", make_huge_png()),
        ("torn.png", make_huge_png()[:20]),
        ("vector.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("none.png", None),
    ],
)
def test_a_bad_picture_is_one_line(name: str, content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=name) as caught:
        background.read_picture(tmp_path / name)
    assert caught.value.about == "picture" and "\n" not in str(caught.value)


def test_a_picture_of_too_many_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    monkeypatch.setattr(background, "LARGEST_FILE", 10)
    with pytest.raises(UsageError, match="larger"):
        background.read_picture(tmp_path / "a.png")


@pytest.mark.parametrize(
    "values", [{"colour": "red"}, {"colour": "#12345"}, {"shape": "round"}, {"title": "x" * 201}, {"colour": "#gggggg"}]
)
def test_settings_that_mean_nothing_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        VideoSettings(**values)


def test_settings_have_one_form() -> None:
    assert VideoSettings(" two\nlines ", " #AABBCC ") == VideoSettings("two lines", "#aabbcc")
    assert VideoSettings(colour="#0a10ff").rgb == (10, 16, 255)


def test_a_line_says_what_differs_from_the_defaults() -> None:
    line = make.describe_recipe(RECIPE)
    assert line == 'open · seed 7 · from 1:00 · truncation 1.5 · styles 0:00=1, 1:00=2 · key A "minor"; #=\\'


@needs_ffmpeg
def test_a_video_has_sound_pictures_and_the_recipe(sound: Path, tmp_path: Path) -> None:
    target, seconds = tmp_path / "new" / "video.mp4", []
    made = write_video(sound, target, VideoSettings("Ein Lied; = # \\ für 'dich'"), on_second=seconds.append)
    assert made == WrittenVideo(target, ()) and seconds[-1] == pytest.approx(2.0) and seconds == sorted(seconds)
    assert [file.name for file in target.parent.iterdir()] == ["video.mp4"]
    words = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(target)]
    told = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
    kinds = {stream["codec_type"]: stream for stream in told["streams"]}
    assert (kinds["video"]["width"], kinds["video"]["height"], kinds["video"]["nb_frames"]) == (1280, 720, "50")
    assert kinds["audio"]["codec_name"] == "aac"
    assert told["format"]["tags"]["title"] == "Ein Lied; = # \\ für 'dich'"
    assert json.loads(told["format"]["tags"]["comment"])["musika"]["seed"] == 7
    assert read_recipe(target) == RECIPE
    heard = audio.read(target)
    assert len(heard) == pytest.approx(2 * 44_100, abs=3000)
    assert np.sqrt(np.mean(heard[5000:40_000] ** 2)) == pytest.approx(np.sqrt(0.125), rel=0.1)


@needs_ffmpeg
def test_the_picture_of_a_video_moves(sound: Path, tmp_path: Path) -> None:
    write_video(sound, tmp_path / "a.mp4", VideoSettings(colour="#000000", shape="square"))
    words = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.mp4"), "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    data = np.frombuffer(subprocess.run(words, capture_output=True, check=True).stdout, np.uint8)
    frames = data.reshape(-1, 1080, 1080)
    left, top, width, height = background.find_strip(VideoSettings(shape="square"))
    strips = frames[:, top : top + height, left : left + width].astype(float)
    assert len(frames) == 50
    assert np.abs(strips[20] - strips[30]).mean() > 3  # it moves
    assert strips[20][:, width // 2 - 40 : width // 2].mean() > 4 * strips[45][:, width // 2 - 40 : width // 2].mean()
    assert np.abs(frames[20, :top].astype(float) - frames[45, :top]).mean() < 1  # the rest does not


@needs_ffmpeg
def test_a_video_that_is_interrupted_leaves_nothing(sound: Path, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(second: float) -> None:
        if second > 0.5:
            raise Stop

    with pytest.raises(Stop):
        write_video(sound, tmp_path / "a.mp4", on_second=stop)
    assert list(tmp_path.iterdir()) == []


@needs_ffmpeg
def test_sound_without_a_recipe_gets_a_video_and_a_remark(tmp_path: Path) -> None:
    audio.write(tmp_path / "a.wav", np.zeros((800, 2), np.float32), RATE)
    (remark,) = write_video(tmp_path / "a.wav", tmp_path / "a.mp4").remarks
    assert "no recipe" in remark and (tmp_path / "a.mp4").stat().st_size > 1000
    look = VideoSettings(colour="#202020")
    assert write_video(tmp_path / "a.wav", tmp_path / "a.mp4", look, keep_existing=True).path.name == "a-2.mp4"


@needs_ffmpeg
def test_a_video_of_a_piece_can_be_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import musika
    from musika.__main__ import main

    folder = tiny.write_checkpoints(tmp_path / "checkpoints")
    monkeypatch.chdir(tmp_path)
    musika.load(folder).piece(7).save(tmp_path / "a.flac", seconds=2)
    write_video(tmp_path / "a.flac", tmp_path / "a.mp4")
    assert main("verify", [str(tmp_path / "a.mp4")]) == 0, capsys.readouterr()
    assert ": true: open, seed 7, 2 s; in its worst second" in capsys.readouterr().out


def test_what_cannot_be_made_is_one_line(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"\.mp4"):
        write_video(sound, tmp_path / "a.avi")
    monkeypatch.setattr(encoder.shutil, "which", lambda name: "/bin/false")
    with pytest.raises(UsageError, match="longer than 1 s"):
        write_video(sound, tmp_path / "a.mp4", longest=1.0)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(AudioError, match=r"text\.wav"):
        write_video(tmp_path / "text.wav", tmp_path / "a.mp4")
    with pytest.raises(VideoError, match="encoders"):
        write_video(sound, tmp_path / "a.mp4")
    monkeypatch.setattr(encoder.shutil, "which", lambda name: None)
    with pytest.raises(VideoError, match="not installed") as caught:
        write_video(sound, tmp_path / "a.mp4")
    assert caught.value.about == "ffmpeg"
    assert [file.name for file in tmp_path.iterdir()] == ["text.wav"]


def test_failures_of_ffmpeg_are_one_line(sound: Path, tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    (tmp_path / "tags.txt").write_text("")
    Image.new("RGB", (64, 64)).save(tmp_path / "still.png")
    frames = [np.zeros((4, 64), np.uint8)] * 100
    with pytest.raises(VideoError, match="ffmpeg says") as caught:
        encoder.encode_video(
            tmp_path / "a.mp4",
            tmp_path / "none.wav",
            tmp_path / "still.png",
            tmp_path / "tags.txt",
            frames,
            (0, 0, 64, 4),
            (0, 0, 0),
            25,
            4.0,
        )
    assert "\n" not in str(caught.value)


@needs_ffmpeg
def test_the_command_makes_a_video(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from musika.__main__ import main

    Image.new("RGB", (64, 48), (0, 0, 90)).save(tmp_path / "p.png")
    words = [str(sound), str(tmp_path / "a.mp4"), "--picture", str(tmp_path / "p.png"), "--title", "Mein Lied"]
    assert main("video", words) == 0
    out = capsys.readouterr().out
    assert "a.mp4: 2 s in " in out and (tmp_path / "a.mp4").is_file()
    assert main("video", [str(sound), str(tmp_path / "b.mp4"), "--colour", "red"]) == 2
    assert "#334455" in capsys.readouterr().err
    assert not (tmp_path / "b.mp4").exists()
