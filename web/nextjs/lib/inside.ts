/** A path of this shop to go on to, "/" if what was asked for is none. */
export function inside(path: unknown): string {
  if (typeof path !== "string") return "/";
  const base = "http://shop.invalid";
  const url = URL.canParse(path, base) ? new URL(path, base) : undefined;
  return path.startsWith("/") && url?.origin === base ? url.pathname + url.search : "/";
}
