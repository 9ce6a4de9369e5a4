"""`rookery config`: all settings, in words."""

import click


@click.command()
def config() -> None:
    """Print a commented settings file (TOML) that says what every setting is.

    \b
    Begin with it:   rookery config > rookery.toml
    Then run:        rookery alone --config rookery.toml

    Any value may come from the environment or from a file instead: { env = "NAME" } or { file = "/run/secrets/x" }.
    """
    from cluster.config import document
    from ops.settings import Settings

    click.echo(document(Settings))
