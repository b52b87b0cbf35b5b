"""The models that a server plays: each is loaded once, when somebody asks for it first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from musika.render import Model
from musika.serve.streams.query import QueryError


class Library:
    """Models by the names of their checkpoints.

    Args:
        names: of the checkpoints; the first one is played where none is named.
        load: loads the checkpoint of a name.
    """

    def __init__(self, names: Collection[str], load: Callable[[str], Model]) -> None:
        self.names = tuple(names)
        self._load = load
        self._models: dict[str, Model] = {}
        self._locks = {name: threading.Lock() for name in self.names}

    @property
    def default(self) -> str:
        """The name of the checkpoint that is played where none is named."""
        return self.names[0]

    def get_model(self, name: str) -> Model:
        """The model of a checkpoint, loaded at the first call; other models can be used meanwhile.

        Raises:
            QueryError: there is no checkpoint of that name.
            MusikaError: it cannot be loaded.
        """
        if name not in self._locks:
            raise QueryError(f"there is no checkpoint {name[:40]!r}: choose one of {', '.join(self.names)}")
        with self._locks[name]:
            if name not in self._models:
                self._models[name] = self._load(name)
            return self._models[name]
