import Link from "next/link";

export default function Page() {
  return (
    <>
      <h1>403</h1>
      <p>This page is for staff.</p>
      <p>
        <Link href="/">To the shop</Link>
      </p>
    </>
  );
}
