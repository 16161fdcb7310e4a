export { type AnyEvent, type Client, type Closing, connect, type Options, type OwnEvents, type Reset, type SluiceEvent, type Stale } from "./client.js";
export { type Message, parser } from "./parse.js";
export type { Reason, Status } from "./place.js";
export type { State } from "./wire.js";
