import { Refused, type State } from "./wire.js";

export { Refused, type State };

const LIMIT = 5_000; // ms that an answer may take
const WITHIN = 3_000; // ms that a gateway may be behind Kafka

/** What a server asks a gateway, and for whom. */
export interface Asking {
  /** The gateway, as this server reaches it: "http://gateway:8080". What its routes stand behind goes along. */
  gateway: string;
  /** As in the query of the page's stream: `{ stream: "orders" }`, for example, or `{ ticket }`. */
  query?: Record<string, string> | undefined;
  /** Who is asking: `{ cookie }` of the request that a page is rendered for, or a token. */
  headers?: HeadersInit | undefined;
  /** Milliseconds that an answer may take. Default 5000. */
  timeout?: number | undefined;
}

/** What a page waits for. */
export interface Awaiting<T> extends Asking {
  /** The subject that the state has to have, or what the state has to fulfil. */
  until: string | ((state: State<T>) => boolean);
  /** Milliseconds to wait for it. Default 3000. */
  within?: number | undefined;
}

/** Whom or what a ticket is for: a user, or one subject of a stream. */
export type Grant = ({ user: string; roles?: string[] } | { stream: string; subject: string }) & {
  /** "30m". Default: the gateway's. */
  ttl?: string;
  /** It opens one stream only. */
  once?: boolean;
};

export interface Ticket {
  /** For `/events?ticket=`. */
  ticket: string;
  /** To revoke it by. */
  id: string;
  expires: string;
}

/**
 * The newest event of each subject that the caller may see, and the cursor at which that is true: the page that is rendered from
 * it begins there. Throws Refused, or what fetch throws.
 */
export function state<T = unknown>(asking: Asking): Promise<State<T>> {
  return get(asking, {});
}

/**
 * The same, once it has what somebody has just written, such as the order that the page is about: a gateway may be a moment behind
 * Kafka. It waits by the gateway's long poll. If the time runs out, the state is without it.
 */
export async function startAt<T = unknown>({ until, within = WITHIN, ...asking }: Awaiting<T>): Promise<State<T>> {
  const bySubject = typeof until === "string";
  const has = bySubject ? ({ events }: State<T>) => events.some(({ subject }) => subject === until) : until;
  const narrow: Record<string, string> = bySubject ? { subject: until } : {}; // what concerns others doesn't wake it
  const end = Date.now() + within;
  for (;;) {
    const now = await state<T>(asking);
    const left = end - Date.now();
    if (has(now) || left <= 0) return now;
    try {
      const { timeout = LIMIT } = asking;
      const more = await get<{ events: unknown[] }>({ ...asking, timeout: timeout + left }, { ...narrow, cursor: now.cursor, wait: left + "ms" });
      if (!more.events.length) return now;
    } catch {
      return now; // it is true all the same
    }
  }
}

/** A ticket for a page without a login. key is the API key of this back end. Throws Refused, or what fetch throws. */
export function ticket({ gateway, key, timeout, ...grant }: Grant & { gateway: string; key: string; timeout?: number }): Promise<Ticket> {
  const headers = { authorization: "Bearer " + key, "content-type": "application/json" };
  return answer("tickets", { gateway, headers, timeout }, {}, JSON.stringify(grant));
}

const get = <A>(asking: Asking, more: Record<string, string>) => answer<A>("state", asking, more);

async function answer<A>(route: string, { gateway, query, headers, timeout = LIMIT }: Asking, more: Record<string, string>, body?: string): Promise<A> {
  const url = new URL(gateway.replace(/\/*$/, "/") + route);
  for (const [name, value] of Object.entries({ ...query, ...more })) url.searchParams.set(name, value);
  const asked = new Headers(headers);
  asked.set("accept", "application/json");
  const init: RequestInit = { headers: asked, cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(timeout) };
  const response = await fetch(url, body === undefined ? init : { ...init, method: "POST", body });
  if (!response.ok || !response.headers.get("Content-Type")?.startsWith("application/json")) {
    response.body?.cancel().catch(() => {});
    throw new Refused(response.status, 1000 * (Number(response.headers.get("Retry-After")) || 0));
  }
  return response.json();
}
