// Prints each event of a stream as a line of JSON, as the client that is named hands it on.
import { fetchEventSource } from "@microsoft/fetch-event-source";
import { EventSource } from "eventsource";
import { EventSourceParserStream } from "eventsource-parser/stream";
import WebSocket from "ws";

const [client, url, names] = process.argv.slice(2);

function print(id, event, data) {
  console.log(JSON.stringify({ id, event, data }));
}

function fail(why) {
  console.error(why);
  process.exit(1);
}

const clients = {
  eventsource() {
    const events = new EventSource(url);
    for (const name of names.split(",")) {
      events.addEventListener(name, (e) => print(e.lastEventId, e.type, e.data));
    }
  },

  async "eventsource-parser"() {
    const response = await fetch(url, { headers: { Accept: "text/event-stream" } });
    const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    for await (const e of events) print(e.id, e.event, e.data);
    fail("the stream ended");
  },

  async "fetch-event-source"() {
    globalThis.window = globalThis; // it is written for browsers
    await fetchEventSource(url, {
      openWhenHidden: true,
      onmessage: (e) => print(e.id, e.event, e.data),
      onclose: () => fail("the stream ended"),
      onerror: fail,
    });
  },

  // It comes back at its newest id when the connection has ended.
  ws() {
    let last = "";
    const open = () => {
      const socket = new WebSocket(url.replace("http", "ws") + (last && "&lastEventId=" + encodeURIComponent(last)), "sluice.v1");
      socket.on("message", (text) => {
        last = JSON.parse(text).id ?? last;
        print("", "", String(text));
      });
      socket.on("error", () => {}); // it closes, too
      socket.on("close", () => setTimeout(open, 100));
    };
    open();
  },
};

Promise.resolve(clients[client]()).catch(fail);
