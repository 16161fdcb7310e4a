// Code in the documents is code: each block can be read by a parser of its language.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { transform } from "esbuild";

const project = new URL("../../../../", import.meta.url);
const pages = [
  "README.md",
  "web/client/README.md",
  "web/nextjs/README.md",
  ...readdirSync(new URL("docs/", project)).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];

let blocks = 0;
for (const page of pages) {
  const text = readFileSync(new URL(page, project), "utf8");
  for (const [, language, code] of text.matchAll(/^```(js|jsx|ts|tsx)\n(.*?)^```/gms)) {
    blocks++;
    test(`${page}: ${code.split("\n")[0]}`, async () => {
      const { warnings } = await transform(code, { loader: language });
      assert.deepEqual(warnings, []);
    });
  }
}

test("there are such blocks", () => assert.ok(blocks > 5, `${blocks}`));
