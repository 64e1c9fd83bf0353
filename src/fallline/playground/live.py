"""One page's connection: messages in, frames out, for its session.

Heavy work runs on the pool's threads in short pieces, first come first served, so that no session
starves another; a lock keeps the pieces of one session apart. The page says when it has drawn a
frame: while two are on their way no further one is made, but the training goes on.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any, Protocol

from fallline.errors import FalllineError, ParameterError
from fallline.playground import exports, landscape, microscope, whole_runs
from fallline.playground.frames import clean
from fallline.playground.limits import FRAMES_PER_SECOND, MAX_MESSAGE_BYTES, MAX_PARAMETERS
from fallline.playground.session import Session
from fallline.playground.setup import Setup, integer, number, read_setup, several

__all__ = ["Live", "Pipe", "parse"]

PIECE = 0.010  # seconds of training between two looks at other work
RETRAIN_PIECE = 0.030
RETRAIN_SECONDS = 60.0
SEEDS_SECONDS = 20.0
FRAMES_UNDER_WAY = 2


def parse(text: str | bytes) -> dict[str, Any]:
    """A message as an object with a type. Raises ParameterError for anything else."""
    if len(text) > MAX_MESSAGE_BYTES:
        raise ParameterError(f"a message may have {MAX_MESSAGE_BYTES:,} bytes, not {len(text):,}")
    try:
        message = json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise ParameterError("the message is not JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ParameterError('a message is an object with a "type"')
    return message


def refuse_constant(name: str) -> None:
    raise ParameterError(f"{name} is not a number that can be used here")


class Pipe(Protocol):
    """What carries the messages: a WebSocket, or a notebook's widget."""

    async def receive(self) -> str | bytes | None:
        """The page's next message; None once it has gone."""

    async def send(self, message: str | bytes) -> None:
        """Send a text or a frame; to a page that has gone, nothing."""


