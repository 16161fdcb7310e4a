// A Cloud Function that is called by its URL. Cloud Run lets only those in who show an
// identity token. The signature says that the message is sluice's.
import { http } from "@google-cloud/functions-framework";
import { verified } from "./signature.mjs";

const seen = new Set(); // use a table: this is gone with the instance

http("orderMail", async (request, response) => {
  const body = request.rawBody ?? Buffer.alloc(0);
  if (!verified(process.env.SECRET ?? "", request.headers, body)) return response.sendStatus(401);
  const order = request.body;
  if (!order?.orderId) return response.sendStatus(422); // no attempt would succeed
  const id = request.headers["webhook-id"];
  if (!seen.has(id)) {
    await sendMail(order); // what it throws has sluice try again
    seen.add(id);
  }
  response.sendStatus(204);
});

async function sendMail(order) {
  console.log(JSON.stringify({ mail: order.orderId }));
}
