import type { Order } from "./order";

export function List({ id, title, orders, status }: { id: string; title: string; orders: Order[]; status?: string }) {
  return (
    <section id={id} data-status={status}>
      <h2>{title}</h2>
      <ul>
        {orders.map(({ orderId, shop, status }) => (
          <li key={orderId} data-order={orderId} data-status={status}>
            {orderId}: {shop}, {status}
          </li>
        ))}
      </ul>
    </section>
  );
}
