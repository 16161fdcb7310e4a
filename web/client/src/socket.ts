import type { Answered } from "./wire.js";

/** The subprotocol of the gateway's messages, and with a token the one that shows it: a page can't set a WebSocket's headers. */
function protocols(authorization: string | null): string[] {
  const token = authorization?.match(/^Bearer +(.+)$/i)?.[1];
  if (!token) return ["sluice.v1"];
  if (/^[\w.~-]+$/.test(token)) return ["sluice.v1", "sluice.bearer." + token];
  const bytes = String.fromCharCode(...new TextEncoder().encode(token));
  return ["sluice.v1", "sluice.bearer64." + btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")];
}

/** Reads the messages of the WebSocket next to the events until it closes. It returns the status of a refusal, else 0. */
export function read(
  events: URL,
  headers: HeadersInit | undefined,
  id: string,
  take: (said: Answered) => void,
  retry: (ms: number) => void,
  signal: AbortSignal,
): Promise<number> {
  const url = new URL(events);
  url.protocol = url.protocol.replace("http", "ws");
  url.pathname = url.pathname.replace(/events$/, "ws");
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = new WebSocket(url, protocols(new Headers(headers).get("Authorization")));
    let open = false;
    signal.addEventListener("abort", () => {
      socket.onmessage = null;
      socket.close();
      reject(signal.reason);
    });
    socket.onopen = () => (open = true);
    socket.onmessage = ({ data }) => {
      const said = JSON.parse(data);
      const { retry_ms, ends_in_ms } = said.event?.startsWith("sluice.") ? said.data : {};
      if (retry_ms !== undefined && ends_in_ms === undefined) retry(retry_ms);
      id = said.id || id;
      take({ ...said, id });
    };
    // A page isn't told why a handshake failed.
    socket.onclose = ({ code }) => (open ? resolve(code === 4401 || code === 4403 ? code - 4000 : 0) : reject(new TypeError("sluice: no WebSocket")));
  });
}
