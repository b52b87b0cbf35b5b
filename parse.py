"""The flags of the five scripts, under the name that Musika gives them."""

from musika.flags import *  # noqa: F403
