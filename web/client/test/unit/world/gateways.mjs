// Two gateways over one topic of two partitions, each with an order and a pace of its own in reading them, as
// ARCHITECTURE.md has positions: what a connection is told has the log's id, but where the position it came with is ahead of that.

const encode = (position) => "orders@" + position.join(".");
const decode = (cursor) => cursor.split("@")[1].split(".").map(Number);
const same = (a, b) => a.every((n, i) => n === b[i]);

class Gateway {
  log = []; // records as read; each with the position after it
  position = [0, 0];

  constructor(topic, random) {
    this.topic = topic;
    this.random = random;
  }

  /** Reads one more record, of either partition. */
  read() {
    const behind = [0, 1].filter((p) => this.position[p] < this.topic[p].length);
    if (!behind.length) return;
    const p = this.random.pick(behind);
    const record = this.topic[p][this.position[p]];
    this.position = this.position.with(p, record.offset + 1);
    this.log.push({ ...record, after: this.position });
  }

  open(position) {
    return { gateway: this, next: 0, position, shared: false };
  }

  /** What is to be told to a connection now. */
  pull(c) {
    const told = [];
    for (; c.next < this.log.length; c.next++) {
      const { p, offset, user, after } = this.log[c.next];
      if (c.shared) c.position = after;
      else if (offset < c.position[p]) continue;
      else if (user === "alice") c.position = c.position.map((n, i) => Math.max(n, after[i]));
      if (user === "alice") told.push({ id: encode(c.position), event: "order", data: { p, offset } });
    }
    c.position = c.position.map((n, p) => Math.max(n, this.position[p]));
    c.shared ||= same(c.position, this.position);
    return told;
  }
}

export class Gateways {
  topic = [[], []];
  connections = new Set();
  polls = new Set();
  requests = 0; // so far
  streams = 0; // of these

  constructor(world) {
    this.world = world;
    this.all = [new Gateway(this.topic, world.random), new Gateway(this.topic, world.random)];
  }

  publish(user, p = this.world.random.below(2)) {
    this.topic[p].push({ p, offset: this.topic[p].length, user });
  }

  /** What alice has been sent by whom stands at the position: the list that a page there shows. */
  listed(position) {
    return this.topic.flatMap((records, p) => records.filter((r) => r.user === "alice" && r.offset < position[p]).map(({ p, offset }) => ({ p, offset })));
  }

  state() {
    const { position } = this.world.random.pick(this.all);
    return { cursor: encode(position), orders: this.listed(position) };
  }

  fetch(url, signal, tab) {
    this.requests++;
    return new Promise((resolve, reject) => {
      const connection = { tab, resolve, reject, signal };
      signal.addEventListener("abort", () => {
        this.connections.delete(connection);
        this.polls.delete(connection);
        connection.body?.error(signal.reason);
        reject(signal.reason);
      });
      if (signal.aborted) return reject(signal.reason);
      this.world.send("gateways", `request of ${tab}`, () => this.answer(url, connection));
    });
  }

  answer(url, connection) {
    if (connection.signal.aborted || this.world.gone.has(connection.tab)) return;
    const gateway = this.world.random.pick(this.all);
    const cursor = url.searchParams.get("lastEventId") ?? url.searchParams.get("cursor");
    if (url.pathname === "/events") {
      this.streams++;
      connection.sub = gateway.open(cursor ? decode(cursor) : gateway.position);
      const stream = new ReadableStream({ start: (body) => void (connection.body = body) });
      const response = new Response(stream, { headers: { "Content-Type": "text/event-stream" } });
      this.connections.add(connection);
      this.reply(connection, () => connection.resolve(response));
      this.write(connection, { id: encode(connection.sub.position), event: "sluice.hello", data: { heartbeat: 15_000 } });
    } else if (!cursor) {
      this.json(connection, this.state());
    } else {
      connection.sub = gateway.open(decode(cursor));
      connection.wait = parseInt(url.searchParams.get("wait"));
      this.polls.add(connection);
    }
    this.pump();
  }

  reply(connection, run) {
    this.world.send(`gateway ${connection.sub ? "stream" : "answer"}`, connection.tab, run);
  }

  json(connection, body) {
    const response = new Response(JSON.stringify(body), { headers: { "Content-Type": "application/json" } });
    this.world.send("gateway answer", connection.tab, () => connection.resolve(response));
  }

  write(connection, { id, event, data }) {
    const bytes = new TextEncoder().encode(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    this.reply(connection, () => connection.signal.aborted || connection.body.enqueue(bytes));
  }

  /** Tells everybody what there is. */
  pump() {
    for (const c of this.connections) for (const event of c.sub.gateway.pull(c.sub)) this.write(c, event);
    for (const c of this.polls) {
      const events = c.sub.gateway.pull(c.sub);
      if (events.length || !c.wait) this.polled(c, events);
    }
  }

  polled(c, events) {
    this.polls.delete(c);
    this.json(c, { cursor: encode(c.sub.position), events });
  }

  /** Time passes: heartbeats, and polls that end without anything. */
  beat() {
    for (const c of this.connections) this.write(c, { id: encode(c.sub.position), event: "sluice.heartbeat", data: {} });
    for (const c of this.polls) this.polled(c, []);
  }

  /** The streams of everybody, or of one tab, break. */
  drop(tab) {
    for (const c of this.connections) {
      if (tab !== undefined && c.tab !== tab) continue;
      this.connections.delete(c);
      this.reply(c, () => c.signal.aborted || c.body.error(new TypeError("network error")));
    }
  }
}
