import Link from "next/link";
import { Products } from "@/components/Products";
import { caller } from "@/lib/session";
import { placeOrder } from "./actions";

export default async function Page({ searchParams }: PageProps<"/">) {
  const [user, { failed }] = await Promise.all([caller(), searchParams]);
  return (
    <>
      <h1>For the towpath</h1>
      {!user && (
        <p>
          <Link href="/login">Log in</Link> to order, or <Link href="/guest">order as a guest</Link>.
        </p>
      )}
      <Products action={placeOrder} failed={Boolean(failed)} />
    </>
  );
}
