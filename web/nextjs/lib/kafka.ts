import { ProduceAcks, Producer, stringSerializers } from "@platformatic/kafka";
import { brokers, orderTopic } from "./env.ts";
import type { Order } from "./order.ts";

type OrderProducer = Producer<string, string, string, string>;

// One for the process: Next may load this module more than once.
const kept = globalThis as { orderProducer?: OrderProducer };

/**
 * Writes what has become of an order, and returns when all replicas have it. The key is whose order it is: all of
 * a user's events are in one partition, and so in the order they were written. A guest's order is its own user.
 */
export async function write(order: Order): Promise<void> {
  kept.orderProducer ??= new Producer({
    clientId: "sluice-shop",
    bootstrapBrokers: brokers(),
    serializers: stringSerializers,
    idempotent: true, // a retry is not a second event
    acks: ProduceAcks.ALL,
    connectTimeout: 5_000,
    requestTimeout: 10_000,
    retries: 5,
  });
  await kept.orderProducer.send({ messages: [{ topic: orderTopic(), key: order.user, value: JSON.stringify(order) }] });
}

/** Ends the connection to Kafka, when everything is written. */
export async function closeKafka(): Promise<void> {
  await kept.orderProducer?.close();
}
