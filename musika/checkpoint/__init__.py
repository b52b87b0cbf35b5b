"""Checkpoints: folders of named arrays with their configuration, and where to find them."""

from musika.checkpoint.description import (
    check_shapes,
    describe_network,
    name_with_article,
    parse_codec_identity,
    parse_sizes,
    require_kind,
)
from musika.checkpoint.folder import (
    CONFIG,
    MANIFEST,
    SUFFIX,
    change_config,
    drop,
    encode_files,
    find_folder,
    has,
    read,
    read_config,
    read_shapes,
    verify,
    write,
    write_files,
)
from musika.checkpoint.identity import hash_files
from musika.checkpoint.weights import assign, check_names, compute_identity, get_weights, list_weight_names

__all__ = [
    "CONFIG",
    "MANIFEST",
    "SUFFIX",
    "assign",
    "change_config",
    "check_names",
    "check_shapes",
    "compute_identity",
    "describe_network",
    "drop",
    "encode_files",
    "find_folder",
    "get_weights",
    "has",
    "hash_files",
    "list_weight_names",
    "name_with_article",
    "parse_codec_identity",
    "parse_sizes",
    "read",
    "read_config",
    "read_shapes",
    "require_kind",
    "verify",
    "write",
    "write_files",
]
