import { money, products } from "@/lib/products";

/** What there is to buy. Each button posts a form, so that it works before, and without, any script. */
export function Products({ action, failed }: { action: (form: FormData) => Promise<void>; failed: boolean }) {
  return (
    <>
      {failed && (
        <p className="notice" role="alert">
          It is not certain that your order was taken. If it was, it will show among your orders; if not, please try again.
        </p>
      )}
      <ul className="products">
        {products.map((product) => (
          <li key={product.id}>
            <svg viewBox="0 0 24 24" aria-hidden="true">
              <path d={product.icon} />
            </svg>
            <h2>{product.name}</h2>
            <p>{product.about}</p>
            <form action={action}>
              <span className="price">{money(product.price)}</span>
              <button type="submit" name="product" value={product.id} data-testid="order" aria-label={`Order ${product.name}`}>
                Order
              </button>
            </form>
          </li>
        ))}
      </ul>
    </>
  );
}
