// What npm would publish, and how much of it a page has to fetch: the core, bundled and minified, stays within 4 KB gzipped.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";

const most = 4096;

const [pack] = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { stdio: ["ignore", "pipe", "ignore"] }));
const built = readdirSync("src").flatMap((name) => [".js", ".d.ts"].map((end) => `dist/${name.replace(/\.ts$/, end)}`));
assert.deepEqual(pack.files.map((file) => file.path).sort(), [...built, "LICENSE", "README.md", "package.json"].sort());
console.log(`${pack.filename}: ${pack.files.length} files, ${pack.size} bytes packed, ${pack.unpackedSize} unpacked`);

// What is imported when it is asked for, for WebSockets, is no part of it.
const options = { entryPoints: ["dist/index.js"], bundle: true, splitting: true, minify: true, format: "esm", target: "es2022", outdir: "out", write: false };
const core = buildSync(options).outputFiles.find((file) => file.path.endsWith("index.js"));
const size = gzipSync(core.contents, { level: 9 }).length;
console.log(`the core: ${size} bytes gzipped, of ${most}`);
assert.ok(size <= most, `the core has grown beyond ${most} bytes`);
