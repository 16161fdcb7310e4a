// What npm would publish, and how much of it a page has to fetch, bundled, minified and gzipped: the core stays within 4 KB, what
// a TanStack DB collection adds to it within 1.5 KB, and the client in one file, with its WebSockets, within 4.75 KB.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";

const [pack] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { stdio: ["ignore", "pipe", "ignore"] }));
const built = readdirSync("src").flatMap((name) => [".js", ".d.ts"].map((end) => `dist/${name.replace(/\.ts$/, end)}`));
assert.deepEqual(pack.files.map((file) => file.path).sort(), [...built, "dist/sluice.js", "LICENSE", "README.md", "package.json"].sort());
console.log(`${pack.filename}: ${pack.files.length} files, ${pack.size} bytes packed, ${pack.unpackedSize} unpacked`);

const bundle = { bundle: true, minify: true, format: "esm", target: "es2022", write: false };
function atMost(most, what, contents) {
  const size = gzipSync(contents, { level: 9 }).length;
  console.log(`${what}: ${size} bytes gzipped, of ${most}`);
  assert.ok(size <= most, `${what} has grown beyond ${most} bytes`);
}

// What is imported when it is asked for, for WebSockets, is no part of it.
const parts = buildSync({ ...bundle, entryPoints: ["dist/index.js"], splitting: true, outdir: "out" }).outputFiles;
atMost(4096, "the core", parts.find((file) => file.path.endsWith("index.js")).contents);
const core = ["./client.js", "./pause.js"];
atMost(1536, "a TanStack DB collection", buildSync({ ...bundle, entryPoints: ["dist/db.js"], external: core }).outputFiles[0].contents);

const one = readFileSync("dist/sluice.js");
atMost(4864, "the client in one file", one);
assert.doesNotMatch(String(one), /\bimport\b/, "it asks for no other file");
assert.ok(readFileSync("../docs/client.js").equals(one), "what a gateway serves is what npm publishes");
const names = (module) => Object.keys(module).sort();
assert.deepEqual(names(await import("../dist/sluice.js")), names(await import("../dist/index.js")));
