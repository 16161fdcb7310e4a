"use client";

import { useEffect, useState } from "react";

interface Arrival {
  id: string;
  text: string;
  at: string;
}

/** What arrives by one way, and when. It leaves the EventSource to the browser, on purpose: to see which way ends it. */
export function Arrivals({ title, url, testid }: { title: string; url: string; testid: string }) {
  const [state, setState] = useState("connecting");
  const [arrivals, setArrivals] = useState<Arrival[]>([]);
  useEffect(() => {
    const source = new EventSource(url, { withCredentials: true });
    const note = (event: MessageEvent) => {
      const { status, item } = JSON.parse(event.data);
      const at = new Date().toISOString().slice(11, 23);
      setArrivals((before) => [{ id: `${event.type} ${event.lastEventId}`, text: `${item} ${status}`, at }, ...before].slice(0, 8));
    };
    source.addEventListener("sluice.hello", () => setState("open"));
    source.addEventListener("order.placed", note);
    source.addEventListener("order.confirmed", note);
    source.onerror = () => setState(source.readyState === EventSource.CLOSED ? "closed for good" : "coming back");
    return () => source.close();
  }, [url]);
  return (
    <section className="card" data-testid={testid} data-state={state} data-arrived={arrivals.length}>
      <h2>{title}</h2>
      <p className="quiet" role="status">
        {state}
      </p>
      <ol>
        {arrivals.map(({ id, text, at }) => (
          <li key={id}>
            <time>{at}</time> {text}
          </li>
        ))}
      </ol>
    </section>
  );
}
