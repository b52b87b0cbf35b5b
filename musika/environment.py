"""What the surroundings of the process may not decide: settings of other libraries, folders, chatter of frameworks.

Variables and files that people set for other programs (a notebook's matplotlib, another project's Keras) reach every
library that is imported here. `prepare` replaces what would change or stop Musika. Standard library only.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib.machinery
import importlib.util
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from musika.errors import UsageError

# Keras's backends that Musika is tested on -> how to install each
BACKENDS = {"tensorflow": "pip install -r requirements.txt", "jax": 'pip install ".[jax]"'}
MEMORY = Path("/dev/shm")  # files in memory, of Linux
THREADS = "TF_NUM_INTRAOP_THREADS"  # TensorFlow's own variable, read when it starts
M_ARENA_MAX = -8  # of glibc's malloc.h
FRAMEWORKS = ("tensorflow", "jax", "jaxlib")
CHATTY = ("tensorflow", "absl", "jax", "jax._src.xla_bridge", "httpx", "asyncio", "matplotlib", "tensorboard")
# Keras imports these where they are installed, for functions that are not used here: half a second for nothing, and
# matplotlib ends the import where MPLBACKEND names something unknown
NOT_FOR_KERAS = ("sklearn", "matplotlib", "pandas")


def prepare(verbose: bool = False, cpu: bool = False) -> None:
    """Makes the process independent of its surroundings, and quiet. Must run before a framework is imported.

    Args:
        verbose: leaves the messages of frameworks on.
        cpu: hides GPUs from them.

    Raises:
        UsageError: KERAS_BACKEND names something that Musika does not run on, or that is not installed; or there is no
            place for temporary files.
    """
    choose_backend()
    choose_temporary_folder()
    if not os.path.isabs(os.path.expanduser("~")):  # a user that the system does not know, in a container
        os.environ["HOME"] = os.devnull
    for name in [name for name in os.environ if name.startswith("KERAS_") and name != "KERAS_BACKEND"]:
        del os.environ[name]
    os.environ["KERAS_HOME"] = os.devnull  # so that Keras finds no keras.json (its data format, its precision)
    os.environ["MPLBACKEND"] = "agg"  # pictures are files; a window, or a notebook's backend, is never needed
    os.environ.pop("MATPLOTLIBRC", None)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):  # of another installation, often; httpx would end with them
        if not os.path.exists(os.environ.get(name, "/")):
            del os.environ[name]
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    if cpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        os.environ["JAX_PLATFORMS"] = "cpu"
    if not any(isinstance(finder, _LibraryFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _LibraryFinder(quiet=not verbose))
    if verbose:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["GRPC_VERBOSITY"] = "ERROR"
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    warnings.filterwarnings("ignore")
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)


def choose_backend() -> str:
    """Keras's backend, of the variable KERAS_BACKEND; TensorFlow where it is not set.

    Raises:
        UsageError: another one than Musika runs on, or one that is not installed.
    """
    name = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if name not in BACKENDS:
        raise UsageError(f"KERAS_BACKEND={name}: Musika runs on {' or '.join(BACKENDS)}; set it to one, or unset it")
    if name not in sys.modules and importlib.util.find_spec(name) is None:
        others = [other for other in BACKENDS if other != name and importlib.util.find_spec(other) is not None]
        choice = f", or set KERAS_BACKEND={others[0]}" if others else ""
        raise UsageError(f"KERAS_BACKEND={name}: {name} is not installed; run {BACKENDS[name]}{choice}")
    os.environ["KERAS_BACKEND"] = name
    return name


def prepare_rendering() -> None:
    """Prepares a process that renders and does not train. No effect once TensorFlow is imported.

    Operations use one thread each, where TF_NUM_INTRAOP_THREADS does not say how many: several blocks are computed at a
    time instead, and bits do not depend on how many cores there are. And all threads take memory from one heap: with
    one each, as glibc has it, memory grows by 2 % in a day, because parts of all heaps lie idle.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault(THREADS, "1")
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if set_option is not None:
            set_option(M_ARENA_MAX, 1)


