const says = {
  connecting: "Connecting",
  live: "Live",
  stale: "Live, but the shop is slow",
  offline: "Offline, trying again",
};

export type Status = keyof typeof says;

/** How the stream is, for people; data-testid has the word itself. */
export function Connection({ status }: { status: Status }) {
  return (
    <p className={`connection ${status}`} role="status">
      <span className="said">{says[status]}</span>
      <span data-testid="connection" hidden>
        {status}
      </span>
    </p>
  );
}
