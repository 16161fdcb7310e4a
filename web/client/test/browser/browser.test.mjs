import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { missing, Rig, staysOut, until, workers } from "./rig.mjs";

const skip = missing();
const rig = new Rig();
before(() => skip || rig.start());
after(() => skip || rig.stop());

let users = 0;

/** A test in a browser of a user's own. */
function story(name, tell, { real } = {}) {
  test(name, { skip }, async () => {
    const user = `dora${++users}`;
    const context = await rig.visitor(user, real);
    rig.mostStreams = rig.opened = rig.pages = 0;
    rig.resumes = [];
    try {
      await tell({
        context,
        user,
        tab: (query = "") => rig.tab(context, `user=${user}&${query}`),
        plain: (query = "") => rig.tab(context, query, "/plain"),
      });
    } finally {
      await context.close();
      await until("the streams are closed", () => rig.streams.size === 0);
      rig.mode = "pass";
      rig.lifetime = 3600;
    }
  });
}

/** Eight tabs, and orders before, between and after. */
async function eight(user, tab) {
  const pages = [];
  rig.confirm(user, 3);
  for (let i = 1; i <= 8; i++) {
    pages.push(await tab(`tab=${i}`));
    rig.confirm(user);
  }
  for (const page of pages) await rig.status(page, "live");
  return pages;
}

const exact = async (pages, user) => {
  for (const page of pages) await rig.exact(page, user);
};

story("eight tabs have one connection", async ({ user, tab }) => {
  const pages = await eight(user, tab);
  rig.confirm(user, 20);
  await exact(pages, user);
  assert.deepEqual([rig.mostStreams, rig.opened], [1, 1]);
});

story("without a user each tab has its own", async ({ user, tab }) => {
  const pages = [await tab("alone"), await tab("alone")];
  for (const page of pages) await rig.status(page, "live");
  rig.confirm(user, 5);
  await exact(pages, user);
  assert.equal(rig.streams.size, 2);
});

story("closing the leader's tab loses nothing", async ({ user, tab }) => {
  const pages = await eight(user, tab);
  while (pages.length > 1) {
    const leader = await rig.leader(pages);
    pages.splice(pages.indexOf(leader), 1);
    rig.confirm(user, 3);
    await Promise.all([leader.close(), rig.confirm(user, 3)]);
    rig.confirm(user, 3);
    await exact(pages, user);
    await until("one stream is left", () => rig.streams.size === 1);
  }
});

for (const [how, query] of [["told so", ""], ["unawares", "unaware"]]) {
  story(`a leader frozen, ${how}, is replaced, and thawed it goes along`, async ({ context, user, tab }) => {
    if (query) await context.addInitScript(() => document.addEventListener("freeze", (event) => event.stopImmediatePropagation(), true));
    const pages = await eight(user, tab);
    const leader = await rig.leader(pages);
    const devtools = await context.newCDPSession(leader);
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    rig.confirm(user, 10);
    const others = pages.filter((page) => page !== leader);
    await exact(others, user);
    await rig.leader(others);
    await devtools.send("Page.setWebLifecycleState", { state: "active" });
    rig.confirm(user, 10);
    await exact(pages, user);
    await until("one stream is left", () => rig.streams.size === 1);
  }, { real: true });
}

story("behind a proxy that buffers, it polls", async ({ user, tab }) => {
  rig.mode = "buffer";
  rig.confirm(user, 2);
  const pages = [await tab(), await tab("tab=2")];
  for (const page of pages) await rig.status(page, "live");
  for (let i = 0; i < 5; i++) {
    rig.confirm(user, 2);
    await exact(pages, user);
  }
  assert.equal(rig.streams.size, 0);
});

story("a gateway killed and started again", async ({ user, tab }) => {
  const pages = [await tab(), await tab("tab=2"), await tab("alone")];
  for (const page of pages) await rig.status(page, "live");
  for (let i = 0; i < 2; i++) {
    rig.confirm(user, 5);
    await rig.killGateway();
    rig.confirm(user, 5);
    await rig.startGateway();
    rig.confirm(user, 5);
    await exact(pages, user);
  }
});

story("offline and online", async ({ context, user, tab }) => {
  const pages = [await tab(), await tab("tab=2")];
  for (const page of pages) await rig.status(page, "live");
  await context.setOffline(true);
  rig.confirm(user, 5);
  for (const page of pages) await rig.status(page, "offline");
  rig.confirm(user, 5);
  await context.setOffline(false);
  await exact(pages, user);
  for (const page of pages) await rig.status(page, "live");
});

story("the cookie is renewed when the gateway says that it ends", async ({ context, user, tab }) => {
  rig.lifetime = 13; // the gateway says so ten seconds before
  await context.request.get(`${rig.origin}/login?user=${user}`);
  rig.lifetime = 3600;
  const pages = [await tab("renew"), await tab("renew&tab=2")];
  for (const page of pages) await rig.status(page, "live");
  const renewals = async () => (await Promise.all(pages.map((page) => page.evaluate(() => window.renewals)))).reduce((a, b) => a + b);
  await until("it is renewed", async () => {
    rig.confirm(user);
    await exact(pages, user);
    return renewals();
  });
  await until("the stream is opened anew", () => rig.opened === 2 && rig.streams.size === 1);
  rig.confirm(user, 5);
  await exact(pages, user);
  assert.equal(await renewals(), 1);
  for (const page of pages) assert.ok(!(await page.evaluate(() => window.statuses)).includes("offline"));
});

