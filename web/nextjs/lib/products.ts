export interface Product {
  id: string;
  name: string;
  about: string;
  price: number; // EUR
  icon: string; // the path of an SVG, 24 × 24
}

export const products: Product[] = [
  {
    id: "kettle",
    name: "Enamel kettle",
    about: "Two litres, for a stove or a fire.",
    price: 38,
    icon: "M7 9h10l2 9a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2zM9 9a3 3 0 0 1 6 0M12 6V4M18.500 13l3-3M5.500 13 3 11",
  },
  {
    id: "lantern",
    name: "Storm lantern",
    about: "Burns for twenty hours, in any wind.",
    price: 29.5,
    icon: "M8 8h8v9H8zM6 20h12v-3H6zM9 8V6h6v2M9 6a3 3 0 0 1 6 0M12 15a2 2 0 0 0 1-3l-1-1.500-1 1.500a2 2 0 0 0 1 3",
  },
  {
    id: "rope",
    name: "Mooring rope",
    about: "Ten metres, spliced by hand.",
    price: 21,
    icon: "M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6M19 12l2 8M16.900 16.900 19 21",
  },
  {
    id: "boots",
    name: "Towpath boots",
    about: "Waterproof, and they stay so.",
    price: 94,
    icon: "M8 3h6v10l5 2a2 2 0 0 1 1 2v3H8zM8 17h12M11 7h3M11 10h3",
  },
  {
    id: "map",
    name: "Waterways map",
    about: "All locks, bridges and moorings.",
    price: 12.8,
    icon: "m3 6 6-2 6 2 6-2v14l-6 2-6-2-6 2zM9 4v14M15 6v14",
  },
  {
    id: "tea",
    name: "Lock-keeper’s tea",
    about: "Strong enough to wait with.",
    price: 7.4,
    icon: "M5 9h11v6a4 4 0 0 1-4 4H9a4 4 0 0 1-4-4zM16 10h2a2 2 0 0 1 0 5h-2M8 6V4M11 6V3M14 6V4",
  },
];

export const productBy = (id: unknown) => products.find((product) => product.id === id);

const euros = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });

export const money = (amount: number) => euros.format(amount);