class Live:
    """A session on its connection."""

    def __init__(self, pipe: Pipe, session: Session, pool: Executor, key: str) -> None:
        self.pipe, self.session, self.pool, self.key = pipe, session, pool, key
        self.lock, self.sending = asyncio.Lock(), asyncio.Lock()
        self.going: asyncio.Task[None] | None = None  # playing, or a whole run
        self.seeds: asyncio.Task[None] | None = None
        self.under_way = 0
        self.known: dict[str, Any] | None = None  # the problem that the page was told
        self.answers: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "setup": self.on_setup,
            "reset": self.on_reset,
            "play": self.on_play,
            "advance": self.on_advance,
            "pause": self.on_pause,
            "step": self.on_step,
            "back": self.on_back,
            "set": self.on_set,
            "restore": self.on_restore,
            "look": self.on_look,
            "shown": self.on_shown,
            "retrain": self.on_retrain,
            "seeds": self.on_seeds,
            "microscope": self.on_microscope,
            "check": self.on_check,
            "landscape": self.on_landscape,
            "export": self.on_export,
        }

    # ---- the connection

    async def run(self) -> None:
        """Until the page goes; then all its work ends."""
        start = self.session.start.setup.as_dict()
        await self.send({"type": "hello", "session": self.key, "setup": start})
        try:
            while (text := await self.pipe.receive()) is not None:
                await self.answer(text)
        finally:
            await self.stop(self.going, self.seeds)
            self.answers.clear()  # they refer to this object: memory returns at once
            self.known = None

    async def answer(self, text: str | bytes) -> None:
        """Do what a message asks; an error is told, and has changed nothing."""
        number_ = None
        try:
            message = parse(text)
            number_ = message.get("id")
            if number_ is not None:
                integer(0, 2**53)("id", number_)
            handler = self.answers.get(message["type"])
            if handler is None:
                raise ParameterError(f"there is no message of type {message['type']!r:.40}")
            await handler(message)
        except FalllineError as error:
            number_ = number_ if isinstance(number_, int) else None
            await self.send({"type": "error", "id": number_, "message": str(error)})

    async def send(self, message: dict[str, Any] | bytes) -> None:
        async with self.sending:
            if isinstance(message, bytes):
                await self.pipe.send(message)
            else:
                await self.pipe.send(json.dumps(clean(message), allow_nan=False))

    async def work(self, function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        """Call on a thread of the pool; who is cancelled meanwhile waits until the call is over.

        Else the lock would be free while the thread still changes what it guards.
        """
        loop = asyncio.get_running_loop()
        call = loop.run_in_executor(self.pool, lambda: function(*given, **named))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait([call])
            if not call.cancelled():
                call.exception()  # nobody is left to hear of it
            raise

    async def stop(self, *tasks: asyncio.Task[None] | None) -> None:
        for task in tasks:
            if task is not None and not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    @property
    def playing(self) -> bool:
        return self.going is not None and not self.going.done()

    async def send_frame(self, *, playing: bool) -> None:
        self.under_way += 1
        await self.send(await self.work(self.session.frame, playing=playing))

    async def send_problem(self, message: dict[str, Any]) -> None:
        """The problem, if it is another than the page knows; else only its setup."""
        facts, setup = self.session.problem_facts(), self.session.there().setup.as_dict()
        known, self.known = self.known, facts
        if facts == known:
            facts = {"type": "same"}
        await self.send({**facts, "setup": setup, "id": message.get("id")})

    # ---- messages

    async def on_setup(self, message: dict[str, Any]) -> None:
        setup = read_setup(message.get("setup"))
        async with self.lock:
            new = await self.work(self.session.take, setup)
            if new:
                await self.stop_in_lock()
            await self.send_problem(message)
            await self.send_frame(playing=self.playing)

    async def stop_in_lock(self) -> None:
        """End playing from within the lock: the task waits for it, so it is only told."""
        for task in (self.going, self.seeds):
            if task is not None:
                task.cancel()
        self.going = self.seeds = None

    async def on_reset(self, message: dict[str, Any]) -> None:
        await self.stop(self.going)
        async with self.lock:
            setup = self.session.there().setup
            self.session.adopt(await self.work(self.session.fresh, setup))
            await self.send_problem(message)
            await self.send_frame(playing=False)

    async def on_play(self, message: dict[str, Any]) -> None:
        epochs = integer(1, 10**9)("epochs", message.get("epochs"))
        self.session.there()
        await self.stop(self.going)
        self.going = asyncio.create_task(self.play(epochs))

    async def play(self, epochs: int) -> None:
        """Train for ever, so many epochs a frame."""
        async with self.lock:
            self.session.there().keep()
        clock = asyncio.get_running_loop().time
        try:
            while not self.session.there().message:
                began = clock()
                async with self.lock:
                    await self.work(self.session.there().advance, epochs, PIECE)
                    if self.under_way < FRAMES_UNDER_WAY:
                        await self.send_frame(playing=not self.session.there().message)
                await asyncio.sleep(max(0.0, 1 / FRAMES_PER_SECOND - (clock() - began)))
        except FalllineError as error:
            await self.send({"type": "error", "id": None, "message": str(error)})

    async def on_advance(self, message: dict[str, Any]) -> None:
        """So many epochs, or as many as fit into a piece; the page paces itself by asking."""
        epochs = integer(1, 10**9)("epochs", message.get("epochs"))
        await self.stop(self.going)
        async with self.lock:
            descent = self.session.there()
            if message.get("first") is True:
                descent.keep()
            await self.work(descent.advance, epochs, PIECE)
            await self.send_frame(playing=False)

    async def on_pause(self, message: dict[str, Any]) -> None:
        self.session.there()
        await self.stop(self.going)
        async with self.lock:
            await self.send_frame(playing=False)

    async def on_step(self, message: dict[str, Any]) -> None:
        await self.change(self.session.there().step, message.get("kind"))

    async def on_back(self, message: dict[str, Any]) -> None:
        await self.change(self.session.there().back)

    async def on_set(self, message: dict[str, Any]) -> None:
        j = integer(0, 10**9)("parameter", message.get("parameter"))
        value = number(-1e6, 1e6)("value", message.get("value"))
        await self.change(self.session.there().set_parameter, j, value)

    async def on_restore(self, message: dict[str, Any]) -> None:
        values = several(number(-1e9, 1e9), 1, MAX_PARAMETERS)(
            "parameters", message.get("parameters")
        )
        epoch = integer(0, 10**12)("epoch", message.get("epoch"))
        step = integer(0, 10**12)("step", message.get("step"))
        await self.change(self.session.there().restore, values, epoch, step)

    async def change(self, what: Callable[..., None], *given: Any) -> None:
        """One change of the descent, then a frame; playing ends."""
        await self.stop(self.going)
        async with self.lock:
            await self.work(what, *given)
            await self.send_frame(playing=False)

    async def on_look(self, message: dict[str, Any]) -> None:
        parameter = message.get("parameter")
        if parameter is not None:
            integer(0, 10**9)("parameter", parameter)
        row = integer(0, 10**9)("row", message.get("row"))
        async with self.lock:
            self.session.look(parameter, row)
            await self.send_frame(playing=self.playing)

    async def on_shown(self, message: dict[str, Any]) -> None:
        self.under_way = max(0, self.under_way - 1)

    async def on_retrain(self, message: dict[str, Any]) -> None:
        setup = read_setup(message.get("setup"))
        number_ = message.get("id")
        await self.stop(self.going)
        async with self.lock:
            descent = await self.work(self.session.fresh, setup)
            done = await self.work(whole_runs.retrain, descent, RETRAIN_PIECE)
            self.session.adopt(descent)
            await self.send_problem(message)
            await self.send_frame(playing=not done)
            await self.send({"type": "retrained", "id": number_, "done": done})
        if not done:
            self.going = asyncio.create_task(self.go_on(number_))

    async def go_on(self, number_: int | None) -> None:
        """The rest of a whole run that did not fit into a frame."""
        clock = asyncio.get_running_loop().time
        end, done = clock() + RETRAIN_SECONDS, False
        while not done and clock() < end:
            async with self.lock:
                done = await self.work(whole_runs.retrain, self.session.there(), RETRAIN_PIECE)
                if done or self.under_way < FRAMES_UNDER_WAY:
                    await self.send_frame(playing=not done)
            await asyncio.sleep(0)
        await self.send({"type": "retrained", "id": number_, "done": done})

    async def on_seeds(self, message: dict[str, Any]) -> None:
        setup = read_setup(message.get("setup"))
        await self.stop(self.seeds)
        problem = await self.work(self.session.problem, setup)
        self.seeds = asyncio.create_task(self.many_seeds(setup, problem, message.get("id")))

    async def many_seeds(self, setup: Setup, problem: Any, number_: int | None) -> None:
        results = whole_runs.seed_results(setup, problem, SEEDS_SECONDS)
        told: list[dict[str, Any]] = []
        try:
            while (result := await self.work(next, results, None)) is not None:
                told.append(result)
                if len(told) == 10:
                    await self.send({"type": "seeds", "id": number_, "results": told})
                    told = []
            await self.send({"type": "seeds", "id": number_, "results": told, "done": True})
        except FalllineError as error:
            await self.send({"type": "error", "id": number_, "message": str(error)})

    async def on_microscope(self, message: dict[str, Any]) -> None:
        kind = message.get("kind")
        if not isinstance(kind, str):
            raise ParameterError("kind must be sample or batch")
        await self.tell(message, microscope.next_update, kind)

    async def on_check(self, message: dict[str, Any]) -> None:
        await self.tell(message, microscope.check, message.get("method"))

    async def on_landscape(self, message: dict[str, Any]) -> None:
        await self.tell(message, landscape.landscape)

    async def on_export(self, message: dict[str, Any]) -> None:
        kind = message.get("kind")
        if not isinstance(kind, str):
            raise ParameterError("kind must be script, notebook or model")
        await self.tell(message, exports.export, kind)

    async def tell(
        self, message: dict[str, Any], what: Callable[..., dict[str, Any]], *given: Any
    ) -> None:
        """Something computed from the descent as it stands."""
        async with self.lock:
            facts = await self.work(what, self.session.there(), *given)
        await self.send({"type": message["type"], "id": message.get("id"), "facts": facts})
