"""Awaiting the binding's futures, and being without the binding."""

import ast
import asyncio
import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.errors import Misconfigured, TooLarge, Unavailable
from cluster.meta import foundationdb_binding as binding
from cluster.meta.foundationdb_binding import Future, load, ready, trouble_of
from tests.foundationdb_double import Database, FDBError, Network, Transaction


@pytest.fixture
def transaction() -> Transaction:
    return Database(Network()).create_transaction()


async def test_what_is_ready_is_not_waited_for(transaction: Transaction) -> None:
    future = transaction.commit()
    await ready(future)
    await ready(future)
    assert future.wait() is None


class Never:
    """A future that is never ready."""

    def __init__(self) -> None:
        self.cancelled = False
        self.callbacks: list[Callable[[Future], None]] = []

    def is_ready(self) -> bool:
        return False

    def on_ready(self, callback: Callable[[Future], None]) -> None:
        self.callbacks.append(callback)

    def cancel(self) -> None:
        self.cancelled = True

    def wait(self) -> None:
        raise AssertionError("the event loop would have been blocked")


async def test_cancelling_who_waits_cancels_the_future() -> None:
    never = Never()
    waiting = asyncio.create_task(ready(never))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert never.cancelled


def test_an_answer_that_comes_when_the_loop_is_gone_hurts_nobody() -> None:
    never = Never()

    async def gives_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ready(never), 0.001)

    asyncio.run(gives_up())
    (callback,) = never.callbacks
    callback(never)


@pytest.mark.skipif(importlib.util.find_spec("fdb") is not None, reason="the package is installed here")
def test_without_the_package_the_text_says_how_to_get_it() -> None:
    with pytest.raises(Misconfigured, match=r"extra `foundationdb`.*foundationdb-clients of the same version"):
        load()


CLASSES = {  # ours, and the binding's that it describes
    binding.Future: "Future",
    binding.Reads: "TransactionRead",
    binding.Transaction: "Transaction",
    binding.Database: "Database",
    binding.Selectors: "KeySelector",
}


@pytest.mark.skipif(importlib.util.find_spec("fdb") is None, reason="the package foundationdb is not installed here")
def test_the_package_has_what_we_call() -> None:
    """Its source is read, because it cannot be imported without the client library."""
    spec = importlib.util.find_spec("fdb")
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse((Path(spec.origin).parent / "impl.py").read_text())
    theirs = {
        (cls.name, function.name): [argument.arg for argument in function.args.args]
        for cls in tree.body
        if isinstance(cls, ast.ClassDef)
        for function in cls.body
        if isinstance(function, ast.FunctionDef)
    }
    for ours, name in CLASSES.items():
        for called, function in vars(ours).items():
            if (
                inspect.isfunction(function)
                and (called[:2] != "__")
                and called not in ("_no_init_or_replace_init", "add")
            ):
                wanted = list(inspect.signature(function).parameters)
                assert theirs[name, called][1 : len(wanted)] == wanted[1:], f"{name}.{called}"
    options = (Path(spec.origin).parent / "fdboptions.py").read_text()
    asked = [option.removeprefix("set_") for option in vars(binding.TransactionOptions) if option.startswith("set_")]
    tests = [option.removeprefix("is_") for option in vars(binding.Predicates) if option.startswith("is_")]
    for word in (*asked, *tests, "want_all", "add"):
        assert f'"{word}" : (' in options


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (1515, Misconfigured),
        (2104, Misconfigured),
        (2107, Misconfigured),
        (2130, Misconfigured),
        (2101, TooLarge),
        (1031, Unavailable),
        (1, Unavailable),
    ],
)
def test_errors_mean(code: int, meaning: type[Exception]) -> None:
    assert type(trouble_of(FDBError(code))) is meaning
    assert str(code) in str(trouble_of(FDBError(code)))
