"""The schema of RFC 7489 appendix C, as rules: which elements, in which order, how many, with which values."""

import ipaddress
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

Check = Callable[[str], Any]


def one_of(*values: str) -> Check:
    return re.compile("|".join(values)).fullmatch


ANY: Check = lambda text: True  # noqa: E731 (a check like the others)
NUMBER = re.compile(r"[0-9]+").fullmatch
PASSES = one_of("pass", "fail")
POLICY = one_of("none", "quarantine", "reject")
MANY = 10**9
# element: its children in order, each with the fewest and the most, or a check of its text
RULES: dict[str, Any] = {
    "feedback": [("version", 0, 1), ("report_metadata", 1, 1), ("policy_published", 1, 1), ("record", 1, MANY)],
    "version": re.compile(r"[0-9]+\.[0-9]+").fullmatch,
    "report_metadata": [
        ("org_name", 1, 1), ("email", 1, 1), ("extra_contact_info", 0, 1), ("report_id", 1, 1), ("date_range", 1, 1),
        ("error", 0, MANY),
    ],
    "date_range": [("begin", 1, 1), ("end", 1, 1)],
    "policy_published": [
        ("domain", 1, 1), ("adkim", 0, 1), ("aspf", 0, 1), ("p", 1, 1), ("sp", 1, 1), ("pct", 1, 1), ("fo", 1, 1),
    ],
    "adkim": one_of("r", "s"), "aspf": one_of("r", "s"), "p": POLICY, "sp": POLICY, "pct": NUMBER,
    "fo": re.compile(r"[01ds](:[01ds])*").fullmatch,
    "begin": NUMBER, "end": NUMBER,
    "record": [("row", 1, 1), ("identifiers", 1, 1), ("auth_results", 1, 1)],
    "row": [("source_ip", 1, 1), ("count", 1, 1), ("policy_evaluated", 1, 1)],
    "source_ip": ipaddress.ip_address, "count": NUMBER,
    "policy_evaluated": [("disposition", 1, 1), ("dkim", 1, 1), ("spf", 1, 1), ("reason", 0, MANY)],
    "disposition": POLICY,
    "reason": [("type", 1, 1), ("comment", 0, 1)],
    "type": one_of("forwarded", "sampled_out", "trusted_forwarder", "mailing_list", "local_policy", "other"),
    "identifiers": [("envelope_to", 0, 1), ("envelope_from", 1, 1), ("header_from", 1, 1)],
    "auth_results": [("dkim", 0, MANY), ("spf", 1, MANY)],
    "policy_evaluated/dkim": PASSES, "policy_evaluated/spf": PASSES,
    "auth_results/dkim": [("domain", 1, 1), ("selector", 0, 1), ("result", 1, 1), ("human_result", 0, 1)],
    "auth_results/spf": [("domain", 1, 1), ("scope", 1, 1), ("result", 1, 1)],
    "scope": one_of("helo", "mfrom"),
    "dkim/result": one_of("none", "pass", "fail", "policy", "neutral", "temperror", "permerror"),
    "spf/result": one_of("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror"),
}  # fmt: skip


def check(xml: bytes) -> None:
    """Raises AssertionError where a report is not as the schema has it."""
    root = ET.fromstring(xml)
    assert root.tag == "feedback"
    _check(root, "")


def _check(element: ET.Element, around: str) -> None:
    rule = RULES.get(f"{around}/{element.tag}", RULES.get(element.tag, ANY))
    if not isinstance(rule, list):
        assert len(element) == 0, f"{element.tag} has others in it"
        assert rule(element.text or ""), f"{element.tag} is {element.text!r}"
        return
    at = 0
    for name, fewest, most in rule:
        found = 0
        while at < len(element) and element[at].tag == name:
            _check(element[at], element.tag)
            found += 1
            at += 1
        assert fewest <= found <= most, f"{element.tag} has {found} {name}"
    assert at == len(element), f"{element.tag} has {element[at].tag} where it should not be"
