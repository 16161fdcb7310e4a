/** What a stream said: an event, or, without data, only that the position has moved to id. */
export interface Message {
  id: string; // the last event id after it
  type: string;
  data?: string;
}

/**
 * Returns a reader of an event stream, true to the letter of the standard (WHATWG HTML 9.2.6), which is given the
 * decoded text in pieces cut anywhere. What stands after the last blank line is never told: an event that was cut off is none.
 * id is the last event id to begin with.
 */
export function parser(id: string, tell: (message: Message) => void, retry: (ms: number) => void) {
  let rest = ""; // of a line not ended yet
  let afterCR = false; // an LF now belongs to the CR before
  let data = "";
  let type = "";
  let told = id;

  const field = (name: string, value: string) => {
    if (name === "data") data += value + "\n";
    else if (name === "event") type = value;
    else if (name === "id" && !value.includes("\0")) id = value;
    else if (name === "retry" && /^\d+$/.test(value)) retry(+value);
  };

  const line = (text: string) => {
    if (text) {
      const colon = text.indexOf(":");
      if (colon < 0) field(text, "");
      else field(text.slice(0, colon), text.slice(text[colon + 1] === " " ? colon + 2 : colon + 1));
      return;
    }
    if (data) tell({ id, type: type || "message", data: data.slice(0, -1) });
    else if (id !== told) tell({ id, type: "" }); // an EventSource remembers it as well, and tells nobody
    told = id;
    data = type = "";
  };

  return (text: string) => {
    if (!text) return;
    if (afterCR && text[0] === "\n") text = text.slice(1);
    afterCR = text.endsWith("\r");
    const lines = text.split(/\r\n?|\n/);
    lines[0] = rest + lines[0];
    rest = lines.pop()!;
    lines.forEach(line);
  };
}
