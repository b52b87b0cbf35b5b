"""Figures that say how good a codec or a generator is: a file a metric, each with `evaluate(...) -> dict[str, float]`.

Conventions. Waveforms are float32 `[N, 2]`, full scale ±1; a pair is (original, decoded) of one length. Distances are 0
for equal things. A figure that is not defined for its input (loudness of silence) is NaN, and null in JSON.

Of one pair (`reconstruction.py` has them all): `log_mel`, `band_bias`, `log_spectral`, `level`, `loudness`, `si_sdr`,
`stereo`, `onsets`, `flatness`, `tuning`, `borders`. Of latents: `latents`, `robustness`, `cycle`. Of sets of pieces,
which `spaces.py` and `network.py` describe by rows of numbers: `frechet`, `manifold`, `copies`.
"""
