"""A store that does not know what became of a commit, as one across a network may."""

from cluster.errors import Unavailable
from cluster.meta.memory import MemoryEngine, MemoryStore
from cluster.meta.validate import Changes


class Unknowing(MemoryStore):
    """A store that may land a commit, now or later, and say that it does not know."""

    held: Changes | None = None
    asked = 0  # to say so, of the next commits; negative: and keep them back
    after = 0  # commits that come before those

    def __init__(self) -> None:
        super().__init__()
        engine = self._engine
        assert isinstance(engine, MemoryEngine)
        self.land = engine.land
        commit = engine.commit

        async def unsure(changes: Changes) -> None:
            if not self.asked or self.after:
                self.after = max(0, self.after - 1)
                return await commit(changes)
            if self.asked > 0:
                await commit(changes)
            else:
                self.held = changes
            self.asked = 0
            raise Unavailable("Nobody knows.")

        engine.commit = unsure  # type: ignore[method-assign]
