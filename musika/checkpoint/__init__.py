"""Checkpoints: folders of named arrays with their configuration, and where to find them."""

from musika.checkpoint.folder import (
    CONFIG,
    MANIFEST,
    SUFFIX,
    assign,
    check_names,
    compute_identity,
    drop,
    get_weights,
    has,
    list_weight_names,
    read,
    read_config,
    read_shapes,
    verify,
    write,
)

__all__ = [
    "CONFIG",
    "MANIFEST",
    "SUFFIX",
    "assign",
    "check_names",
    "compute_identity",
    "drop",
    "get_weights",
    "has",
    "list_weight_names",
    "read",
    "read_config",
    "read_shapes",
    "verify",
    "write",
]
