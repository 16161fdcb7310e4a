import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { CollectionOrders } from "./CollectionOrders";
import { HookOrders } from "./HookOrders";
import { user } from "./order";
import { keepOrders, QueryOrders } from "./QueryOrders";

const queries = new QueryClient();
keepOrders(queries);

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <h1>Orders of {user}</h1>
      <HookOrders />
      <QueryOrders />
      <CollectionOrders />
    </QueryClientProvider>
  </StrictMode>,
);
