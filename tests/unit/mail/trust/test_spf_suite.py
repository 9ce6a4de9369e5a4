"""The SPF standard's own test suite (RFC 7208), each of its cases a test: `shared/suites/rfc7208-tests.yml`.

Looked for in $ROOKERY_SHARED, or in a folder `shared` beside the checkout or above it; skipped where there is none.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from mail.trust.spf import check_mail_from
from tests.unit.mail.trust.asking import Zone

ROOT = Path(__file__).resolve().parents[4]
NAME = "suites/rfc7208-tests.yml"


def _file() -> Path | None:
    places = [Path(os.environ["ROOKERY_SHARED"])] if "ROOKERY_SHARED" in os.environ else []
    places += [above / "shared" for above in list(ROOT.parents)[:2]]
    return next((place / NAME for place in places if (place / NAME).is_file()), None)


def _cases() -> list[Any]:
    file = _file()
    if file is None:
        why = f"{NAME} is not here: set ROOKERY_SHARED to the folder that has it"
        return [pytest.param({}, {}, marks=pytest.mark.skip(reason=why), id="suite")]
    cases = []
    for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
        for name, case in document["tests"].items():
            cases.append(pytest.param(case, document["zonedata"], id=f"{document['description']}: {name}"))
    return cases


def _zone(data: dict[str, list[Any]]) -> Zone:
    """Zone data as the suite writes it: what is SPF is TXT, too, unless there is TXT; TIMEOUT is of all other kinds."""
    records: dict[str, dict[str, list[Any]]] = {}
    broken: set[Any] = set()
    for name, rows in data.items():
        kinds: dict[str, list[Any]] = {}
        for row in rows:
            if isinstance(row, dict):
                for kind, value in row.items():
                    kinds.setdefault(kind, []).append(_record(kind, value))
        if "SPF" in kinds and "TXT" not in kinds:
            kinds["TXT"] = kinds["SPF"]
        if kinds.get("TXT") == [b"NONE"]:
            kinds["TXT"] = []
        records[name] = kinds
        if "TIMEOUT" in rows:
            every = {"A", "AAAA", "TXT", "MX", "PTR"}
            broken |= {(name, kind) for kind in every if not kinds.get(kind)}
    return Zone(records, broken)


def _record(kind: str, value: Any) -> Any:
    if kind in ("TXT", "SPF"):
        pieces = value if isinstance(value, list) else [value]
        return b"".join(piece.encode("latin-1") for piece in pieces)
    if kind == "MX":
        return (value[0], value[1].lower().rstrip("."))
    return value.lower().rstrip(".")


@pytest.mark.parametrize(("case", "data"), _cases())
def test_suite(case: dict[str, Any], data: dict[str, list[Any]]) -> None:
    zone = _zone(data)
    found = zone.run(check_mail_from(case["host"], case["mailfrom"], case["helo"], receiver="receiver.test", now_s=1))
    wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
    assert found.result in wanted, found.why
    if "explanation" in case:
        explanation = "" if case["explanation"] == "DEFAULT" else case["explanation"]
        assert found.explanation == explanation
