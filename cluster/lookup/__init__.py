"""Lists and maps that rules name: `[lookup.NAME]` of the settings. Knows no mail.

The law: what is held answers at once; what is asked is asked once for all who wait, within a bound, and remembered for
a while; when it fails, its fall-back answers, or the rule that rests on it fails.
"""

from cluster.lookup.lookups import Lookups
from cluster.lookup.settings import LookupSettings

__all__ = ["LookupSettings", "Lookups"]
