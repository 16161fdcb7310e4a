// TanStack DB collections of a real gateway's stream, for TestACollectionIsTheCompactedTopic: one begins with the stream's snapshot, the
// other with the state. Each line on stdin is answered by a line with all their rows. They end with stdin.
import { createInterface } from "node:readline";
import { createCollection } from "@tanstack/db";
import { sluiceCollectionOptions } from "@sluice/client/db";

const [url] = process.argv.slice(2);
const own = ({ id, n }) => ({ id, n }); // without what TanStack DB adds to a row
const follow = (connect) => {
  const statuses = [];
  const onStatus = (status) => statuses.push(status);
  const collection = createCollection(sluiceCollectionOptions({ connect: { url, ...connect }, getKey: ({ id }) => id, onStatus, startSync: true, gcTime: 0 }));
  let replaced = 0;
  collection.on("truncate", () => replaced++);
  return { collection, shown: () => ({ ready: collection.status === "ready", replaced, statuses, rows: Object.fromEntries([...collection.entries()].map(([key, row]) => [key, own(row)])) }) };
};
const all = { snapshot: follow({}), state: follow({ user: "alice" }) };

for await (const _ of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(Object.fromEntries(Object.entries(all).map(([name, { shown }]) => [name, shown()]))));
}
for (const { collection } of Object.values(all)) await collection.cleanup();
