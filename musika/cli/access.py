"""The user and the password that a server asks for, from a flag or from the environment."""

from __future__ import annotations

import os

from musika import console

VARIABLE = "MUSIKA_AUTH"


def choose_auth(flag: str | None, host: str, is_shared: bool = False) -> str | None:
    """`user:password`, checked; None where everybody may use the server. Warnings say who else could.

    Args:
        flag: what `--auth` says; None looks at the variable of the environment, which other users cannot see.
        host: that is listened on.
        is_shared: whether the server is published, too.

    Raises:
        UsageError: it is no user and password.
    """
    from musika.serve.access import Credentials, is_loopback

    text = flag if flag is not None else os.environ.get(VARIABLE) or None
    if text is not None:
        Credentials.parse(text)
        if not is_loopback(host):
            console.warn(
                "the password and the music travel without encryption: use this in a network that you trust, or put a "
                "proxy with TLS in front"
            )
    elif is_shared or not is_loopback(host):
        who = "who has the link" if is_shared else "in your network"
        console.warn(f"everybody {who} can use this server: --auth user:password asks for a password")
    return text