story("the cookie runs out, and the user logs in again", async ({ context, user, tab }) => {
  rig.lifetime = 3;
  await context.request.get(`${rig.origin}/login?user=${user}`);
  const pages = [await tab(), await tab("tab=2")];
  rig.confirm(user, 5);
  for (const page of pages) await rig.status(page, "offline");
  rig.confirm(user, 5);
  rig.lifetime = 3600;
  await context.request.get(`${rig.origin}/login?user=${user}`);
  await exact(pages, user);
});

story("an identity in a header", async ({ context, user, tab }) => {
  const pages = [await tab("bearer"), await tab("bearer&tab=2")];
  await context.clearCookies();
  for (const page of pages) await rig.status(page, "live");
  rig.confirm(user, 5);
  await exact(pages, user);
});

story("a cursor that is no good: the state, and on from there", async ({ user, tab }) => {
  rig.confirm(user, 5);
  const pages = [await tab("bare&state&cursor=garbage"), await tab("bare&state&tab=2")];
  for (const page of pages) await rig.status(page, "live");
  rig.confirm(user, 5);
  await exact(pages, user);
});

story("a page goes on where the last one left off", async ({ user, tab }) => {
  const page = await tab("bare&resume");
  await rig.status(page, "live");
  let seen = [];
  for (let i = 0; i < 3; i++) {
    rig.confirm(user, 4);
    await until("all is told", async () => (await page.evaluate(() => window.list.length)) + seen.length === rig.counts.get(user));
    seen = seen.concat(await page.evaluate(() => window.list));
    await page.goto("about:blank");
    rig.confirm(user, 4);
    await page.goto(`${rig.origin}/?user=${user}&bare&resume`);
  }
  await until("all is told", async () => (await page.evaluate(() => window.list.length)) + seen.length === rig.counts.get(user));
  seen = seen.concat(await page.evaluate(() => window.list));
  assert.deepEqual(seen.toSorted((a, b) => a - b), Array.from({ length: 24 }, (_, i) => i + 1));
});

story("a page put aside for another, and taken up again", async ({ user, tab }) => {
  const page = await tab();
  await rig.status(page, "live");
  rig.confirm(user, 3);
  await exact([page], user);
  await page.goto("about:blank");
  await until("it has no connection", () => rig.streams.size === 0);
  rig.confirm(user, 3);
  await page.goBack();
  await exact([page], user);
});

story("the React hook: rendered on the server, hydrated in Strict Mode, live", async ({ user, tab }) => {
  rig.confirm(user, 3);
  const pages = [await tab("react"), await tab("react&tab=2")];
  for (const page of pages) await rig.status(page, "live");
  for (let i = 0; i < 3; i++) {
    rig.confirm(user, 5);
    await exact(pages, user);
  }
  assert.equal(rig.streams.size, 1);
  await rig.killGateway();
  for (const page of pages) await rig.status(page, "offline");
  rig.confirm(user, 5);
  await rig.startGateway();
  await exact(pages, user);
});

story("the React hook disabled has no connection, and enabled it goes on from its cursor", async ({ user, tab }) => {
  rig.confirm(user, 3);
  await rig.produced;
  const page = await tab("react&disabled&alone");
  await rig.status(page, "disabled");
  const begin = await page.evaluate(() => window.client.cursor);
  assert.match(begin, /^orders@/, "of the state that it was rendered from");
  for (let i = 0; i < 3; i++) {
    await page.evaluate(() => window.enable(true));
    await rig.status(page, "live");
    rig.confirm(user, 3);
    await exact([page], user);
    const { cursor, error } = await page.evaluate(() => ({ ...window.client }));
    assert.ok(cursor !== begin && error === undefined, `${cursor} ${error}`);
    await page.evaluate(() => window.enable(false));
    await rig.status(page, "disabled");
    await until("the stream is closed", () => rig.streams.size === 0);
    rig.confirm(user, 3);
    await rig.produced;
  }
  const opened = rig.opened;
  await page.evaluate(() => window.enable(true));
  await exact([page], user);
  assert.equal(rig.opened, opened + 1);
});

story("the client in one file: the same, and one connection with tabs that have it in many", async ({ user, tab }) => {
  const pages = [await tab("one"), await tab("one&tab=2"), await tab("tab=3")];
  for (const page of pages) await rig.status(page, "live");
  rig.confirm(user, 5);
  await exact(pages, user);
  assert.equal(rig.mostStreams, 1);
  const files = () => performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname).filter((path) => path.startsWith("/client/"));
  assert.deepEqual(await pages[0].evaluate(files), ["/client/sluice.js"]);
});

