"""Which flag helps with an error of the library. Standard library only.

The library names the thing that is wrong (`MusikaError.about`), since it does not know who calls it. This table says,
verb by verb, which flag names that thing.
"""

from __future__ import annotations

from musika.errors import MusikaError

# what an error is about -> the advice; `verb/thing` comes before `thing`
REMEDIES = {
    "codec": "--dec_path names the codec's folder",
    "evaluate/performer": "--performer names the performer's folder",
    "evaluate/codec": "--codec names the codec's folder",
    "instruments": "--load_path checkpoints/ensemble plays more of them",
    "generator": "--load_path names the generator's folder",
    "verify/generator": "--load_path names the checkpoint's folder",
    "train/generator": "--load_path names the checkpoint to resume or to fine-tune",
    "performer": "--load_path names the performer's folder",
    "editor": "--load_path names the editor's folder",
    "edit/generator": "--load_path names the editor's folder",
    "spans": "--spans names them, in seconds",
    "at": "--at names the second",
    "before": "--before asks for less",
    "over": "--over asks for less",
    "codec to train": "--load_path names the codec to resume or to fine-tune",
    "learning_rate": "--lr sets it",
    "audio": "--files_path names the folder with audio files",
    "encode/reader": "--reader soundfile works in this environment",
    "latents": "--train_path names the folder of latents, which musika encode makes",
    "decode/latents": "--files_path names the folder of latents, which musika encode makes",
    "codec of latents": "--dec_path names the codec that made them; or encode the audio again",
    "evaluate/codec of latents": "--codec names the codec that made them; or encode the audio again",
    "encode/codec of latents": "--save_path names another folder, or --dec_path the codec that made them",
    "form of latents": "--max_lat_len and --whole say the same as before, or --save_path names another folder",
    "chunk length": "--max_lat_len of encode sets the length of chunks",
    "window": "--max_lat_len of encode sets the length of chunks, and --small True trains with windows of 128",
    "generated": "--generated names the folder of generated audio or latents",
    "reference": "--reference names the folder of real music",
    "training": "--training names the folder of training music",
    "run": "--watch names the folder of a run, which holds run.json",
    "embedding": "--embedding names the network",
    "embedding_preset": "--embedding_preset says what the network takes",
    "host": "--host names another address",
    "port": "--port names another port",
    "generate/midi": "--midi names a MIDI file to play",
    "play/midi": "SONG names the MIDI file",
    "serve/midi": "--load_path names a checkpoint that makes music by itself, such as checkpoints/piano",
    "test/midi": "--load_path names a checkpoint that makes music by itself, such as checkpoints/piano",
    "source": "--source names the file",
    "midi": "--midi_path names the folder of MIDI files",
    "bits": "--bits says how many",
    "jobs": "--jobs sets how many",
    "loop": "leave out --loop",
    "styles": "--styles names styles by time, such as 0:00=12, 2:00=40",
    "loudness": "--loudness is for music that can be heard",
    "save": "--save_path names another folder",
    "video/save": "TARGET names another file",
    "picture": "--picture names another one",
    "colour": "--colour takes it",
    "auth": "--auth says them",
    "mcp": "leave out --mcp",
    "convert/save": "TARGET names another folder",
}


def get_remedy(error: MusikaError, verb: str) -> str | None:
    """The advice for an error of a verb, None where there is none."""
    return REMEDIES.get(f"{verb}/{error.about}", REMEDIES.get(error.about or ""))


def add_remedy(error: MusikaError, verb: str) -> MusikaError:
    """The same error with the advice behind its text; the error itself where there is none."""
    remedy = get_remedy(error, verb)
    return error if remedy is None else type(error)(f"{error}; {remedy}")
