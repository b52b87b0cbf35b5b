"""Figures of codecs, generators and music: a file for each metric, and modules that measure whole sets of pieces.

Conventions: waveforms are float32 `[N, 2]`, full scale ±1; a pair is (original, decoded) of one length. Distances are 0
for equal things. A figure that is not defined for its input, such as the loudness of silence, is NaN, and null in JSON.

- `pair/`: metrics of one pair of waveforms; `pair/reconstruction.py` has all of them but `clicks`, for which the length
  of blocks must be known.
- `latents/`: statistics of latents, robustness of the decoder, cycle consistency.
- `notes/`: whether the notes of a score are heard in its audio, and how loud.
- `scores/`: written music: features of sections, copied runs of notes, how themes return.
- `sets/`: metrics of sets of pieces. `sets/spaces.py` and `sets/network.py` turn a piece into rows of numbers.
- `codec.py`, `generator.py`, `performer.py`, `editor.py`, `composer.py`: the figures of each kind of network.
- `music.py`: generated music beside real music, which `pieces.py` reads. `speed.py`: how fast the machine is.
"""
