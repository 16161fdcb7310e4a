import type { Metadata } from "next";
import { Products } from "@/components/Products";
import { placeGuestOrder } from "../actions";

export const metadata: Metadata = { title: "Order as a guest" };

export default async function Page({ searchParams }: PageProps<"/guest">) {
  const { failed } = await searchParams;
  return (
    <>
      <h1>Order as a guest</h1>
      <p>No account needed. Keep the link of your order: it is how you find it again.</p>
      <Products action={placeGuestOrder} failed={Boolean(failed)} />
    </>
  );
}
