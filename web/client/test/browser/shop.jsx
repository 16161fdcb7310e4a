import { StrictMode, useState } from "react";
import { hydrateRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { useSluice } from "@sluice/client/react";

const rendered = window.rendered;
const user = new URLSearchParams(location.search).get("user");

function Orders() {
  const [enabled, enable] = useState(!new URLSearchParams(location.search).has("disabled"));
  window.enable = enable;
  const { value, status, cursor, error } = useSluice({
    enabled,
    user,
    cursor: rendered.cursor,
    initial: rendered.events.map((event) => event.data.n),
    reduce: (list, event) => [...list, event.json().n],
    restate: (state) => state.events.map((event) => event.data.n),
  });
  return <ol data-status={status} data-cursor={cursor} data-error={error?.name}>{value.map((n) => <li key={n}>{n}</li>)}</ol>;
}

const page = <StrictMode><Orders /></StrictMode>;
const root = document.getElementById("orders");
root.innerHTML = renderToString(page); // what the server would have sent
hydrateRoot(root, page);
Object.defineProperty(window, "list", { get: () => [...root.querySelectorAll("li")].map((li) => Number(li.textContent)) });
Object.defineProperty(window, "client", { get: () => root.querySelector("ol").dataset });
