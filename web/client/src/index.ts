export { type Client, connect, type Options, type OwnEvents, type Reset, type SluiceEvent } from "./client.js";
export { type Message, parser } from "./parse.js";
export type { Status } from "./place.js";
export type { State } from "./wire.js";
