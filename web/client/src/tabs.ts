import { child } from "./abort.js";
import { pause, spacing } from "./pause.js";
import { HEARTBEAT, type Place, type Reason, STATE, type Status, type Step } from "./place.js";
import type { Wire } from "./wire.js";

const LOOK = 2_000; // ms, and up to half as much again: how often a follower looks whether the leader is there
const PATIENCE = 3; // looks in vain before it takes the lead
const WAIT = 2; // seconds for what the leader has been told to reach whichever gateway the follower asks

/** What tabs say to each other. */
type Word =
  | { step: Step }
  | { status: Status; reason: Reason | undefined; id: string } // the leader: here I am, and stand
  | { ask: true }; // a follower: is anybody there?

/**
 * The tabs of one user, of which one holds the connection: who has the lock named like their channel. The leader says
 * its steps on the channel. Each tab keeps a place of its own and goes along only with a step
 * that begins there, so that nothing depends on who leads, on what was said last before a tab was closed, or on a leader that was
 * frozen and doesn't know that it leads no more: who stands elsewhere asks the gateway for what came after his own place, until he meets
 * the leader at an id that both have been given.
 */
export class Tabs {
  readonly #name: string;
  readonly #place: Place;
  readonly #wire: Wire;
  readonly #read: (signal: AbortSignal) => Promise<void>;

  #channel: BroadcastChannel | undefined;
  #leading = false;
  #status: Status = "connecting";
  #reason: Reason | undefined;
  #head = ""; // where the leader stands
  #unheard = 0; // looks since the leader said anything
  #catching = false;
  readonly #reset = spacing();
  #again = false;

  constructor(name: string, place: Place, wire: Wire, read: (signal: AbortSignal) => Promise<void>) {
    this.#name = name;
    this.#place = place;
    this.#wire = wire;
    this.#read = read;
  }

  /** Takes part until the signal. read is called while this tab leads. */
  async run(signal: AbortSignal): Promise<void> {
    const channel = new BroadcastChannel(this.#name);
    this.#channel = channel;
    channel.onmessage = (event) => signal.aborted || this.#hear(event.data, signal);
    let steal = false;
    while (!signal.aborted) steal = await this.#reign(steal, signal);
    channel.close();
  }

  /** The leader says that it has gone a step, or how it is. */
  say(step: Step) {
    if (this.#leading) this.#post({ step });
  }

  show(status: Status, reason?: Reason) {
    this.#status = status;
    this.#reason = reason;
    if (this.#leading) this.#post({ status, reason, id: this.#place.cursor });
  }

  #post(word: Word) {
    this.#channel!.postMessage(word);
  }

  /** Waits for the lead, or takes it, and leads until it is taken away. Returns whether to take it next. */
  async #reign(steal: boolean, signal: AbortSignal): Promise<boolean> {
    const turn = child(signal); // in the queue, or in the lead
    let gone = false;
    this.#unheard = 0;
    this.#post({ ask: true }); // also who led until now: he may have missed something
    const look = setInterval(() => {
      if (this.#leading) return;
      if (++this.#unheard > 1) this.#post({ ask: true });
      // Looks are counted and not time: after a sleep everybody is given a moment to say something.
      if (this.#unheard > PATIENCE) turn.abort((gone = true));
    }, LOOK * (1 + Math.random() / 2));
    try {
      await navigator.locks.request(this.#name, steal ? { steal } : { signal: turn.signal }, async () => {
        this.#leading = true;
        await this.#read(turn.signal);
      });
    } catch {
      // Out of the queue, or another has taken the lead.
    }
    turn.abort();
    clearInterval(look);
    this.#leading = false;
    return gone;
  }

  #hear(word: Word, signal: AbortSignal) {
    if ("ask" in word) {
      // By a timer, for a tab that is frozen still hears, in Chromium, but does nothing else: it should not claim to lead.
      setTimeout(() => this.#leading && this.show(this.#status, this.#reason));
      return;
    }
    if (this.#leading) return; // what a former leader says late: our own connection will say it
    this.#unheard = 0;
    const place = this.#place;
    if ("status" in word) {
      place.show(word.status, word.reason);
      this.#head = word.id;
      if (place.needsState || word.id !== place.cursor) this.#catchUp(0, signal);
      return;
    }
    const { step } = word;
    this.#head = step.id;
    if (step.prev === place.cursor && (step.type === STATE ? place.wantsState : !place.needsState)) place.take(step);
    else if (step.id !== place.cursor) this.#catchUp(step.type === HEARTBEAT ? 0 : WAIT, signal);
  }

  /** Asks the gateway for what came after our place, waiting for it for so many seconds. */
  async #catchUp(wait: number, signal: AbortSignal) {
    this.#again = true;
    if (this.#catching) return;
    this.#catching = true;
    try {
      while (this.#again && !this.#leading) {
        this.#again = false;
        await this.#ask(wait, signal);
      }
    } catch {
      // The leader's next step, a heartbeat at the latest, is reason to try again.
    }
    this.#catching = false;
  }

  async #ask(wait: number, signal: AbortSignal) {
    const place = this.#place;
    if (place.needsState) {
      if (place.cursor) await pause(this.#reset(), signal);
      const state = await this.#wire.state(signal);
      if (this.#leading || !place.needsState) return;
      place.take({ prev: place.cursor, id: state.cursor, type: STATE, data: JSON.stringify(state) });
    } else if (!place.cursor) {
      // Who begins with what happens from now on may begin where the leader stands.
      const begin = this.#wire.from ? await this.#wire.begin(signal) : this.#head;
      if (this.#leading || place.cursor) return;
      place.cursor = begin;
    }
    const asked = place.cursor;
    if (!asked || asked === this.#head) return;
    const { cursor, messages } = await this.#wire.poll(asked, wait, signal);
    if (this.#leading || place.cursor !== asked) return; // we went along with a step meanwhile
    for (const message of [...messages, { id: cursor, type: HEARTBEAT }]) {
      if (place.cursor === this.#head) return; // from here on we can go along
      place.take({ prev: place.cursor, ...message });
      if (place.needsState) return void (this.#again = true);
    }
  }
}
