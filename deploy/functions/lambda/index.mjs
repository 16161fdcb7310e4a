// An AWS Lambda function that is called by its URL or by Invoke.
import { verified } from "./signature.mjs";

const seen = new Set(); // use a table: this is gone with the instance

export async function handler(event) {
  // By its URL anybody can call, unless AWS_IAM keeps them out. So the signature counts.
  // By Invoke only those come whom IAM lets, and the event is a CloudEvent.
  const byURL = "requestContext" in event;
  let id = event.id;
  let order = event.data;
  if (byURL) {
    const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
    if (!verified(process.env.SECRET ?? "", event.headers, body)) return { statusCode: 401 };
    id = event.headers["webhook-id"];
    try {
      order = JSON.parse(body);
    } catch {
      return { statusCode: 422 }; // no attempt would succeed
    }
  }
  if (!order?.orderId) return { statusCode: 422 };
  if (seen.has(id)) return { statusCode: 204 };
  await sendMail(order); // what it throws has sluice try again
  seen.add(id);
  return { statusCode: 204 };
}

async function sendMail(order) {
  console.log(JSON.stringify({ mail: order.orderId }));
}
