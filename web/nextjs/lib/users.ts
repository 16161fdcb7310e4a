export interface Customer {
  id: string; // the user that records in Kafka name
  roles: string[];
  email: string;
}

/** Who has an account here. A real shop asks its database, and has passwords worth the name. */
const customers: Record<string, Customer> = {
  alice: { id: "alice", roles: ["customer"], email: "alice@customers.example" },
  bob: { id: "bob", roles: ["customer"], email: "bob@customers.example" },
  carol: { id: "carol", roles: ["customer"], email: "carol@customers.example" },
  sam: { id: "sam", roles: ["customer", "staff"], email: "sam@customers.example" },
};

export function customerBy(username: unknown, password: unknown): Customer | null {
  if (typeof username !== "string" || password !== "demo" || !Object.hasOwn(customers, username)) return null;
  return customers[username] ?? null;
}

/** Where a user gets mail; undefined: nowhere, as guests, who have left no address. */
export function addressOf(user: string): string | undefined {
  return Object.hasOwn(customers, user) ? customers[user]?.email : undefined;
}
