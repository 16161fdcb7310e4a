// Makes the client one file, for pages without a bundler: dist/sluice.js, and web/docs/client.js, which a gateway serves. Its first
// line says what it was made from, so that a test of Go alone notices a file that is older than its sources.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { buildSync } from "esbuild";

const sources = new Set(["index"]);
const hash = createHash("sha256");
for (const name of sources) {
  const text = readFileSync(`src/${name}.ts`, "utf8");
  for (const [, other] of text.matchAll(/"\.\/(\w+)\.js"/g)) sources.add(other);
  hash.update(text);
}
const banner = { js: `// @sluice/client in one file. Apache-2.0. Made from ${hash.digest("hex")} by npm run build.` };
const options = { entryPoints: ["src/index.ts"], bundle: true, minify: true, format: "esm", target: "es2022", write: false, banner };
const [{ contents }] = buildSync(options).outputFiles;

writeFileSync("dist/sluice.js", contents);
const served = "../docs/client.js";
if (existsSync("../docs") && !(existsSync(served) && readFileSync(served).equals(contents))) writeFileSync(served, contents);
