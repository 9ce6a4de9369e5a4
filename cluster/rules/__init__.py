"""Rules of the settings: one small expression language, used wherever a choice is made. Knows no mail.

The law: a rule comes from the administrator and its values from the network, so a rule may be wrong only when settings
are loaded, and a value may be anything at all times: no rule loops, stalls, or breaks what it decides over.
"""

from cluster.rules.choice import Choice, Picked
from cluster.rules.expression import Expression
from cluster.rules.facts import Facts, Tools

__all__ = ["Choice", "Expression", "Facts", "Picked", "Tools"]
