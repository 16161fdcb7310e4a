// invoke.mjs HANDLER: calls a Lambda function's handler with each event of stdin, and
// prints what it returns.
import { readFileSync } from "node:fs";

const { handler } = await import(process.argv[2]);
console.log = () => {};
const answers = [];
for (const event of JSON.parse(readFileSync(0, "utf8"))) answers.push(await handler(event));
process.stdout.write(JSON.stringify(answers));
