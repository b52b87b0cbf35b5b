"""Networks in ONNX files: VGGish's input, small files made here, and what does not fit."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from musika.errors import UsageError
from musika.metrics.sets import network

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def write_network(path: Path, shape: list[int | str], operation: str = "ReduceMean", inputs: int = 1) -> Path:
    """An ONNX file whose input has this shape: the mean over its last axis, or the input itself."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    values = [helper.make_tensor_value_info(f"in{i}", kind, shape) for i in range(inputs)]
    out = helper.make_tensor_value_info("out", kind, None)
    if operation == "ReduceMean":
        axes = [onnx.numpy_helper.from_array(np.array([-1]), "axes")]
        node = helper.make_node("ReduceMean", ["in0", "axes"], ["out"], keepdims=0)
    else:
        axes, node = [], helper.make_node(operation, [f"in{i}" for i in range(inputs)], ["out"])
    graph = helper.make_graph([node], "small", values, [out], axes)
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), str(path))
    return path


def embed(net: network.Network, sound: np.ndarray, size: int = 65_536, rate: int = 44_100) -> np.ndarray:
    listener = network.Embedder(net, rate)
    for start in range(0, len(sound), size):
        listener.add(sound[start : start + size])
    return listener.finish()


def test_the_input_of_vggish_for_a_tone() -> None:
    """1 kHz: mel 999.99 lies between the centres of bands; nothing away from them but ln(0.01)."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(15_600) / 16_000).astype(np.float32)
    log_mel = network.compute_log_mel(tone)
    assert log_mel.shape == (96, 64)
    centres = np.linspace(1127 * np.log1p(125 / 700), 1127 * np.log1p(7500 / 700), 66)[1:-1]
    loudest = int(np.argmin(np.abs(centres - 1127 * np.log1p(1000 / 700))))
    assert (np.abs(log_mel.argmax(axis=1) - loudest) <= 1).all()
    # a Hann window of 400 samples gives a full-scale sine a magnitude of 100 in its bin (32, exactly 1 kHz)
    assert 4.0 < log_mel.max() < np.log(250)
    np.testing.assert_allclose(network.compute_log_mel(np.zeros(15_600, np.float32)), np.log(0.01), atol=1e-6)


def test_triangles_are_straight_on_the_mel_scale() -> None:
    weights = network.build_mel_filters()
    assert weights.shape == (257, 64) and weights.min() == 0 and weights.max() <= 1 and not weights[0].any()
    hertz = np.arange(257) * 16_000 / 512
    assert not weights[(hertz < 125) | (hertz > 7500)].any()
    inside = (hertz > 200) & (hertz < 7000)
    np.testing.assert_allclose(weights[inside].sum(axis=1), 1, atol=1e-9)  # neighbours add up


@pytest.mark.parametrize("shape", [["B", 96, 64], ["B", 1, 96, 64], ["B", 96, 64, 1], [1, 96, 64], [4, 96, 64]])
def test_patches_of_vggish_in_every_layout(tmp_path: Path, shape: list[int | str]) -> None:
    net = network.Network(write_network(tmp_path / "net.onnx", shape), network.parse_preset("vggish"))
    sound = np.random.default_rng(0).standard_normal((44_100 * 21, 2)).astype(np.float32) * 0.1
    rows = embed(net, sound)
    assert rows.ndim == 2 and len(rows) == 21 and np.isfinite(rows).all()  # 0.96 s each, the first 0.975 s long
    np.testing.assert_allclose(embed(net, sound, 10_007), rows, atol=1e-4)


def test_patches_of_a_waveform(tmp_path: Path) -> None:
    kind = network.parse_preset("waveform:8000:0.5")
    assert (kind.length, kind.step) == (4000, 4000)
    net = network.Network(write_network(tmp_path / "net.onnx", ["B", 1, 4000], "Identity"), kind)
    time = np.arange(44_100 * 2) / 44_100
    sound = np.stack([np.sin(2 * np.pi * 100 * time), np.zeros_like(time)], axis=1).astype(np.float32)
    rows = embed(net, sound)
    assert rows.shape == (4, 4000)
    expected = 0.5 * np.sin(2 * np.pi * 100 * np.arange(16_000) / 8000)
    assert np.abs(rows.ravel() - expected)[200:-200].max() < 1e-3
    assert embed(net, sound[:5000]).size == 0  # too short for a patch


@pytest.mark.parametrize(
    "text", ["vgg", "waveform", "waveform:16000", "waveform:x:1", "waveform:0:1", "waveform:8000:0"]
)
def test_other_presets_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="say vggish, or waveform:RATE:SECONDS"):
        network.parse_preset(text)


def test_other_files_are_refused(tmp_path: Path) -> None:
    kind = network.parse_preset("vggish")
    (tmp_path / "text.onnx").write_text("not a network")
    for name, words in (("none.onnx", "there is no file"), ("text.onnx", "is not an ONNX network")):
        with pytest.raises(UsageError, match=words):
            network.Network(tmp_path / name, kind)
    two = write_network(tmp_path / "two.onnx", ["B", 96, 64], "Add", inputs=2)
    with pytest.raises(UsageError, match="not one input"):
        network.Network(two, kind)
    other = network.Network(write_network(tmp_path / "other.onnx", ["B", 96, 32]), kind)
    with pytest.raises(UsageError, match=r"does not take an input of shape \[1, 96, 64\]") as caught:
        other(np.zeros((1, 15_600), np.float32))
    assert "\n" not in str(caught.value)
    flat = network.Network(write_network(tmp_path / "flat.onnx", ["N"]), kind)
    with pytest.raises(UsageError):
        flat(np.zeros((1, 15_600), np.float32))


def test_without_onnxruntime_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UsageError, match="pip install onnxruntime"):
        network.Network(tmp_path / "net.onnx", network.parse_preset("vggish"))
