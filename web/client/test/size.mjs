// The core, bundled and minified as a page would have it, must stay within 4 KB gzipped.
import { buildSync } from "esbuild";
import { gzipSync } from "node:zlib";

const most = 4096;
const core = buildSync({ entryPoints: ["dist/index.js"], bundle: true, minify: true, format: "esm", target: "es2022", write: false });
const size = gzipSync(core.outputFiles[0].contents, { level: 9 }).length;
console.log(`@sluice/client: ${size} bytes gzipped, of ${most}`);
if (size > most) process.exit(1);
