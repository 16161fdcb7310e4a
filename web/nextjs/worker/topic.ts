import { Admin } from "@platformatic/kafka";
import { brokers, orderTopic } from "../lib/env.ts";

/** Makes the topic of orders, unless it is there. */
export async function makeTopic(): Promise<void> {
  const admin = new Admin({ clientId: "sluice-shop", bootstrapBrokers: brokers(), retries: 3 });
  try {
    const topics = await admin.listTopics();
    if (!topics.includes(orderTopic())) await admin.createTopics({ topics: [orderTopic()], partitions: 3, replicas: -1 });
  } finally {
    await admin.close();
  }
}
