"""`python -m ops.cli`, which is what the launcher becomes."""

from ops.cli.main import main

main()
