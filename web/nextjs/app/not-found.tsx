import Link from "next/link";

export default function Page() {
  return (
    <>
      <h1>404</h1>
      <p>There is no such page, or it isn’t yours.</p>
      <p>
        <Link href="/">To the shop</Link>
      </p>
    </>
  );
}
