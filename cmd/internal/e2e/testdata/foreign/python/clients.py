"""Prints each event of a stream as a line of JSON, as the client that is named hands it on."""

import asyncio
import json
import sys


def show(id, event, data):
    print(json.dumps({"id": id or "", "event": event or "", "data": data}), flush=True)


def httpx_sse(url):
    """Nobody has configured its timeouts: it gives up after 5 s of silence, and comes back with the last id."""
    import httpx
    from httpx_sse import connect_sse

    headers = {}
    with httpx.Client() as client:
        while True:
            try:
                with connect_sse(client, "GET", url, headers=headers) as source:
                    for e in source.iter_sse():
                        if e.id:
                            headers["Last-Event-ID"] = e.id
                        show(e.id, e.event, e.data)
                raise EOFError("the stream ended")
            except httpx.ReadTimeout:
                pass


def sseclient(url):
    """The older of two packages with one name: it lies in a folder of its own."""
    import pathlib

    sys.path.insert(0, str(pathlib.Path(__file__).parent / "sseclient"))
    from sseclient import SSEClient

    for e in SSEClient(url):
        show(e.id, e.event, e.data)


def sseclient_py(url):
    import requests
    from sseclient import SSEClient

    response = requests.get(url, stream=True, headers={"Accept": "text/event-stream"})
    for e in SSEClient(response).events():
        show(e.id, e.event, e.data)


def aiohttp_sse_client(url):
    from aiohttp_sse_client.client import EventSource

    async def read():
        async with EventSource(url) as source:
            async for e in source:
                show(e.last_event_id, e.type, e.data)

    asyncio.run(read())


def requests_sse(url):
    from requests_sse import EventSource

    with EventSource(url) as source:
        for e in source:
            show(e.last_event_id, e.type, e.data)


def websockets(url):
    """It comes back at its newest id when the connection has ended."""
    from time import sleep
    from urllib.parse import quote

    from websockets.exceptions import ConnectionClosed, InvalidHandshake
    from websockets.sync.client import connect

    address, last = url.replace("http", "ws", 1), ""
    while True:
        try:
            with connect(address + (last and "&lastEventId=" + quote(last)), subprotocols=["sluice.v1"], max_size=None) as socket:
                while True:
                    text = socket.recv()
                    last = json.loads(text).get("id", last)
                    show("", "", text)
        except (ConnectionClosed, InvalidHandshake, OSError):  # a gateway that starts says 503 at first
            sleep(0.1)


clients = {
    "websockets": websockets,
    "httpx-sse": httpx_sse,
    "sseclient": sseclient,
    "sseclient-py": sseclient_py,
    "aiohttp-sse-client": aiohttp_sse_client,
    "requests-sse": requests_sse,
}
clients[sys.argv[1]](sys.argv[2])
sys.exit("the stream ended")
