"use client";

export default function Failed({ reset }: { reset: () => void }) {
  return (
    <>
      <h1>Something went wrong</h1>
      <p>It was not your doing.</p>
      <button type="button" onClick={reset}>
        Try again
      </button>
    </>
  );
}
