"""The models that a server plays: each is loaded when somebody asks for it first, and again when it has changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable

from musika.render import Model
from musika.serve.streams.query import QueryError

KEPT_MODELS = 4  # that are in memory at once; streams keep theirs until they end


def _find_no_version(name: str) -> Hashable:
    """Of checkpoints that do not change."""
    return name


class Library:
    """Models by the names of their checkpoints.

    Args:
        names: of the checkpoints; the first one is played where none is named.
        load: loads the checkpoint of a name.
        find_version: says which version of a checkpoint is there now: a model is loaded again where it is another one.
        kept: models that stay in memory; the one that was not used for longest is given up first.
    """

    def __init__(
        self,
        names: Collection[str],
        load: Callable[[str], Model],
        find_version: Callable[[str], Hashable] = _find_no_version,
        kept: int = KEPT_MODELS,
    ) -> None:
        self.names = tuple(names)
        self._load, self._find_version, self._kept = load, find_version, kept
        self._models: OrderedDict[str, tuple[Hashable, Model]] = OrderedDict()
        self._locks = {name: threading.Lock() for name in self.names}
        self._order = threading.Lock()

    @property
    def default(self) -> str:
        """The name of the checkpoint that is played where none is named; "" where there are no checkpoints."""
        return self.names[0] if self.names else ""

    def describe_missing(self, name: str) -> str:
        """What a person is told who asks for a checkpoint that is not here."""
        known = f"choose one of {', '.join(self.names)}" if self.names else "none is here"
        return f"there is no checkpoint {name[:40]!r}: {known}"

    def get_model(self, name: str) -> Model:
        """The model of a checkpoint, loaded at the first call; other models can be used meanwhile.

        Raises:
            QueryError: there is no checkpoint of that name.
            MusikaError: it cannot be loaded.
        """
        if name not in self._locks:
            raise QueryError(self.describe_missing(name))
        with self._locks[name]:
            version = self._find_version(name)
            present = self._models.get(name)
            if present is None or present[0] != version:
                present = version, self._load(name)
            with self._order:
                self._models[name] = present
                self._models.move_to_end(name)
                while len(self._models) > self._kept:
                    self._models.popitem(last=False)
            return present[1]
