// nginx in front of the shop, as a program among others: its files are made from deploy/nginx.conf.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Whether there is such a program. */
export function has(program) {
  return [...process.env.PATH.split(delimiter), "/usr/sbin"].some((dir) => existsSync(join(dir, program)));
}

/** Writes what nginx needs to a folder. Returns its arguments, and whether it speaks HTTPS, for which openssl makes a certificate. */
export function nginx(dir, ports) {
  mkdirSync(dir, { recursive: true });
  const https = has("openssl");
  if (https && !existsSync(join(dir, "key.pem"))) {
    const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "365", "-subj", "/CN=localhost"];
    const out = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", join(dir, "key.pem"), "-out", join(dir, "cert.pem")];
    execFileSync("openssl", ["req", "-x509", ...made, ...out], { stdio: "ignore" });
  }
  const values = {
    DIR: dir,
    PORT: ports.shop,
    HTTPS_PORT: ports.https,
    NEXT: `127.0.0.1:${ports.next}`,
    SLUICE: `127.0.0.1:${ports.sluice}`,
  };
  let text = readFileSync(join(import.meta.dirname, "..", "deploy", "nginx.conf"), "utf8");
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(`@${name}@`, value);
  if (!https) text = text.replace(/^.*# https$\n/gm, "");
  writeFileSync(join(dir, "nginx.conf"), text);
  return { https, args: ["-p", dir, "-e", "stderr", "-c", join(dir, "nginx.conf"), "-g", "daemon off;"] };
}
