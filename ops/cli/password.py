"""How a command gets a password: asked for, read from standard input, or made up.

The law: never from the command line, which every user of the machine can read, and never into a log.
"""

import secrets
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

GENERATED_CHARACTERS: Final = 20  # of 57: 116 bits
_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"  # without 0 O 1 l I, which look alike

Function = TypeVar("Function", bound=Callable[..., Any])


def password_options(function: Function) -> Function:
    """`--password-stdin` and `--generate`."""
    generate = click.option("--generate", is_flag=True, help="Make up a password and print it.")
    stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input, one line.")
    function = generate(function)
    return stdin(function)


def chosen(*, password_stdin: bool, generate: bool) -> str:
    """The password. Raises click.UsageError where there is no way to get it."""
    if password_stdin and generate:
        raise click.UsageError("--password-stdin and --generate are two ways; choose one.")
    if generate:
        return "".join(secrets.choice(_ALPHABET) for _ in range(GENERATED_CHARACTERS))
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise click.UsageError("Standard input has no password.")
        return password
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for a password: use --password-stdin or --generate.")
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return answer
