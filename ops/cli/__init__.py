"""The command `rookery`: one module a command, each loaded only when it is used (main.py has the table)."""
