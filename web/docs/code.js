// What the examples of a page get once their text is final: colours, and a button that copies.

// Comments, texts and words of JavaScript and Go. In a text, what looks like a comment is none.
const token = /(?<comment>\/\/.*)|(?<string>"[^"\n]*"|'[^'\n]*')|(?<keyword>\b(?:const|for|from|func|function|if|import|package|return|var)\b)/g;

/** Colours code by highlights, which leave its elements alone. Older browsers show it in one colour. */
export function colour(examples) {
  if (!globalThis.Highlight) return;
  const kinds = { comment: new Highlight(), string: new Highlight(), keyword: new Highlight() };
  for (const example of examples) {
    for (const { groups, index, 0: text } of example.textContent.matchAll(token)) {
      const kind = Object.keys(kinds).find((name) => groups[name]);
      kinds[kind].add(rangeOf(example, index, index + text.length));
    }
  }
  for (const [name, highlight] of Object.entries(kinds)) CSS.highlights.set(name, highlight);
}

/** The part of an element's text from one index to another, over any number of elements. */
function rangeOf(element, begin, end) {
  const range = new Range();
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let at = 0; texts.nextNode(); at += texts.currentNode.length) {
    const { currentNode: text } = texts;
    if (begin >= at && begin < at + text.length) range.setStart(text, begin - at);
    if (end > at && end <= at + text.length) range.setEnd(text, end - at);
  }
  return range;
}

/** Gives examples a button that copies them. A page that isn't on HTTPS or localhost may not copy. */
export function copyButtons(examples) {
  if (!navigator.clipboard) return;
  for (const example of examples) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      button.textContent = await navigator.clipboard.writeText(example.textContent).then(() => "Copied", () => "Not allowed");
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    const box = document.createElement("div");
    box.className = "example";
    example.replaceWith(box);
    box.append(example, button);
  }
}
