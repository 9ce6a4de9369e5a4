"""Log lines: one event a line, JSON for machines or a readable form for a terminal, through structlog.

The law: a log that cannot be written never disturbs the mail (the line is counted as lost), and no line is unbounded.

Everyone logs with `structlog.get_logger()`, binds the ids that run from connection to mailbox (`log.bind(session=…)`)
and names events in snake case: `log.info("message_accepted", size_bytes=4096)`.
"""

import sys
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal

import msgspec
import orjson
import structlog
from msgspec import Meta

from cluster.clock import Clock
from cluster.errors import Misconfigured

LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
LINE_BYTES_MAX: Final = 16 * 1024  # one line stays readable, and one write to a file or pipe
_VALUE_CHARACTERS_MAX: Final = 200  # of each value in a line that was over LINE_BYTES_MAX
_FIELDS_MAX: Final = 40  # and how many of them

Fields = MutableMapping[str, Any]
Level = Literal["debug", "info", "warning", "error", "critical"]


class LogSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged, where and how."""

    level: Annotated[Level, Meta(description="The least important events to log. May be changed while running.")] = (
        "info"
    )
    form: Annotated[
        Literal["auto", "json", "console"],
        Meta(description="One JSON object a line, or lines for people; auto: for people where it is a terminal."),
    ] = "auto"
    file: Annotated[str, Meta(description="The file to append to; empty: standard error.")] = ""


class Log(structlog.BoundLoggerBase):
    """A bound logger whose level is looked up at each call, so that it may change at run time."""

    least = LEVELS["info"]

    def debug(self, event: str, **fields: Any) -> None:
        """What only a developer asks for."""
        if self.least <= LEVELS["debug"]:
            self._proxy_to_logger("debug", event, **fields)

    def info(self, event: str, **fields: Any) -> None:
        """What happened, once a message or connection."""
        if self.least <= LEVELS["info"]:
            self._proxy_to_logger("info", event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        """What somebody should look at."""
        if self.least <= LEVELS["warning"]:
            self._proxy_to_logger("warning", event, **fields)

    def error(self, event: str, **fields: Any) -> None:
        """What failed for someone."""
        if self.least <= LEVELS["error"]:
            self._proxy_to_logger("error", event, **fields)

    def exception(self, event: str, **fields: Any) -> None:
        """An error with the exception now being handled."""
        self.error(event, **{"exc_info": True, **fields})

    def critical(self, event: str, **fields: Any) -> None:
        """What stops the server."""
        self._proxy_to_logger("critical", event, **fields)


class Logs:
    """The logging of this process: its level, its file, and what was lost."""

    def __init__(self, writer: "_Writer", bound: type[Log]) -> None:
        self._writer = writer
        self._bound = bound

    @property
    def lost(self) -> int:
        """Lines that could not be written since the start."""
        return self._writer.lost

    def set_level(self, level: Level) -> None:
        """Change the level of every logger of this process at once. Raises Misconfigured."""
        if level not in LEVELS:
            raise Misconfigured(f"There is no log level {level}; there are {', '.join(LEVELS)}.")
        self._bound.least = LEVELS[level]

    def reopen(self) -> None:
        """Open the log file again by its name, after it was rotated. Raises Misconfigured."""
        self._writer.open()

    def close(self) -> None:
        """Close the file; later lines count as lost."""
        self._writer.close()


def set_up(
    settings: LogSettings, clock: Clock, stderr: BinaryIO | None = None, *, always: Mapping[str, str] | None = None
) -> Logs:
    """Make `structlog.get_logger()` of this process log as set. Call it once, before the first line is logged.

    `stderr`: where lines go when no file is set; by default standard error, unbuffered. `always`: fields of every
    line. Raises Misconfigured when the file cannot be opened.
    """
    writer = _Writer(settings.file, stderr)
    bound = type("ProcessLog", (Log,), {"least": LEVELS[settings.level]})
    console = settings.form == "console" or (settings.form == "auto" and writer.is_terminal())
    structlog.configure(
        processors=[_stamp(clock, always or {}), _console(writer.is_terminal()) if console else _as_json],
        wrapper_class=bound,
        context_class=dict,
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    return Logs(writer, bound)


class _Writer:
    """Writes whole lines with one system call each."""

    def __init__(self, path: str, stderr: BinaryIO | None) -> None:
        self.lost = 0
        self._path = path
        self._stderr = stderr
        self._file: BinaryIO | None = None
        self.open()

    def open(self) -> None:
        if not self._path:
            self._file = self._stderr or _unbuffered_stderr()
            return
        try:
            fresh = Path(self._path).open("ab", buffering=0)  # noqa: SIM115 - kept until `close`
        except OSError as error:
            cure = "check the path and who may write there"
            raise Misconfigured(f"Cannot open the log file {self._path}: {error.strerror}; {cure}.") from error
        self.close()
        self._file = fresh

    def is_terminal(self) -> bool:
        return self._file is not None and self._file.isatty()

    def write(self, line: bytes | str) -> None:
        data = line if isinstance(line, bytes) else line.encode(errors="replace") + b"\n"
        try:
            if self._file is None or self._file.write(data) != len(data):
                self.lost += 1
        except (OSError, ValueError):  # a full disk, a closed pipe or file: the mail goes on without its log
            self.lost += 1

    def close(self) -> None:
        if self._file is not None and self._path:
            self._file.close()
        self._file = None

    # structlog calls the method that is named like the level.
    debug = info = warning = error = critical = write


def _unbuffered_stderr() -> BinaryIO:
    return open(sys.stderr.fileno(), "wb", buffering=0, closefd=False)


def _stamp(clock: Clock, always: Mapping[str, str]) -> structlog.typing.Processor:
    def stamp(_: Any, method: str, fields: Fields) -> Fields:
        at = datetime.fromtimestamp(clock.now_ms() / 1000, UTC).isoformat(timespec="milliseconds")
        return {"timestamp": at, "level": method, "event": fields.pop("event"), **always, **fields}

    return stamp


def _as_json(_: Any, __: str, fields: Fields) -> bytes:
    if fields.get("exc_info"):
        fields["exception"] = _exception(fields.pop("exc_info"))
    line = _dumped(fields)
    return line if len(line) <= LINE_BYTES_MAX else _dumped(_shortened(fields))


def _dumped(fields: Fields) -> bytes:
    try:
        return orjson.dumps(dict(fields), default=repr, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:  # lone surrogates, integers above 64 bits, deep nesting
        plain = {key: repr(value)[:_VALUE_CHARACTERS_MAX] for key, value in fields.items()}
        return orjson.dumps(_without_surrogates(plain), option=orjson.OPT_APPEND_NEWLINE)


def _without_surrogates(fields: dict[str, str]) -> dict[str, str]:
    return {k.encode(errors="replace").decode(): v.encode(errors="replace").decode() for k, v in fields.items()}


def _shortened(fields: Fields) -> dict[str, Any]:
    kept = list(fields.items())[:_FIELDS_MAX]
    return {key[:_VALUE_CHARACTERS_MAX]: _short(value) for key, value in kept} | {"shortened": True}


def _short(value: Any) -> Any:
    return value if isinstance(value, bool | int | float) else str(value)[:_VALUE_CHARACTERS_MAX]


def _exception(info: Any) -> str:
    """The traceback as text, its innermost calls last. Locals are left out: they may hold secrets."""
    if isinstance(info, BaseException):
        error: BaseException | None = info
    else:
        error = info[1] if isinstance(info, tuple) else sys.exc_info()[1]
    return "".join(traceback.format_exception(error, limit=-20))[-LINE_BYTES_MAX // 2 :] if error else ""


def _console(colours: bool) -> structlog.dev.ConsoleRenderer:
    # The default shows the locals of every frame when `rich` is there, secrets included.
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
