// The views of the page, by the fragment of its address: #view?parameters, so that a question can be linked to.
import { setText } from "./dom.js";

// route shows the view that the fragment names, the first of them otherwise, and tells it its parameters:
// show(URLSearchParams). views: name → {show, hide?}. It returns what shows the current view once more.
export function route(views, title) {
  const names = Object.keys(views);
  let current;
  const go = () => {
    const [wanted, query = ""] = location.hash.slice(1).split("?", 2);
    const name = names.includes(wanted) ? wanted : names[0];
    for (const section of document.querySelectorAll("section[data-view]")) section.hidden = section.dataset.view !== name;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.body.dataset.view = name;
    const heading = document.querySelector(`section[data-view="${name}"] h2`);
    setText(document.querySelector("title"), `${heading.textContent} · ${title}`);
    if (current !== name) views[current]?.hide?.();
    current = name;
    views[name].show(new URLSearchParams(query));
  };
  addEventListener("hashchange", go);
  go();
  return go;
}
