// Asking the gateway's admin address, of which this page is a part. Where admin_auth asks for a token, it is asked for in the page, kept
// for this tab's session alone, and sent as a header by fetch: never in an address, never in a cookie.
import { byId } from "./dom.js";
import { problemOf } from "./sse.js";

const tokenKey = "sluice.admin.token";
const root = new URL("../", document.baseURI); // the page is at /console/, behind whatever prefix

export class Refused extends Error {
  constructor(problem) {
    super([problem.title, problem.detail].filter(Boolean).join(": "));
    this.status = problem.status;
    this.type = problem.type;
  }
}

// at is the address of a route, with what is not empty of its query.
export function at(path, query = {}) {
  const url = new URL(path, root);
  for (const [name, value] of Object.entries(query)) {
    if (value !== "" && value != null) url.searchParams.append(name, value);
  }
  return url;
}

// ask returns the JSON of a route; undefined where there is none. It fails with Refused, or with fetch's TypeError where nobody answers.
export async function ask(path, query, options = {}) {
  if (byId("token-dialog").open) throw new Refused({ status: 401, title: "The admin token is missing" }); // until there is one to try
  const headers = { Accept: "application/json" };
  const token = sessionStorage.getItem(tokenKey);
  if (token) headers.Authorization = `Bearer ${token}`;
  // Without credentials a browser doesn't answer a 401 by a dialog of its own.
  const response = await fetch(at(path, query), { ...options, headers, cache: "no-store", credentials: "omit" });
  if (response.status === 401) askForToken();
  if (!response.ok) throw new Refused(await problemOf(response));
  return response.status === 204 ? undefined : response.json();
}

function askForToken() {
  const dialog = byId("token-dialog");
  if (dialog.open) return;
  byId("token-wrong").hidden = !sessionStorage.getItem(tokenKey);
  dialog.showModal();
}

// beginToken makes the dialog work; got is called when there is a token to try.
export function beginToken(got) {
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(tokenKey, byId("token").value);
    byId("token").value = "";
    byId("token-dialog").close();
    got();
  });
}
