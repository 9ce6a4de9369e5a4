"""Options that several commands have.

The law: this imports nothing heavy, as `rookery node` stays in memory for ever.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def config_option(function: Function) -> Function:
    """The option that says which cluster is meant."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False),
        required=True,
        envvar="ROOKERY_CONFIG",
        help="The settings, the same file on every node (or set ROOKERY_CONFIG).",
    )(function)
