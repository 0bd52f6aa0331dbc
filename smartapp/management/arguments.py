"""Arguments of commands."""

from argparse import ArgumentTypeError


def filled(text: str) -> str:
    """Return the argument. An empty one, as a script has it whose variable is not set, is not taken
    for one that was left out: that often means everything, or nothing. argparse reports the
    error."""
    if not text.strip():
        raise ArgumentTypeError("it is empty")
    return text
