// The mail server of this shop: it takes mail for anybody, and puts each into a file. A mail that it has already, by its Message-ID, is
// not put there again. Nothing leaves this machine.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SMTPServer } from "smtp-server";

const MOST = 1024 * 1024; // bytes of a mail

const dir = process.env.MAIL_DIR || ".shop/mails";
const port = Number(process.env.MAIL_PORT || 2525);

async function keep(mail: Buffer, to: string): Promise<void> {
  const text = mail.toString();
  const id = /^message-id:\s*(\S+)/im.exec(text.split("\r\n\r\n", 1)[0] ?? "")?.[1] ?? text;
  const file = join(dir, `${createHash("sha256").update(`${to} ${id}`).digest("hex").slice(0, 32)}.eml`);
  const known = await stat(file).catch(() => undefined);
  console.log(`${known ? "again" : "new"} to ${to} ${id.slice(0, 100)}`);
  if (known) return;
  await writeFile(`${file}.part`, mail);
  await rename(`${file}.part`, file);
}

const server = new SMTPServer({
  disabledCommands: ["AUTH", "STARTTLS"],
  size: MOST,
  rejectOversized: true,
  onData(stream, session, done) {
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => {
      if (!stream.sizeExceeded) parts.push(part);
    });
    stream.on("end", () => {
      if (stream.sizeExceeded) return done();
      const to = session.envelope.rcptTo.map(({ address }) => address).join(", ");
      keep(Buffer.concat(parts), to).then(() => done(), done);
    });
  },
});
server.on("error", (error) => console.error(`a connection failed: ${error.message}`));
await mkdir(dir, { recursive: true });
server.listen(port, "127.0.0.1");
await once(server.server, "listening");
console.log(`takes mail at port ${port}, and keeps it in ${dir}`);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => server.close());
