"""Settings: declared beside their users as msgspec Structs, read from one TOML file, printed with their reasons.

The law: a setting has one declaration, from which reading, checking and documenting all follow; a secret is
never shown.
"""

from cluster.config.documenting import document
from cluster.config.loading import load
from cluster.config.secret import Secret

__all__ = ["Secret", "document", "load"]
