import type { Message } from "./parse.js";

/** connecting: no stream yet. live. stale: Kafka doesn't answer the gateway, so nothing new can come. offline: several tries failed. */
export type Status = "connecting" | "live" | "stale" | "offline";

/**
 * Why the status is what it is. unauthorized: the gateway answers 401, and renew didn't help. forbidden: 403. network: there is
 * no answer, or one that says to come later. blocked: something on the way keeps streams, or answers in the gateway's place; while polls
 * pass, the status is still live.
 */
export type Reason = "unauthorized" | "forbidden" | "network" | "blocked";

/**
 * One step of a stream: whoever stood at prev stands at id after it, and message is all there was for him between.
 * That holds whoever read it, and whenever: it is what lets tabs share a connection. A tab that stands elsewhere
 * has no use for the step, and asks the gateway for what came after its own place.
 */
export interface Step extends Message {
  prev: string;
  why?: string; // of a state: the data of the reset that made it necessary
}

/** A tab's place in the stream, as those who read for it see it. */
export interface Place {
  cursor: string; // "": none yet
  readonly wantsState: boolean; // somebody listens to sluice.state
  readonly needsState: boolean; // and the next thing he needs is one
  take(step: Step): void; // a step from cursor; the cursor moves
  show(status: Status, reason?: Reason): void;
}

export const STATE = "sluice.state";
export const RESET = "sluice.reset";
export const HEARTBEAT = "sluice.heartbeat";

/** What one of the gateway's own events says. */
export function told(message: Message): { heartbeat?: number; reason?: string; deprecated?: Record<string, object> } {
  return JSON.parse(message.data!);
}
