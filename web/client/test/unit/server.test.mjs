// What a server asks a gateway by @sluice/client/server, of a gateway that is made up.
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { Refused, startAt, state, ticket } from "@sluice/client/server";

let asked, answers, gateway;
const server = http.createServer(async (request, response) => {
  let body = "";
  for await (const part of request) body += part;
  const url = new URL(request.url, "http://gateway");
  const one = { path: url.pathname, query: Object.fromEntries(url.searchParams), method: request.method, headers: request.headers, body };
  asked.push(one);
  const answer = answers.shift();
  if (answer === "never") return;
  const { status = 200, type = "application/json", json } = answer;
  response.writeHead(status, { "Content-Type": type, "Retry-After": "7" }).end(JSON.stringify(json));
});
before(() => new Promise((resolve) => server.listen(0, "127.0.0.1", resolve)));
after(() => (server.closeAllConnections(), server.close()));

function given(...list) {
  asked = [];
  answers = list;
  gateway = `http://127.0.0.1:${server.address().port}`;
}

const of = (cursor, ...subjects) => ({ json: { cursor, streams: ["orders"], since: null, complete: true, events: subjects.map((subject) => ({ subject, data: {} })) } });
const page = (cursor, ...events) => ({ json: { cursor, events } });

test("state: with the caller's cookie and the query, behind a path as well", async () => {
  given(of("c:1", "o-1"));
  const got = await state({ gateway: gateway + "/live/", query: { stream: "orders" }, headers: { cookie: "session=s" } });
  assert.equal(got.cursor, "c:1");
  const [{ path, query, method, headers }] = asked;
  assert.deepEqual([path, query, method, headers.cookie, headers.accept], ["/live/state", { stream: "orders" }, "GET", "session=s", "application/json"]);
});

test("state: a refusal says its status and when to come back, and nothing of the credentials", async () => {
  for (const answer of [{ status: 401, json: {} }, { status: 503, json: {} }, { status: 302, json: {} }, { status: 200, type: "text/html", json: "log in" }]) {
    given(answer);
    await assert.rejects(state({ gateway, headers: { cookie: "session=secret" } }), (error) => {
      assert.ok(error instanceof Refused);
      assert.deepEqual([error.status, error.retryAfter], [answer.status, 7000]);
      assert.ok(!JSON.stringify(error).includes("secret") && !error.message.includes("secret"));
      return true;
    });
  }
});

test("state: a gateway that doesn't answer costs the timeout and no more", async () => {
  given("never");
  await assert.rejects(state({ gateway, timeout: 50 }), { name: "TimeoutError" });
});

test("startAt: an order that is there already is not waited for", async () => {
  given(of("c:1", "o-1"));
  assert.equal((await startAt({ gateway, until: "o-1" })).cursor, "c:1");
  assert.equal(asked.length, 1);
});

test("startAt: waits by the long poll for news of that subject, and takes the state after it", async () => {
  given(of("c:1"), page("c:2", { id: "c:2", data: {} }), of("c:3", "o-1"));
  const got = await startAt({ gateway, query: { stream: "orders" }, headers: { cookie: "s" }, until: "o-1", within: 60_000 });
  assert.deepEqual([got.cursor, got.events[0].subject], ["c:3", "o-1"]);
  const [, poll] = asked;
  const { wait, ...rest } = poll.query;
  assert.deepEqual(rest, { stream: "orders", subject: "o-1", cursor: "c:1" });
  assert.match(wait, /^\d+ms$/);
  assert.deepEqual(asked.map(({ headers }) => headers.cookie), ["s", "s", "s"]);
});

test("startAt: or for what the state has to fulfil", async () => {
  given(of("c:1", "o-1"), page("c:2", {}), of("c:2", "o-1", "o-2"));
  assert.equal((await startAt({ gateway, until: ({ events }) => events.length === 2, within: 60_000 })).cursor, "c:2");
  assert.equal(asked[1].query.subject, undefined);
});

test("startAt: when the time runs out, or the poll fails, the state is good all the same", async () => {
  given(of("c:1"), page("c:1"));
  assert.equal((await startAt({ gateway, until: "o-1", within: 60_000 })).cursor, "c:1");
  given(of("c:1"), { status: 503, json: {} });
  assert.equal((await startAt({ gateway, until: "o-1", within: 60_000 })).cursor, "c:1");
  given(of("c:1"));
  assert.equal((await startAt({ gateway, until: "o-1", within: 0 })).cursor, "c:1");
  given({ status: 403, json: {} });
  await assert.rejects(startAt({ gateway, until: "o-1" }), { status: 403 });
});

test("ticket: by the API key, for what is said and nothing else", async () => {
  const json = { ticket: "t", id: "i", expires: "2026-01-01T00:00:00Z" };
  given({ status: 201, json });
  assert.deepEqual(await ticket({ gateway, key: "sluice_k", stream: "orders", subject: "o-1", ttl: "30m" }), json);
  const [{ path, method, headers, body }] = asked;
  assert.deepEqual([path, method, headers.authorization], ["/tickets", "POST", "Bearer sluice_k"]);
  assert.deepEqual(JSON.parse(body), { stream: "orders", subject: "o-1", ttl: "30m" });
  given({ status: 401, json: {} });
  await assert.rejects(ticket({ gateway, key: "sluice_k", user: "alice" }), { status: 401 });
});
