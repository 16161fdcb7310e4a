import { child } from "./abort.js";
import { pause, spacing } from "./pause.js";
import type { Message } from "./parse.js";
import { HEARTBEAT, type Place, type Reason, STATE, told } from "./place.js";
import { Refused, type Wire } from "./wire.js";

// Milliseconds.
const HELLO = 8_000; // the gateway says hello at once: a stream silent for this long is held up on its way
const RETRY = 2_000; // unless the gateway says otherwise
const LONGEST = 30_000; // between two tries
const STREAM_AGAIN = 60_000; // while polling, a first try at a stream; then twice as long, and so on
const STREAM_AGAIN_LONGEST = 1_800_000;
const WAIT = 25; // seconds, of a long poll

/** Keeps one connection to the gateway, whatever happens, and walks a place along it. */
export class Reader {
  readonly #wire: Wire;
  readonly #place: Place;
  readonly #renewal: (() => unknown) | undefined;

  #retry = RETRY;
  #failures = 0; // since the gateway last said something
  #silences = 0; // since the last heartbeat that came through a stream
  #renewed = false; // the last refusal was answered by renew
  #polled = false; // the last turn was a poll, and came to something
  #pollUntil = 0; // when to try a stream again
  #again = STREAM_AGAIN;
  #warned = false; // of streams that are deprecated
  readonly #reset = spacing();
  #restated = true; // no reset has come since a state was told
  #cut = () => {}; // ends the stream, the poll or the wait that is under way

  constructor(wire: Wire, place: Place, renewal?: () => unknown) {
    this.#wire = wire;
    this.#place = place;
    this.#renewal = renewal;
  }

  /** Reads until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    this.#place.show("connecting");
    while (!signal.aborted) {
      const turn = child(signal);
      this.#cut = () => turn.abort();
      try {
        await pause(await this.#turn(turn.signal), turn.signal);
      } catch (error) {
        if (!turn.signal.aborted) await pause(await this.#failed(error), turn.signal);
      }
      turn.abort();
    }
  }

  /** Makes good use of a moment: tries now instead of later. broken: what is open is of no use either. */
  hurry(broken: boolean) {
    if (broken || this.#failures) this.#cut();
  }

  /** What there is to do now, and how long to wait after it. */
  async #turn(signal: AbortSignal): Promise<number> {
    const place = this.#place;
    const polling = Date.now() < this.#pollUntil;
    if (place.needsState || (polling && !place.cursor)) {
      const prev = place.cursor;
      const rest = prev && this.#restated ? this.#reset() : 0;
      this.#restated = false; // where it fails, that says how long to wait
      await pause(rest, signal);
      const state = await this.#wire.state(signal);
      place.take({ prev, id: state.cursor, type: STATE, data: JSON.stringify(state) });
      this.#restated = true;
    }
    return polling ? this.#poll(signal) : this.#stream(signal);
  }

  async #stream(outer: AbortSignal): Promise<number> {
    const place = this.#place;
    const end = child(outer);
    let ended = false; // by us
    let patience = HELLO;
    let hello = false;
    let silent = false;
    let asked = 0; // ms to stay away
    const retry = (ms: number) => {
      this.#retry = asked = ms;
    };
    let timer: ReturnType<typeof setTimeout>;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        silent = true;
        end.abort();
      }, patience);
    };
    const tell = (message: Message) => {
      switch (message.type) {
        case "sluice.hello":
          hello = true;
          this.#well();
          this.#warn(told(message).deprecated);
          patience = 1.5 * (told(message).heartbeat ?? HELLO) + 2_000;
          alive();
          place.show("live");
          break;
        case "sluice.heartbeat":
          this.#silences = 0;
          this.#again = STREAM_AGAIN;
          break;
        case "sluice.stale":
          place.show("stale");
          break;
        case "sluice.fresh":
          place.show("live");
          break;
        case "sluice.closing":
          if (told(message).reason === "expiring") this.#renew().then((done) => done && end.abort());
          break;
      }
      place.take({ prev: place.cursor, ...message });
      if (place.needsState) end.abort(); // a reset: the state, and then a stream that begins where the state is true
    };
    alive();
    try {
      await this.#wire.stream(place.cursor, tell, retry, alive, end.signal);
    } catch (error) {
      if (!end.signal.aborted || outer.aborted) throw error;
    } finally {
      clearTimeout(timer!);
      ended = end.signal.aborted;
      end.abort();
    }
    if (silent) {
      // Once without a hello, or twice without a heartbeat: something on the way keeps what it is given.
      if (++this.#silences > 1 || !hello) {
        this.#pollUntil = Date.now() + this.#again;
        this.#again = Math.min(this.#again * 2, STREAM_AGAIN_LONGEST);
      }
    } else if (!hello && !place.needsState) return this.#failed(undefined, asked);
    place.show("connecting");
    return ended ? 0 : this.#retry;
  }

  /** Tells those who write the page, once, which streams are on their way out. */
  #warn(deprecated: object | undefined) {
    if (!deprecated || this.#warned) return;
    this.#warned = true;
    console.warn("sluice: deprecated", deprecated);
  }

  async #poll(signal: AbortSignal): Promise<number> {
    const place = this.#place;
    const wait = this.#polled ? WAIT : 0; // the first shows that it can be done
    const began = Date.now();
    const { cursor, stale, messages } = await this.#wire.poll(place.cursor, wait, signal);
    for (const message of [...messages, { id: cursor, type: HEARTBEAT }]) {
      if (message.type === "sluice.unavailable") return this.#failed();
      if (!place.needsState) place.take({ prev: place.cursor, ...message });
    }
    this.#well();
    this.#polled = true;
    place.show(stale ? "stale" : "live", "blocked"); // or it would be a stream
    // A gateway that is going away doesn't let anybody wait.
    return !wait || messages.length || Date.now() - began > RETRY ? 0 : this.#retry;
  }

  /** A turn that came to something. */
  #well() {
    this.#failures = 0;
    this.#polled = false;
    this.#renewed = false;
  }

  /** Notes a try that came to nothing, and says how long to wait before the next. */
  async #failed(error?: unknown, least = 0): Promise<number> {
    if (error instanceof Refused) {
      least = error.retryAfter;
      const identity = error.status === 401 || error.status === 403;
      if (identity && !this.#renewed && (this.#renewed = await this.#renew())) return 0;
    }
    // Where streams fail again and again, a poll may pass; where polls fail, it isn't the streaming.
    const polling = Date.now() < this.#pollUntil;
    this.#polled = false;
    this.#pollUntil = ++this.#failures > 2 && !polling ? Date.now() + STREAM_AGAIN : 0;
    const offline = this.#failures > 1 || globalThis.navigator?.onLine === false;
    if (offline) this.#place.show("offline", why(error));
    else this.#place.show("connecting");
    // Never sooner than the gateway asked for, and not all at once.
    return Math.max(least, Math.min(LONGEST, this.#retry * 2 ** (this.#failures - 1)) * (1 + Math.random() / 2));
  }

  /** Has the identity renewed, if the page knows how. */
  async #renew(): Promise<boolean> {
    if (!this.#renewal) return false;
    try {
      await this.#renewal();
      return true;
    } catch {
      return false; // the refusal that follows says so
    }
  }
}

/** Why a try came to nothing. */
function why(error: unknown): Reason {
  if (!(error instanceof Refused)) return "network";
  if (error.status === 401) return "unauthorized";
  if (error.status === 403) return "forbidden";
  return error.status < 500 ? "blocked" : "network"; // 200: of another kind, such as a login page
}
