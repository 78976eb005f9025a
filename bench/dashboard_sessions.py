"""The dashboard's own Streamlit runtime with sessions of bench/dashboard.py in place of browsers.

    AFTERWORD_HOME=… AFTERWORD_NOW=… AFTERWORD_LOCAL_USER=… python -m bench.dashboard_sessions

Everything of the server runs but the socket: each session is connected to Streamlit's Runtime, asks for a rerun as the
browser does and takes the messages that would travel. Reads one order a line (JSON) and answers with one:

    {"sessions": 1, "page": "customers", "query": "period=All+time", "reruns": 5, "search": ["ana", …], "anew": true}

gives for each rerun the milliseconds until its last message (`ms`), those of the process's processors (`cpu`, only
with one session) and the bytes sent. `anew`: before each rerun somebody changed a customer, so that nothing worked out
before serves; else nothing happened in between. `{"open": 8}` opens that many more sessions that look at every page,
and gives the resident bytes that each added.
"""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import Runtime, RuntimeConfig
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.session_manager import SessionClient

from bench.dashboard_world import touch
from data.settings import Settings

APP = Path(__file__).parents[1] / "dashboard" / "app.py"
PAGES = ("overview", "requests", "customers", "bulk_import", "reviews", "do_not_contact", "simulate", "runs",
         "settings", "audit")  # fmt: skip
_PATIENCE = 300  # seconds for one rerun
_TOUCHED = 200  # so many customers change in turn: what a busy minute brings, laid over the copy


class Session(SessionClient):
    """One browser's place: what it is looking at, and the rerun it waits for."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._done = _nothing_awaited()
        self._boxes: dict[str, str] = {}  # the ids of text boxes by the name they have in the link
        self.bytes = 0
        self._id = runtime.connect_session(self, user_info={})

    def write_forward_msg(self, msg: ForwardMsg) -> None:
        self.bytes += msg.ByteSize()
        kind = msg.WhichOneof("type")
        if kind == "delta" and msg.delta.WhichOneof("type") == "new_element":
            element = msg.delta.new_element
            if element.WhichOneof("type") == "exception" and not self._done.done():
                self._done.set_exception(RuntimeError(f"{element.exception.type}: {element.exception.message}"))
            elif element.WhichOneof("type") == "text_input" and element.text_input.query_param_key:
                self._boxes[element.text_input.query_param_key] = element.text_input.id
        elif msg.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY and kind == "script_finished":
            _settle(self._done)

    async def look(self, page: str, query: str = "", search: str | None = None) -> float:
        """Milliseconds of one rerun. `search`: what was typed into the page's search box since the last one."""
        self.bytes = 0
        self._done = asyncio.get_running_loop().create_future()
        order = BackMsg()
        order.rerun_script.page_name = "" if page == "overview" else page
        order.rerun_script.query_string = query
        if search is not None:
            box = order.rerun_script.widget_states.widgets.add()
            box.id = self._boxes[f"{page}_search"]
            box.string_value = search
        began = time.perf_counter()
        self._runtime.handle_backmsg(self._id, order)
        await asyncio.wait_for(self._done, _PATIENCE)
        return (time.perf_counter() - began) * 1000


class Sessions:
    """All that are open, the ones of earlier orders first."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._open: list[Session] = []
        self._changes = 0

    def first(self, count: int) -> Sequence[Session]:
        while len(self._open) < count:
            self._open.append(Session(self._runtime))
        return self._open[:count]

    async def answer(self, order: dict[str, Any]) -> dict[str, Any]:
        if "open" in order:
            return {"bytes_each": await self._more(order["open"])}
        sessions = self.first(order["sessions"])
        page, query = order["page"], order.get("query", "")
        for session in sessions:  # what is opened first is a page, not a rerun of it
            await session.look(page, query)
        typed = order.get("search")
        found: list[tuple[float, float, int]] = []
        await asyncio.gather(*(
            self._reruns(
                session, page, query, typed[at :: len(sessions)] if typed else [None] * order["reruns"], found,
                is_anew=order.get("anew", False),
            )
            for at, session in enumerate(sessions)
        ))  # fmt: skip
        ms, cpu, sent = zip(*found, strict=True)
        return {"ms": ms, "cpu": cpu if len(sessions) == 1 else [], "bytes": sent}

    async def _reruns(
        self, session: Session, page: str, query: str, words: Sequence[str | None],
        found: list[tuple[float, float, int]], *, is_anew: bool,
    ) -> None:  # fmt: skip
        for word in words:
            if is_anew:
                self._changes += 1
                touch(Settings().home, [self._changes % _TOUCHED + 1])
            spent = time.process_time()
            ms = await session.look(page, query, word)
            found.append((ms, (time.process_time() - spent) * 1000, session.bytes))

    async def _more(self, count: int) -> float:
        """Each new session looks at every page; so have all before it."""
        for page in PAGES:
            for session in self._open:
                await session.look(page)
        before = _resident()
        sessions = [Session(self._runtime) for _ in range(count)]
        self._open += sessions
        for page in PAGES:
            await asyncio.gather(*(session.look(page) for session in sessions))
        return (_resident() - before) / count


def _nothing_awaited() -> asyncio.Future[None]:
    nothing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    nothing.set_result(None)
    return nothing


def _settle(awaited: asyncio.Future[None]) -> None:
    if not awaited.done():
        awaited.set_result(None)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def main() -> None:
    runtime = Runtime(
        RuntimeConfig(
            script_path=str(APP),
            media_file_storage=MemoryMediaFileStorage("/media"),
            uploaded_file_manager=MemoryUploadedFileManager("/upload"),
        )
    )
    await runtime.start()
    sessions = Sessions(runtime)
    answers = os.fdopen(os.dup(1), "w")  # print() of others goes to stderr
    os.dup2(2, 1)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await sessions.answer(json.loads(line))), file=answers, flush=True)
    runtime.stop()
    await runtime.stopped


if __name__ == "__main__":
    asyncio.run(main())
