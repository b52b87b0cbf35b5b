"""Checkpoints: folders of named arrays with their configuration, and where to find them."""

from musika.checkpoint.folder import (
    CONFIG,
    MANIFEST,
    SUFFIX,
    assign,
    check_names,
    drop,
    has,
    identity,
    named_weights,
    names,
    read,
    read_config,
    shapes,
    verify,
    write,
)

__all__ = [
    "CONFIG",
    "MANIFEST",
    "SUFFIX",
    "assign",
    "check_names",
    "drop",
    "has",
    "identity",
    "named_weights",
    "names",
    "read",
    "read_config",
    "shapes",
    "verify",
    "write",
]
