"""Files and folders: printable paths, listing, locks, writing whole or not at all. Standard library only."""

from musika.files.locks import FolderInUse, lock_folder
from musika.files.paths import describe_error, escape, format_path, list_files
from musika.files.writing import (
    NewFile,
    get_backup,
    have_same_bytes,
    is_writing,
    open_folder_replacement,
    open_new_file,
    open_replacement,
    open_without_replacing,
    sync_folder,
)

__all__ = [
    "FolderInUse",
    "NewFile",
    "describe_error",
    "escape",
    "format_path",
    "get_backup",
    "have_same_bytes",
    "is_writing",
    "list_files",
    "lock_folder",
    "open_folder_replacement",
    "open_new_file",
    "open_replacement",
    "open_without_replacing",
    "sync_folder",
]
