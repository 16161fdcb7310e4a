// The worker: reads orders that were placed, and confirms them. An order's place in Kafka is committed when its
// confirmation is written, so that a worker which is killed leaves none out; it may confirm one twice.

import { setTimeout as sleep } from "node:timers/promises";
import { Consumer, stringDeserializers } from "@platformatic/kafka";
import { brokers, confirmDelay, orderTopic } from "../lib/env.ts";
import { closeKafka, write } from "../lib/kafka.ts";
import { answer } from "./confirm.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort());

async function work() {
  const consumer = new Consumer({
    clientId: "sluice-shop-worker",
    groupId: `${orderTopic()}-worker`, // a group has one set of topics
    bootstrapBrokers: brokers(),
    deserializers: stringDeserializers,
    // How long Kafka waits for a worker that is gone, or that a restart made it forget, before another gets its orders.
    sessionTimeout: 10_000,
    rebalanceTimeout: 10_000,
    heartbeatInterval: 2_000,
  });
  try {
    const records = await consumer.consume({
      topics: [orderTopic()],
      mode: "committed",
      fallbackMode: "earliest",
      autocommit: false,
      maxWaitTime: 100,
    });
    stop.signal.addEventListener("abort", () => records.close(), { once: true });
    console.log(`confirming the orders of ${orderTopic()}`);
    for await (const record of records) {
      const due = answer(record, confirmDelay());
      if (due) {
        await sleep(Math.max(0, due.at - Date.now()), undefined, { signal: stop.signal });
        await write(due.order);
      }
      await record.commit();
    }
  } finally {
    await consumer.close(true);
  }
}

while (!stop.signal.aborted) {
  try {
    await work();
  } catch (error) {
    if (stop.signal.aborted) break;
    console.error(`${error}; trying again`);
    await sleep(1_000);
  }
}
await closeKafka();
