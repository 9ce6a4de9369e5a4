"""Connections shared by messages: destinations with their queue of jobs, their connections and their pace.

The law: one destination for all domains behind the same servers under the same demands (`Plan.key`). A job is settled
once: by a server, or by the reason why none could be had. What another server could take at once is tried there, a few
times. Connections are bounded for a destination, for an address and in all; no task runs for a job or a command.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec.structs import replace

from cluster.clock import Dice
from gateway.outbound.bounces import classify
from gateway.outbound.connection import Connection, Connector, NotReady, Way, connect
from gateway.outbound.dial import Candidate, Plan, candidates
from gateway.outbound.settings import OutboundSettings
from gateway.outbound.tls import Observer, Policies, TlsOutcome, TlsPolicy
from mail.smtp.client.auth import Credentials
from mail.smtp.client.envelope import BadAddress, Transaction
from mail.smtp.client.events import Closed, Finished

TRIES_MAX: Final = 3  # of one job, on connections that went away before they took it
SWEEP_S: Final = 1.0  # how late a timeout may be
DESTINATIONS_MAX: Final = 20_000  # kept beyond their last job, for what is known of their hosts; 1 kB each


class Job(Protocol):
    """One transaction to be."""

    tries: int

    def transaction(self, connection: Connection) -> Transaction | None:
        """For this server; None: it was settled without. Raises BadAddress."""
        ...

    def settled(self, connection: Connection, event: Finished) -> None:
        """A server took or refused it."""
        ...

    def refused(self, why: str) -> None:
        """An address of it cannot be said."""
        ...

    def stranded(self, error: NotReady, way: Way | None) -> None:
        """No server could be had."""
        ...


class Destination:
    """The jobs and connections of one plan."""

    def __init__(self, pool: "Pool", plan: Plan) -> None:
        self.plan = plan
        self.limit = plan.connections_max
        self.queue: deque[Job] = deque()
        self.connections: dict[Connection, deque[Job]] = {}
        self._pool = pool
        self._idle: list[Connection] = []
        self._opening = 0
        self._under_way = 0
        self._bad: dict[str, float] = {}
        self._failure: tuple[float, NotReady, Way | None] | None = None
        self._taken = 0

    @property
    def busy(self) -> bool:
        """Whether anybody waits for it, or a connection is open."""
        return bool(self.queue or self.connections or self._opening)

    def reaches(self, address: str) -> bool:
        """Whether it may connect to an address."""
        return any(address in host.addresses for host in self.plan.hosts)

    def submit(self, job: Job) -> None:
        """Take a job; it will be settled."""
        if self._idle:
            self._use_idle(job)
            return
        failure = self._failure
        if failure is not None and not self.connections and not self._opening:
            if self._pool.now() < failure[0]:
                job.stranded(failure[1], failure[2])
                return
            self._failure = None
        self.queue.append(job)
        self.open_more()

    def forgive(self) -> None:
        """Hosts that did not answer are asked as if they had."""
        self._bad.clear()
        self._failure = None

    # -- owner of connections --------------------------------------------------------------------------------------

    def finished(self, connection: Connection, event: Finished) -> None:
        """A job is settled, or tried elsewhere."""
        job = self.connections[connection].popleft()
        self._under_way -= 1
        if event.again and job.tries < TRIES_MAX:
            self.queue.appendleft(job)
            return
        self._pace(event)
        job.settled(connection, event)

    def moved(self, connection: Connection) -> None:
        """Give it more to do, or put it by."""
        client, messages_max = connection.client, self._pool.settings.messages_per_connection_max
        while self.queue and client.room and client.transactions < messages_max:
            self._start(connection, self.queue.popleft())
        if client.idle and connection in self.connections:
            if client.exhausted or client.transactions >= messages_max:
                connection.quit()
                self.open_more()
            elif connection not in self._idle:
                connection.deadline_s = self._pool.now() + self._pool.settings.idle_s
                self._idle.append(connection)

    def closed(self, connection: Connection, event: Closed) -> None:
        """Forget it."""
        assert not self.connections[connection]
        del self.connections[connection]
        if connection in self._idle:
            self._idle.remove(connection)
        self._pool.gone(connection)
        if event.reply is not None and event.where != "connection" and connection.client.transactions <= 1:
            self._shun(connection.way.address)
            self._slower()
        self.open_more()

    def sweep(self, now_s: float) -> None:
        """Let go of who is late, and of who is idle."""
        for connection in list(self.connections):
            if now_s <= connection.deadline_s:
                continue
            if connection in self._idle:
                self._idle.remove(connection)
                connection.quit()
            else:
                connection.late()

    def let_go(self) -> bool:
        """Give up an idle connection, if there is one: another destination needs its place."""
        if not self._idle:
            return False
        self._idle.pop(0).quit()
        return True

    def close(self) -> None:
        """No more: what waits is stranded, what is under way is lost."""
        for connection in list(self.connections):
            connection.late()
        self._strand(NotReady("This server is shutting down", "system", status="4.3.2"), None)

    # -- within ----------------------------------------------------------------------------------------------------

    def _use_idle(self, job: Job) -> None:
        """An idle connection has room: one without is closed, and then not among them."""
        connection = self._idle.pop()
        self._start(connection, job)
        if connection.client.idle:
            self.moved(connection)  # the job needed none

    def _start(self, connection: Connection, job: Job) -> None:
        """Give the job to the connection, unless it is settled without."""
        try:
            transaction = job.transaction(connection)
            if transaction is None:
                return
            connection.send(transaction)
        except BadAddress as error:
            job.refused(str(error))
        except Exception as defect:  # noqa: BLE001 - a defect of ours must settle this job, and spare the others
            job.stranded(NotReady(f"A defect: {defect!r}"[:300], "system", status="4.3.0"), connection.way)
        else:
            job.tries += 1
            self.connections[connection].append(job)
            self._under_way += 1

    def open_more(self) -> None:
        """Open as many connections as the backlog is worth."""
        if self._pool.closed:
            return
        while self.queue and self._idle:
            self._use_idle(self.queue.popleft())
        waiting = len(self.queue)
        if not waiting:
            return
        backlog = waiting + self._under_way
        wanted = min(self.limit, -(-backlog // self._pool.settings.backlog_per_connection))
        while len(self.connections) + self._opening < wanted and self._opening < waiting:
            if not self._pool.may_open(self):
                return
            self._opening += 1
            self._pool.start(self._open())

    async def _open(self) -> None:
        """One more connection, from the first address that gives one."""
        error: NotReady | None = None
        way: Way | None = None
        try:
            for candidate in self._candidates():
                if not self._pool.reserve(candidate.address):
                    continue
                way = self._pool.way(self.plan, candidate)
                connection, failure = await self._pool.connect(self.plan, way)
                if connection is not None:
                    self._ready(connection)
                    return
                self._pool.release(candidate.address)
                self._shun(candidate.address)
                if error is None or error.outcome == "failed":
                    error = failure
        finally:
            self._opening -= 1
            self._pool.opened()
        if error is not None:
            self._not_opened(error, way)
        elif not self.connections:  # every address has as many connections as it may
            self._pool.crowd(self)

    def _candidates(self) -> Sequence[Candidate]:
        """Those that are not shunned first: the others may be better than nothing."""
        now = self._pool.now()
        found = candidates(self.plan, self._pool.dice, self._pool.settings.addresses_max)
        self._bad = {address: until for address, until in self._bad.items() if until > now}
        good = [one for one in found if one.address not in self._bad]
        return good or found

    def _ready(self, connection: Connection) -> None:
        self._failure = None
        self.connections[connection] = deque()
        connection.owner = self
        self._pool.add()
        self.moved(connection)

    def _not_opened(self, error: NotReady, way: Way | None) -> None:
        self._slower()
        if not self.connections and not self._opening:
            self._failure = (self._pool.now() + self._pool.settings.host_retry_s, error, way)
            self._strand(error, way)

    def _strand(self, error: NotReady, way: Way | None) -> None:
        waiting = list(self.queue)
        self.queue.clear()
        for job in waiting:
            job.stranded(error, way)

    def _shun(self, address: str) -> None:
        self._bad[address] = self._pool.now() + self._pool.settings.host_retry_s

    def _pace(self, event: Finished) -> None:
        """Slower where the host has had enough of us, by and by faster where it takes our mail."""
        first = event.results[0]
        if first.how == "delivered":
            self._taken += 1
            if self._taken >= self.limit and self.limit < self.plan.connections_max:
                self._taken = 0
                self.limit += 1
        elif first.reply is not None:
            reply = first.reply
            if classify(reply.code, reply.status, reply.text).back_off:
                self._slower()

    def _slower(self) -> None:
        self.limit = max(1, self.limit // 2)
        self._taken = 0


class Pool:
    """All outgoing connections of a process."""

    def __init__(
        self,
        settings: OutboundSettings,
        hostname: str,
        policies: Policies,
        context: ssl.SSLContext,
        dice: Dice,
        observe: Observer,
        *,
        sweep_s: float = SWEEP_S,
        connector: Connector = connect,
    ) -> None:
        self.settings = settings
        self._sweep_s = sweep_s
        self._connector = connector
        self.dice = dice
        self._hostname = hostname
        self._policies = policies
        self._context = context
        self._observe = observe
        self._loop = asyncio.get_running_loop()
        self._destinations: dict[tuple[object, ...], Destination] = {}
        self._open = 0
        self._opening = 0
        self._per_address: dict[str, int] = {}
        self._starved: dict[Destination, None] = {}  # of a connection
        self._crowded: dict[Destination, None] = {}  # out of their addresses
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self.closed = False

    # -- called by the courier -------------------------------------------------------------------------------------

    def submit(self, plan: Plan, job: Job) -> None:
        """Take a job; it will be settled."""
        found = self._destinations.get(plan.key)
        if found is None:
            if len(self._destinations) >= DESTINATIONS_MAX:
                self._forget()
            found = self._destinations[plan.key] = Destination(self, plan)
        found.plan = plan
        if self.closed:
            job.stranded(NotReady("This server is shutting down", "system", status="4.3.2"), None)
            return
        found.submit(job)
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(self._sweep_s, self._sweep)

    def forgive(self, plan: Plan) -> None:
        """Ask its hosts again without waiting for host_retry_s to be over."""
        found = self._destinations.get(plan.key)
        if found is not None:
            found.forgive()

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._open

    async def close(self) -> None:
        """Let go of all."""
        self.closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for destination in self._destinations.values():
            destination.close()

    # -- called by destinations ------------------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds, by the loop's clock."""
        return self._loop.time()

    def may_open(self, destination: Destination) -> bool:
        """Whether one more connection may be opened now; else the destination is told when one may."""
        if self._open + self._opening < self.settings.connections_max:
            self._opening += 1
            return True
        self.starve(destination)
        any(one.let_go() for one in self._destinations.values())
        return False

    def opened(self) -> None:
        """An attempt is over."""
        self._opening -= 1
        self._feed()

    def starve(self, destination: Destination) -> None:
        """Tell the destination when there may be one more connection."""
        self._starved[destination] = None

    def crowd(self, destination: Destination) -> None:
        """Tell the destination when one of its addresses may have one more."""
        self._crowded[destination] = None

    def reserve(self, address: str) -> bool:
        """Whether the address may have one more connection: it is counted."""
        count = self._per_address.get(address, 0)
        if count >= self.settings.connections_per_host_max:
            return False
        self._per_address[address] = count + 1
        return True

    def release(self, address: str) -> None:
        """One less."""
        left = self._per_address[address] - 1
        if left:
            self._per_address[address] = left
        else:
            del self._per_address[address]
        _offer(self._crowded, address)

    def start(self, opening: "asyncio._CoroutineLike[None]") -> None:
        """Run an attempt to connect."""
        task = self._loop.create_task(opening)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def add(self) -> None:
        """A connection is ready."""
        self._open += 1

    def gone(self, connection: Connection) -> None:
        """A connection is no more."""
        self._open -= 1
        self.release(connection.way.address)
        self._feed()

    def way(self, plan: Plan, candidate: Candidate) -> Way:
        """How to reach an address."""
        route = plan.route
        source = candidate.source()
        credentials = None
        if route is not None and route.user:
            oauth = route.mechanism in ("XOAUTH2", "OAUTHBEARER")
            secret = route.secret.reveal()
            credentials = Credentials(
                user=route.user,
                password="" if oauth else secret,
                token=secret if oauth else "",
                mechanism=route.mechanism,
            )
        return Way(
            host=candidate.host.name,
            address=candidate.address,
            port=plan.port,
            hello=(source.hello if source else "") or candidate.host.leaving.hello or self._hostname,
            source=source.address if source else "",
            lmtp=plan.lmtp,
            policy=candidate.host.policy,
            implicit_tls=route is not None and route.implicit_tls,
            credentials=credentials,
            plaintext_auth=route is not None and route.plaintext_auth,
            require_tls=plan.require_tls,
        )

    async def connect(self, plan: Plan, way: Way) -> tuple[Connection | None, NotReady | None]:
        """A connection, or why there is none; without TLS where that fails and nothing asks for it."""
        try:
            return await self._connect(plan, way), None
        except NotReady as error:
            return None, error
        except Exception as defect:  # noqa: BLE001 - a defect of ours must not leave jobs waiting for ever
            return None, NotReady(f"A defect: {defect!r}"[:300], "system", status="4.3.0")

    async def _connect(self, plan: Plan, way: Way) -> Connection:
        nonce = f"{self.dice.getrandbits(144):036x}"
        try:
            made = await self._connector(way, self.settings.timeouts, self._context, self._policies, nonce=nonce)
        except NotReady as error:
            if error.cause == "tls":
                self._report(plan, way, error.tls_failure or "validation-failure", error.why)
            if not error.fallback:
                raise
            clear = replace(way, policy=TlsPolicy("none"))
            return await self._connector(clear, self.settings.timeouts, self._context, self._policies, nonce=nonce)
        if made.tls or made.tls_failure:
            self._report(plan, way, made.tls_failure, made.tls_why)
        return made

    def _report(self, plan: Plan, way: Way, failure: str, why: str) -> None:
        if plan.route is None:
            self._observe(TlsOutcome(plan.domain, way.host, way.address, way.source, way.policy, failure, why))

    # -- within ----------------------------------------------------------------------------------------------------

    def _feed(self) -> None:
        """Who waits for a connection gets what is free."""
        if self._open + self._opening < self.settings.connections_max:
            _offer(self._starved)

    def _sweep(self) -> None:
        now = self.now()
        busy = False
        for destination in list(self._destinations.values()):
            destination.sweep(now)
            busy = busy or destination.busy
        self._sweeping = self._loop.call_later(self._sweep_s, self._sweep) if busy else None

    def _forget(self) -> None:
        """Drop destinations that nobody waits for, oldest first."""
        for key in [key for key, one in self._destinations.items() if not one.busy][: DESTINATIONS_MAX // 10]:
            del self._destinations[key]


def _offer(waiting: dict[Destination, None], address: str = "") -> None:
    """There is a place (at that address): to the first who still has something to send there."""
    for destination in list(waiting):
        if address and not destination.reaches(address):
            continue
        del waiting[destination]
        if destination.queue:
            destination.open_more()
            return
