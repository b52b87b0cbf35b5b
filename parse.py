"""The flags of the five scripts, under the name that Musika gives them."""

from musika.cli.flags import *  # noqa: F403
