"""Variables of the environment that a page must not follow: proxies on the way to itself, settings of other pages."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator

from musika import console
from musika.serve.ports import strip_brackets

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # needed by nothing on this computer, and an error where they are gone


@contextlib.contextmanager
def isolate_page(host: str, share: bool) -> Iterator[None]:
    """While the block runs, requests to the page's own address go through no proxy, and Gradio has no settings.

    Gradio asks its own page whether it answers. A proxy of a company does not reach it, and a SOCKS proxy ends the page
    where no library for SOCKS is installed.

    Args:
        host: that the page listens on.
        share: proxies stay for other addresses, since the page is published through them.
    """
    before = dict(os.environ)
    local = ",".join([*LOCAL_NAMES, strip_brackets(host)])
    for name in before:
        if name.startswith("GRADIO_") and name != "GRADIO_ANALYTICS_ENABLED":
            del os.environ[name]
        elif name.lower().endswith("_proxy") and name.lower() != "no_proxy":
            if not share or not _can_use(name):
                del os.environ[name]
        elif name in CERTIFICATES and not share:
            del os.environ[name]
    if share:
        kept = before.get("no_proxy") or before.get("NO_PROXY")
        local = f"{kept},{local}" if kept else local
    # set in any case: without it and without proxies, httpx would ask the system for its proxies
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = local if share else "*"
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _can_use(name: str) -> bool:
    """Whether httpx can use the proxy of a variable; if not, that is told."""
    scheme = os.environ[name].partition("://")[0].lower() if "://" in os.environ[name] else "http"
    if scheme in ("http", "https") or (scheme in ("socks5", "socks5h") and importlib.util.find_spec("socksio")):
        return True
    advice = "; pip install socksio helps" if scheme in ("socks5", "socks5h") else ""
    console.warn(f"the {scheme} proxy of {name} cannot be used and is left out{advice}")
    return False
