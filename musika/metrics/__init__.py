"""Figures of codecs, generators and music: a file for each metric, and modules that measure whole sets of pieces.

Conventions: waveforms are float32 `[N, 2]`, full scale ±1; a pair is (original, decoded) of one length. Distances are 0
for equal things. A figure that is not defined for its input, such as the loudness of silence, is NaN, and null in JSON.

- `pair/`: metrics of one pair of waveforms; `pair/reconstruction.py` has all of them but `clicks`, for which the length
  of blocks must be known.
- `latents/`: statistics of latents, robustness of the decoder, cycle consistency.
- `sets/`: metrics of sets of pieces. `sets/spaces.py` and `sets/network.py` turn a piece into rows of numbers.
- `codec.py`, `generator.py`, `music.py`: the figures of a codec, of a generator in training, and of generated music
  beside real music, which `pieces.py` reads. `speed.py`: how fast the machine is.
"""
