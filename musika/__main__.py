"""`musika VERB ...`, `python -m musika VERB ...`, and what the five scripts run."""

from __future__ import annotations

import os
import sys

try:
    import importlib
    import itertools
    from collections.abc import Sequence

    from musika import __version__, console, environment
    from musika.cli import flags
    from musika.cli.remedies import add_remedy
    from musika.errors import MusikaError, UsageError
except KeyboardInterrupt:  # nothing has been begun; an exit that Python handles could still end with a traceback
    os.write(2, b"\ninterrupted\n")
    os._exit(130)


def main(verb: str, argv: Sequence[str] | None = None) -> int:
    """Runs one verb with its flags (default: the process's own) and returns the exit code.

    0 done, 1 some items failed, 2 the call cannot be carried out, 130 interrupted (`console.run_guarded` has the rest).
    """
    console.prepare_streams()
    words = sys.argv[1:] if argv is None else list(argv)
    return console.run_guarded(lambda: _run(verb, words), _wants_verbose(words), environment.restore_stderr)


def entry() -> int:
    """The console command `musika`: the verb comes first."""
    console.prepare_streams()
    words = sys.argv[1:]
    if words and words[0] in flags.VERBS:
        return main(words[0], words[1:])
    return console.run_guarded(lambda: _show_help(words), verbose=False)


def _run(verb: str, words: Sequence[str]) -> int:
    options = flags.parse(verb, words)
    for name in flags.list_flags_without_effect(verb, options):
        console.warn(f"--{name} has no effect: only the original Musika used it")
    environment.prepare(options.verbose, options.cpu)
    command = importlib.import_module(f"musika.cli.{verb}")
    try:
        return command.run(options)
    except MusikaError as error:
        raise add_remedy(error, verb) from error


def _show_help(words: Sequence[str]) -> int:
    """What is printed without a verb: help, or the version."""
    if words and words[0] in ("--version", "version"):
        console.say(f"musika {__version__}")
    elif not words or words[0] in ("-h", "--help", "help"):
        console.say("Music without end, from a model that you can train.\n\nusage: musika VERB [--flag value ...]\n")
        for name, verb in flags.VERBS.items():
            console.say(f"  {name:<10}{verb.summary}")
        console.say("\nmusika VERB --help lists its flags.")
    else:
        near = flags.suggest(words[0], list(flags.VERBS))
        hint = f"did you mean {near}?" if near else f"the verbs are {', '.join(flags.VERBS)}"
        raise UsageError(f"there is no verb '{words[0]}'; {hint}")
    return 0


def _wants_verbose(words: Sequence[str]) -> bool:
    """Whether faults show their traceback, also when the flags themselves are at fault."""
    for word, following in itertools.pairwise([*words, "--"]):
        if word == "--verbose":
            return following.lower() not in ("false", "no", "off", "0")
        if word.lower() in ("--verbose=true", "--verbose=yes", "--verbose=on", "--verbose=1"):
            return True
    return False


if __name__ == "__main__":
    sys.exit(entry())