// Pages without the client, by the short version of docs/client.md and by follow.js.
const both = ["", "follow"];

story("pages without the client, and a gateway killed and started again", async ({ user, plain }) => {
  const pages = [await plain(both[0]), await plain(both[1])];
  await until("they have streams", () => rig.streams.size === 2);
  for (let i = 0; i < 2; i++) {
    rig.confirm(user, 5);
    await rig.killGateway();
    rig.confirm(user, 5);
    await rig.startGateway();
    rig.confirm(user, 5);
    await exact(pages, user);
  }
  assert.equal(rig.pages, 2);
});

story("pages without the client, at cursors that are no good: each is loaded once, gets the state, and goes on", async ({ user, plain }) => {
  rig.confirm(user, 5);
  await rig.produced;
  const pages = [];
  for (const cursor of ["null", "orders@AAAAAA:5.0.0"]) {
    for (const recipe of both) pages.push(await plain(`bare&${recipe}&cursor=${encodeURIComponent(cursor)}`));
  }
  await exact(pages, user);
  rig.confirm(user, 5);
  await exact(pages, user);
  assert.equal(rig.pages, pages.length);
});

/** Has the visitor's pages controlled by a service worker that does this. */
async function controlled(context, does) {
  const page = await context.newPage();
  await page.goto(`${rig.origin}/elsewhere`);
  await page.evaluate(async (script) => {
    await navigator.serviceWorker.register(script);
    await navigator.serviceWorker.ready;
  }, `/sw.js?${encodeURIComponent(does)}`);
  await until("it controls the page", () => page.evaluate(() => !!navigator.serviceWorker.controller));
  return page;
}

/** An EventSource that is left to the browser is cut once. Returns the Last-Event-ID of both its requests. */
async function leftToTheBrowser(context, user, does) {
  const page = await controlled(context, does);
  await page.evaluate(() => (window.source = new EventSource("/events")));
  await rig.cut(user, 1);
  await until("it is back", () => rig.resumes.length === 2);
  await page.close();
  return rig.resumes;
}

story("Chromium drops Last-Event-ID from an EventSource's reconnect that a service worker answers", async ({ context, user }) => {
  const ids = await leftToTheBrowser(context, user, "passes");
  assert.deepEqual(ids, [undefined, undefined], "no longer so? Then the paragraph of docs/client.md on service workers can go");
});

story("it doesn't where the worker stays out of streams, as README tells it to", async ({ context, user }) => {
  const [first, second] = await leftToTheBrowser(context, user, staysOut);
  assert.equal(first, undefined);
  assert.match(second, /^orders@/);
});

for (const does of workers) {
  story(`behind a service worker that ${does}: nothing lost, nothing twice`, async ({ context, user, tab, plain }) => {
    await (await controlled(context, does)).close();
    const pages = [await tab(), await tab("tab=2"), await plain("follow")];
    if (!does.includes("first")) pages.push(await plain()); // docs/client.md says so
    const streams = pages.length - 1;
    for (const page of pages) assert.ok(await page.evaluate(() => !!navigator.serviceWorker.controller));
    await until("they have streams", () => rig.streams.size === streams);
    for (let i = 0; i < 3; i++) {
      rig.confirm(user, 3);
      await exact(pages, user);
      for (let quiet = 0; quiet < i; quiet++) { // back at the same id
        const before = rig.opened;
        await rig.cut(user, streams);
        await until("all are back", () => rig.opened >= before + streams);
      }
      await rig.cut(user, streams);
      rig.confirm(user, 3);
      await exact(pages, user);
    }
    await context.setOffline(true);
    rig.unplug();
    rig.confirm(user, 3);
    await until("the client notices", () => pages[0].evaluate(() => window.client.status === "offline"));
    rig.confirm(user, 3);
    rig.plug();
    await context.setOffline(false);
    await exact(pages, user);
    rig.confirm(user, 3);
    await rig.killGateway();
    rig.confirm(user, 3);
    await rig.startGateway();
    rig.confirm(user, 3);
    await exact(pages, user);
    await until("they have streams again", () => rig.streams.size === streams);
    rig.confirm(user, 3);
    await exact(pages, user);
    assert.equal(rig.pages, pages.length - 2);
  });
}

story("twenty times Back and Forward, with and without a service worker", async ({ context, user, plain }) => {
  for (const does of [undefined, "passes"]) {
    if (does) await (await controlled(context, does)).close();
    for (const recipe of both) {
      const page = await plain(recipe);
      await until("it has a stream", () => rig.streams.size === 1);
      for (let i = 0; i < 20; i++) {
        rig.confirm(user);
        await exact([page], user);
        await page.goto(`${rig.origin}/elsewhere`); // loaded: until then Chromium can't be told to go back
        rig.confirm(user);
        await page.goBack({ waitUntil: "commit" });
        await exact([page], user);
      }
      assert.ok((await page.evaluate(() => window.restored)) >= 15, "most of them from the back/forward cache");
      await page.close();
      await until("its stream is closed", () => rig.streams.size === 0);
    }
  }
}, { real: true });
