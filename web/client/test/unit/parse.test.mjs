import assert from "node:assert/strict";
import { test } from "node:test";
import { parser } from "@sluice/client";

/** What is told of a stream given in pieces. */
function read(pieces, id = "") {
  const told = [];
  const parse = parser(id, (message) => told.push(message), (ms) => told.push(ms));
  for (const piece of pieces) parse(piece);
  return told;
}

const cases = {
  "an event": ["id: 1\nevent: a\ndata: x\n\n", [{ id: "1", type: "a", data: "x" }]],
  "unnamed": ["data: x\n\n", [{ id: "0", type: "message", data: "x" }]],
  "CR and CRLF": ["data: x\r\rdata: y\r\n\r\nid: 2\rdata: z\r\n\n", [
    { id: "0", type: "message", data: "x" }, { id: "0", type: "message", data: "y" }, { id: "2", type: "message", data: "z" }]],
  "lines of data": ["data: a\ndata:\ndata:  b\n\n", [{ id: "0", type: "message", data: "a\n\n b" }]],
  "empty data is data": ["data\n\ndata:\n\n", [{ id: "0", type: "message", data: "" }, { id: "0", type: "message", data: "" }]],
  "no data is no event, and its name is forgotten": ["event: a\n\ndata: x\n\n", [{ id: "0", type: "message", data: "x" }]],
  "an id alone moves the position": ["id: 7\n\n", [{ id: "7", type: "" }]],
  "an id stays": ["id: 7\ndata: x\n\ndata: y\n\n", [{ id: "7", type: "message", data: "x" }, { id: "7", type: "message", data: "y" }]],
  "an empty id": ["id\ndata: x\n\n", [{ id: "", type: "message", data: "x" }]],
  "an id with NUL is none": ["id: a\0b\ndata: x\n\n", [{ id: "0", type: "message", data: "x" }]],
  "comments, unknown fields, other cases": [": c\nfoo: bar\nDATA: y\n data: z\ndata: x\n\n", [{ id: "0", type: "message", data: "x" }]],
  "one space is cut": ["data:  x:y\n\n", [{ id: "0", type: "message", data: " x:y" }]],
  "the last name counts": ["event: a\nevent: b\ndata: x\n\n", [{ id: "0", type: "b", data: "x" }]],
  "retry takes digits": ["retry: 150\nretry: 1s\nretry:\nretry: -1\nretry: 1e3\n\n", [150]],
  "cut off": ["data: x\n\nid: 9\ndata: y\n", [{ id: "0", type: "message", data: "x" }]],
  "blank lines": ["\n\n\r\n\r\r", []],
  "not ASCII": ["event: é\ndata: 注文🎉\n\n", [{ id: "0", type: "é", data: "注文🎉" }]],
};

for (const [name, [text, want]] of Object.entries(cases)) {
  test(name, () => {
    assert.deepEqual(read([text], "0"), want);
    assert.deepEqual(read(text.split(""), "0"), want, "a character at a time");
    for (let i = 0; i <= text.length; i++) {
      assert.deepEqual(read([text.slice(0, i), "", text.slice(i)], "0"), want, `cut at ${i}`);
    }
  });
}

test("a payload of a megabyte, in pieces", () => {
  const data = "x".repeat(1 << 20);
  const text = `data: ${data}\n\n`;
  const pieces = Array.from({ length: 65 }, (_, i) => text.slice(i * 16384, (i + 1) * 16384));
  assert.deepEqual(read(pieces), [{ id: "", type: "message", data }]);
});
