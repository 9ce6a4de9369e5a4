"""A search key (mail.imap.search) as a test (gateway.access.finding.matching).

The law: NOT stands at the leaves only.
"""

from gateway.access.finding.matching import Column, Every, Probe, Some, Test, joined
from gateway.imap import probes
from mail.imap import search as key


def compile_key(wanted: key.SearchKey, *, is_not: bool = False, fuzzy: bool = False) -> Test:
    """The key as a test: keys that belong together are together, whatever parentheses they had."""
    match wanted:
        case key.Not(inner):
            return compile_key(inner, is_not=not is_not, fuzzy=fuzzy)
        case key.Fuzzy(inner):
            return compile_key(inner, is_not=is_not, fuzzy=True)
        case key.And() | key.Or():
            keys = wanted.keys if isinstance(wanted, key.And) else (wanted.left, wanted.right)
            tests = [compile_key(one, is_not=is_not, fuzzy=fuzzy) for one in keys]
            return joined(Every if isinstance(wanted, key.And) is not is_not else Some, tests)  # De Morgan
    question = probes.question_of(wanted, fuzzy=fuzzy)
    return Column(wanted, is_not=is_not) if question is None else Probe(question, is_not=is_not)
