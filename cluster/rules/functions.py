"""The functions of rules: for each name its shapes, and what it does. Operators are in compiling.py.

The law: a function takes time linear in its arguments, makes nothing larger than all of them, and is the same for the
same arguments, but for the clock and the dice that the run has.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from cluster.rules.facts import Failed, Run
from cluster.rules.kinds import Kind

_INT_MAX: Final = 2**63
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Function(NamedTuple):
    """One shape of a function. `needs_run`: `call` gets the run before its arguments."""

    takes: tuple[Kind, ...]
    gives: Kind
    call: Callable[..., Any]
    needs_run: bool = False


Functions = Mapping[str, tuple[Function, ...]]


def _int(value: str | float) -> int:
    try:
        number = int(value if not isinstance(value, str) or len(value) <= 20 else "")
    except (ValueError, OverflowError):
        raise Failed("int() of what is no whole number") from None
    if abs(number) > _INT_MAX:
        raise Failed("int() of a number beyond 64 bits")
    return number


def _hour(run: Run) -> int:
    return dt.datetime.fromtimestamp(run.tools.clock.now_ms() / 1000, dt.UTC).hour


def _day(run: Run) -> str:
    return _DAYS[dt.datetime.fromtimestamp(run.tools.clock.now_ms() / 1000, dt.UTC).weekday()]


def _random(run: Run, below: int) -> int:
    if not 0 < below <= _INT_MAX:
        raise Failed("random() wants a number from 1 up")
    return run.tools.dice.getrandbits(96) % below


def _text(value: float | str) -> str:
    return str(value)


def _before(text: str, sign: str) -> str:
    return text.split(sign, 1)[0] if sign else text


def _after(text: str, sign: str) -> str:
    return text.split(sign, 1)[1] if sign and sign in text else ""


_B, _I, _F, _T = Kind.BOOL, Kind.INT, Kind.FLOAT, Kind.TEXT
_SIZED: Final = (_T, Kind.TEXTS, Kind.INTS)
STANDARD: Final[Functions] = {
    "size": tuple(Function((kind,), _I, len) for kind in _SIZED),
    "contains": (Function((_T, _T), _B, lambda text, part: part in text),),
    "startsWith": (Function((_T, _T), _B, str.startswith),),
    "endsWith": (Function((_T, _T), _B, str.endswith),),
    "lower": (Function((_T,), _T, str.lower),),
    "upper": (Function((_T,), _T, str.upper),),
    "before": (Function((_T, _T), _T, _before),),
    "after": (Function((_T, _T), _T, _after),),
    "int": (Function((_T,), _I, _int), Function((_F,), _I, _int), Function((_I,), _I, _int)),
    "string": (Function((_I,), _T, _text), Function((_F,), _T, _text), Function((_T,), _T, _text)),
    "hour": (Function((), _I, _hour, needs_run=True),),
    "day": (Function((), _T, _day, needs_run=True),),
    "random": (Function((_I,), _I, _random, needs_run=True),),
}
"""What every rule may call, besides `matches`, `in_network`, `lookup`, `list`, `exists` and `all`."""
