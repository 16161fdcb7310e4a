/**
 * A controller that is aborted with its parent, and maybe before. Whoever makes one aborts it when he is done, so that
 * nothing of it is left with the parent.
 */
export function child(parent: AbortSignal): AbortController {
  const own = new AbortController();
  if (parent.aborted) own.abort();
  else parent.addEventListener("abort", () => own.abort(), { signal: own.signal });
  return own;
}
