import { Admin } from "@platformatic/kafka";
import { brokers, orderTopic } from "../lib/env.ts";

/** Makes the topic of orders, and the one of orders that could not be mailed, unless they are there. */
export async function makeTopic(): Promise<void> {
  const admin = new Admin({ clientId: "sluice-shop", bootstrapBrokers: brokers(), retries: 3 });
  try {
    const topics = await admin.listTopics();
    const missing = [orderTopic(), `${orderTopic()}.dead`].filter((topic) => !topics.includes(topic));
    if (missing.length > 0) await admin.createTopics({ topics: missing, partitions: 3, replicas: -1 });
  } finally {
    await admin.close();
  }
}
