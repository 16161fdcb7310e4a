"use strict";

// How much of a stream is shown. It has no end, and the viewer waits for one.
const LONGEST = 5000; // ms
const LARGEST = 256 * 1024; // bytes

/** fetch, of which the answer ends: by itself, or after a while. */
async function fetchSome(url, init) {
  const response = await fetch(url, init);
  if (!response.body) return response;
  const reader = response.body.getReader();
  const timer = setTimeout(() => reader.cancel(), LONGEST);
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    if (size > LARGEST) await reader.cancel();
  }
  clearTimeout(timer);
  const shown = new Response(parts.length ? new Blob(parts) : null, { status: response.status, statusText: response.statusText, headers: response.headers });
  Object.defineProperty(shown, "url", { value: response.url });
  return shown;
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const dress = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", dress);
dress();

// On the admin address this is the page itself, and there is none about how to use it.
document.getElementById("portal").hidden = !location.pathname.endsWith("/api.html");

// Only what a program asks is shown: no pages, and no HEAD, which says what GET says.
const hidden = ["HEAD", "Pages"]; // tags

function shorten(response) {
  if (!response.ok || !response.url.endsWith("/openapi.json")) return response;
  const api = JSON.parse(response.text);
  api.tags = api.tags.filter(({ name }) => !hidden.includes(name));
  for (const methods of Object.values(api.paths)) {
    for (const [method, { tags }] of Object.entries(methods)) {
      if (tags?.some((tag) => hidden.includes(tag))) delete methods[method];
    }
  }
  response.text = JSON.stringify(api);
  return response;
}

const viewer = SwaggerUIBundle({
  url: "../openapi.json",
  dom_id: "#viewer",
  presets: [SwaggerUIBundle.presets.apis],
  // The only server is this gateway, so there is nothing to choose; and the choice has no label.
  plugins: [() => ({ wrapComponents: { ServersContainer: () => () => null } })],
  layout: "BaseLayout",
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  queryConfigEnabled: false, // else a link could have the viewer show another's API as this one
  requestInterceptor: (request) => (request.loadSpec ? request : Object.assign(request, { userFetch: fetchSome })),
  responseInterceptor: shorten,
  // A gateway that believes any name is asked as alice, so that the first try works.
  onComplete: () => viewer.preauthorizeApiKey("user", "alice"),
});