def follow_machine(backend: str, threads: int) -> None:
    """Computes with the backend and the number of threads that a recipe names. Must run before a framework is imported.

    Raises:
        UsageError: the backend is not installed.
    """
    os.environ["KERAS_BACKEND"] = backend
    os.environ[THREADS] = str(threads)
    choose_backend()


def choose_temporary_folder() -> None:
    """Lets temporary files, which frameworks make as well, go to memory where no usual place for them can be written.

    Raises:
        UsageError: there is no other place, either.
    """
    try:
        tempfile.gettempdir()
    except OSError as error:
        if not _can_write(MEMORY):
            raise UsageError("no folder for temporary files can be written to: set TMPDIR to one that can") from error
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def choose_numba_cache() -> None:
    """Lets Numba (of librosa) keep what it compiles in a temporary folder, where all its usual places are read-only.

    The folder belongs to this process and is removed with it: what lies there is executed, so it must not be shared.
    """
    library = importlib.util.find_spec("librosa")
    places = [Path(os.environ["NUMBA_CACHE_DIR"])] if os.environ.get("NUMBA_CACHE_DIR") else []
    places += [Path(folder) / "__pycache__" for folder in (library and library.submodule_search_locations) or ()]
    places.append(_get_user_cache() / "numba")
    if any(_can_write(place) for place in places):
        return  # Numba tries the same places
    os.environ["NUMBA_CACHE_DIR"] = make_temporary_folder("musika-numba-")


def make_temporary_folder(prefix: str) -> str:
    """A folder that is removed when the process ends."""
    folder = tempfile.mkdtemp(prefix=prefix)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _get_user_cache() -> Path:
    """The user's folder for caches, as Numba finds it."""
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")


def _can_write(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made if needed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


class _LibraryFinder:
    """Finds libraries as usual, but makes their import quiet, short, and independent of the surroundings.

    The C++ parts of frameworks print lines on standard error at start-up (about CUDA, about processor features) before
    any setting is read. And Keras would import libraries that are not used here, and TensorFlow would import JAX.
    """

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.hidden: tuple[str, ...] = ()  # answered as if they were not installed, for the moment

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name in self.hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name == "numba":
            choose_numba_cache()
        if name == "keras" or (name in FRAMEWORKS and self.quiet):
            spec = importlib.machinery.PathFinder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                self._wrap(name, spec.loader)
            return spec
        return None

    def _wrap(self, name: str, loader: Any) -> None:
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            if name == "keras":
                others = NOT_FOR_KERAS if os.environ["KERAS_BACKEND"] != "tensorflow" else (*NOT_FOR_KERAS, "jax")
                self.hidden = tuple(other for other in others if other not in sys.modules)
            try:
                with pause_collection(), silence_stderr() if self.quiet else contextlib.nullcontext():
                    execute(module)
            finally:
                if name == "keras":
                    self.hidden = ()

        loader.exec_module = exec_module


@contextlib.contextmanager
def pause_collection() -> Iterator[None]:
    """Python looks for no unused objects meanwhile, and never again among those that are there at the end.

    The import of a framework makes half a million objects that all stay. Looking through them again and again takes a
    quarter of its time, and a last look delays the end of the process.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


_silenced: list[tuple[int, int]] = []  # standard error, and what it was before


@contextlib.contextmanager
def silence_stderr() -> Iterator[None]:
    """Standard error of this process, C++ included, goes nowhere; after an exception, what was held back is shown."""
    with contextlib.ExitStack() as stack:
        try:
            descriptor = sys.stderr.fileno()
            held = stack.enter_context(tempfile.TemporaryFile())
            kept = os.dup(descriptor)
        except (OSError, ValueError, AttributeError):
            yield  # there is no real standard error to silence, or nowhere to hold it back
            return
        sys.stderr.flush()
        os.dup2(held.fileno(), descriptor)
        _silenced.append((descriptor, kept))
        try:
            yield
        except Exception:  # after an interrupt, nobody wants to read it
            os.dup2(kept, descriptor)
            held.seek(0)
            os.write(descriptor, held.read())
            raise
        finally:
            _silenced.pop()
            os.dup2(kept, descriptor)
            os.close(kept)


def restore_stderr() -> None:
    """Ends what `silence_stderr` does, for a process that ends at once."""
    for descriptor, kept in _silenced[:1]:
        os.dup2(kept, descriptor)
