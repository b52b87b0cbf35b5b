"""Spectra against SciPy-free references: librosa's mel filters, NumPy's FFT, and their own inverse."""

import librosa
import numpy as np
import pytest

from musika import backend, spectrum

pytestmark = pytest.mark.backend


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_stft_is_numpys_fft_of_windowed_frames() -> None:
    signal = noise(2, 4096)
    real, imaginary = backend.to_numpy(spectrum.stft(backend.to_device(signal), 512, 128))
    assert real.shape == imaginary.shape == (2, 29, 257)
    frame = signal[1, 7 * 128 : 7 * 128 + 512] * spectrum.make_hann_window(512)
    np.testing.assert_allclose(real[1, 7] + 1j * imaginary[1, 7], np.fft.rfft(frame), atol=2e-4)


@pytest.mark.parametrize("hop", [128, 64])
def test_the_inverse_restores_the_signal_where_frames_overlap_fully(hop: int) -> None:
    signal = backend.to_device(noise(3, 4096))
    restored = backend.to_numpy(spectrum.inverse_stft(spectrum.stft(signal, 512, hop), hop))
    inside = slice(512 - hop, hop - 512)
    np.testing.assert_allclose(restored[:, inside], backend.to_numpy(signal)[:, inside], atol=2e-6)


def test_overlap_add_is_the_transpose_of_framing() -> None:
    signal, pieces = noise(1, 2048), noise(1, 13, 512)
    framed = backend.to_numpy(spectrum.split_frames(backend.to_device(signal), 512, 128))
    added = backend.to_numpy(spectrum.overlap_add(backend.to_device(pieces), 128))
    assert np.vdot(framed, pieces) == pytest.approx(np.vdot(signal, added), rel=1e-4)


@pytest.mark.parametrize(("window", "bands"), [(2048, 128), (512, 64)])
def test_mel_filters_are_librosas(window: int, bands: int) -> None:
    expected = librosa.filters.mel(sr=44_100, n_fft=window, n_mels=bands)
    np.testing.assert_allclose(spectrum.make_mel_filters(44_100, window, bands), expected.T, atol=1e-7)
