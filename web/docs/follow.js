// A page's end of a stream, with nothing but the browser's EventSource: copy this file into your
// app. It never lets an EventSource reconnect by itself. The browser would send the newest id in a
// header (Last-Event-ID), and Chromium drops that header from a request that a service worker
// answers with fetch(event.request). A new EventSource has the newest id in its URL instead.

const longest = 60_000; // ms between two tries, where the gateway named no time
const longestNamed = 3_600_000; // ms of waiting that the gateway may ask for
const patience = 30_000; // ms that renew and the state may take

/**
 * Follows a stream until the function that it returns is called.
 *
 * After a stream has ended the next one is opened when the gateway said so (retry_ms), else after 1
 * to 4 s at random, doubling to 15 to 60 s until a stream begins. Each page draws its own time, so
 * that pages which lost their streams together don't return together.
 *
 * A reset never loads the page anew. With state and show, the page gets the state, and follows on
 * from there. That takes one of the same waits each time, and resets within two minutes of each
 * other double it: a gateway that answers everything with a reset is asked once in 15 to 60 s.
 *
 * @param {string} url where the events are: "/events?stream=orders"
 * @param {object} options
 * @param {Record<string, (event: MessageEvent) => void>} options.on called for the events of each
 *   name, "message" for those without one. Events of other names are not heard.
 * @param {string} [options.cursor] where to begin: of the state that the page was rendered from
 * @param {string} [options.state] where the state is: "/state?stream=orders"
 * @param {(state: any) => void} [options.show] replaces all that the page shows by this answer of
 *   the state's. It comes first if there is no cursor and the URL has no from, and after each reset.
 * @param {() => unknown} [options.renew] renews the login: called when the gateway says that it is
 *   about to end, and before each try after a refused one
 * @param {(ms: number) => void} [options.waiting] told that there is no stream, and for how long
 * @param {boolean} [options.withCredentials] send cookies to a gateway of another origin
 * @returns {() => void} ends it
 */
export function follow(url, { on, cursor, state, show, renew, waiting, withCredentials = false }) {
  const events = new URL(url, location.href);
  const states = new URL(state ?? "", location.href);
  const page = new AbortController(); // what is listened to until the end
  let last = cursor || events.searchParams.get("lastEventId") || ""; // the newest id
  let reload = !!show && !last && !events.searchParams.has("from"); // the state comes next

  /** @type {EventSource | undefined} */ let source;
  /** @type {AbortController | undefined} */ let turn; // of the last open
  /** @type {ReturnType<typeof setTimeout> | undefined} */ let timer; // the next open
  /** @type {ReturnType<typeof setTimeout> | undefined} */ let watchdog;
  let quiet = 0; // ms of silence that are the end of a stream; 0: not known
  let named = 0; // ms that the gateway wants waited
  let ours = false; // the wait that is on is of our own choosing
  let failures = 0; // since a stream began
  let refused = false;
  let resets = 0; // each within two minutes of the one before
  let lastReset = -Infinity;

  const stop = () => {
    clearTimeout(timer);
    clearTimeout(watchdog);
    turn?.abort();
    source?.close();
    timer = turn = source = undefined;
  };

  const watch = (/** @type {number} */ ms) => {
    clearTimeout(watchdog);
    if (ms) watchdog = setTimeout(again, Math.min(ms, 2 ** 31 - 1));
  };

  const wait = (/** @type {number} */ times) => {
    stop();
    const most = Math.min(4_000 * 2 ** times, longest);
    const ms = named || most * (0.25 + 0.75 * Math.random());
    named = 0;
    timer = setTimeout(open, ms);
    waiting?.(ms);
  };

  const again = () => {
    ours = !named;
    wait(failures++);
  };

  const name = (/** @type {MessageEvent} */ event) => {
    const { reason, retry_ms } = JSON.parse(event.data);
    named = retry_ms > 0 ? Math.min(retry_ms, longestNamed) : 0;
    if (reason === "expiring") renewed();
  };

  const renewed = () => Promise.resolve().then(renew).catch(() => {}); // else the next try is refused

  /** @type {Record<string, (event: MessageEvent) => void>} */
  const own = {
    "sluice.hello": ({ data }) => {
      failures = named = 0;
      refused = false;
      quiet = 3 * JSON.parse(data).heartbeat || 0;
    },
    "sluice.heartbeat": () => {}, // it has an id, as hello has
    "sluice.closing": name,
    "sluice.unavailable": name,
    "sluice.reset": () => {
      if (!show) return; // the page knows better, or doesn't mind
      const now = performance.now();
      resets = now - lastReset < 2 * longest ? resets + 1 : 0;
      lastReset = now;
      last = "";
      reload = true;
      ours = false;
      wait(Math.max(resets, failures));
    },
  };

  const open = async () => {
    stop();
    const mine = (turn = new AbortController());
    let loaded;
    if (refused || reload) {
      watch(patience);
      if (refused) await renewed();
      try {
        if (reload && !mine.signal.aborted) loaded = await load(mine.signal);
      } catch {
        if (!mine.signal.aborted) again();
        return;
      }
      if (mine.signal.aborted) return;
      watch(0);
    }
    if (loaded) last = loaded.cursor;
    reload = false;
    if (last) events.searchParams.set("lastEventId", last);
    else events.searchParams.delete("lastEventId");
    const opened = (source = new EventSource(fresh(events), { withCredentials }));
    for (const type of new Set([...Object.keys(own), ...Object.keys(on)])) {
      opened.addEventListener(type, (event) => {
        if (opened !== source) return;
        if (event.lastEventId) last = event.lastEventId;
        own[type]?.(event);
        if (opened === source) watch(quiet);
        on[type]?.(event);
      });
    }
    opened.onerror = () => {
      if (opened !== source) return;
      refused = opened.readyState === EventSource.CLOSED; // not a 200, and it doesn't say what
      again();
    };
    if (loaded) show?.(loaded); // no event comes before this
  };

  // ngsw-bypass keeps Angular's service worker out, and no other has its value in a cache.
  const fresh = (/** @type {URL} */ at) => {
    if (globalThis.navigator?.serviceWorker?.controller) at.searchParams.set("ngsw-bypass", Date.now().toString(36));
    return at;
  };

  const load = async (/** @type {AbortSignal} */ signal) => {
    const credentials = withCredentials ? "include" : "same-origin";
    const answer = await fetch(fresh(states), { signal, credentials, cache: "no-store" });
    refused = answer.status === 401 || answer.status === 403;
    if (!answer.ok) throw new Error(`the state: ${answer.status}`);
    return answer.json();
  };

  const when = (/** @type {string} */ type, /** @type {(event: any) => void} */ act) =>
    addEventListener(type, act, { signal: page.signal });
  // A page in the back/forward cache has no stream, and opens one where it was when it is shown again.
  when("pagehide", stop);
  when("pageshow", (event) => event.persisted && open());
  // The network is back, or somebody looks at the page: within a second, unless the gateway named a time.
  const hurry = () => {
    if (!timer || !ours) return;
    clearTimeout(timer);
    timer = setTimeout(open, 1_000 * Math.random());
  };
  when("online", hurry);
  when("visibilitychange", () => document.visibilityState === "visible" && hurry());
  open();
  return () => {
    page.abort();
    stop();
  };
}
