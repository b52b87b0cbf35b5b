"""Messages for people on other computers: they name files and checkpoints, and not the folders that these lie in."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from musika.errors import MusikaError
from musika.files import format_path

PART = r"""[^\s/\\'"`,;:()](?:[^/\\'"`,;:()\n]*[^\s/\\'"`,;:()])?"""  # name of a folder; it may have spaces inside
# the folders of a path that does not begin in the current folder; a slash inside of a word, as in 3/4, begins none
FOLDERS = re.compile(rf"(?<![\w.:/\\-])(?:~|\.\.?|[A-Za-z]:)?[/\\](?:{PART}[/\\])*(?={PART})")


def hide_folders(text: str) -> str:
    """A message whose paths are names of files: `/home/me/open/config.json` becomes `config.json`."""
    return FOLDERS.sub("", text)


@contextlib.contextmanager
def name_checkpoint(path: Path) -> Iterator[None]:
    """Lets messages of the library about a checkpoint begin with its name: `open/config.json`, wherever it lies.

    Args:
        path: of the checkpoint or the run, as the library gets it.
    """
    try:
        yield
    except MusikaError as error:
        text = str(error)
        folders = {str(folder) for folder in (path.parent, path.parent.absolute(), path.parent.resolve())}
        for folder in sorted(folders - {"."}, key=len, reverse=True):
            text = text.replace(f"{format_path(folder)}{os.sep}", "")
        error.args = (text,)
        raise
