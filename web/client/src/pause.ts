const LONGEST = 30_000; // ms, and up to half as much again
const TOGETHER = 120_000; // ms between two resets that belong together

/** Waits so many milliseconds, or until the signal. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (!ms || signal.aborted) return resolve();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}

/**
 * Returns what says how long to wait before the state is fetched after a reset: the first time not
 * at all, then 2 to 3 s, doubling, while one comes within two minutes of the one before. So a gateway
 * that answers everything with a reset isn't asked without end.
 */
export function spacing(): () => number {
  let last = -Infinity;
  let resets = 0;
  return () => {
    const now = Date.now();
    resets = now < last + TOGETHER ? resets + 1 : 0;
    last = now;
    return resets && Math.min(LONGEST, 1_000 * 2 ** resets) * (1 + Math.random() / 2);
  };
}
