// Numbers and times for people. Everything takes undefined and null for "not known", which is a dash.

const dash = "–";
const known = (n) => typeof n === "number" && Number.isFinite(n);

export function count(n) {
  return known(n) ? Math.round(n).toLocaleString("en") : dash;
}

// short is count in the room of five characters: 950, 1.2k, 34k, 5.6M.
export function short(n) {
  if (!known(n)) return dash;
  for (const [size, unit] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (Math.abs(n) >= 10 * size) return (n / size).toFixed(0) + unit;
    if (Math.abs(n) >= size) return (n / size).toFixed(1) + unit;
  }
  return String(Math.round(n));
}

export function rate(n) {
  if (!known(n)) return dash;
  return n < 10 && n > 0 ? n.toFixed(1) : short(n);
}

export function bytes(n) {
  if (!known(n)) return dash;
  for (const [size, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (n >= size) return `${(n / size).toFixed(n >= 100 * size ? 0 : 1)} ${unit}`;
  }
  return `${Math.round(n)} B`;
}

export function percent(n) {
  return known(n) ? `${n < 10 ? n.toFixed(1) : n.toFixed(0)} %` : dash;
}

// span is a duration in seconds: 0.4 s, 12 s, 3 min 20 s, 5 h 2 min, 8 d 3 h.
export function span(seconds) {
  if (!known(seconds)) return dash;
  const s = Math.max(0, seconds);
  if (s < 9.95) return `${s.toFixed(1)} s`;
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const whole = Math.round(s);
  const i = units.findIndex(([size]) => whole >= size);
  const [size, unit] = units[i];
  const text = `${Math.floor(whole / size)} ${unit}`;
  const next = units[i + 1];
  const rest = next && Math.floor((whole % size) / next[0]);
  return rest ? `${text} ${rest} ${next[1]}` : text;
}

// ago is how long before now something was.
export const ago = (seconds) => (known(seconds) ? `${span(seconds)} ago` : dash);

export function clock(date) {
  return date.toLocaleTimeString(undefined, { hourCycle: "h23" });
}

// moment is an RFC 3339 time in the reader's own zone, to the millisecond, with its day unless that is today.
export function moment(time) {
  const at = new Date(time ?? "");
  if (Number.isNaN(at.getTime())) return dash;
  const two = (n) => String(n).padStart(2, "0");
  const text = `${clock(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  return at.toDateString() === new Date().toDateString() ? text : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${text}`;
}
