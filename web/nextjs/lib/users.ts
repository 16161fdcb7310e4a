export interface Customer {
  id: string; // the user that records in Kafka name
  roles: string[];
}

/** Who has an account here. A real shop asks its database, and has passwords worth the name. */
const customers: Record<string, Customer> = {
  alice: { id: "alice", roles: ["customer"] },
  bob: { id: "bob", roles: ["customer"] },
  carol: { id: "carol", roles: ["customer"] },
  sam: { id: "sam", roles: ["customer", "staff"] },
};

export function customerBy(username: unknown, password: unknown): Customer | null {
  if (typeof username !== "string" || password !== "demo" || !Object.hasOwn(customers, username)) return null;
  return customers[username] ?? null;
}
