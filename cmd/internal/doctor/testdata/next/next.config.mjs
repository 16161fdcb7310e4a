// Streams through rewrites(), which is what not to do: straight to a gateway, and to a proxy that takes no-transform away.
export default {
  rewrites: () => [
    { source: "/next-events", destination: `${process.env.SLUICE_URL}/events` },
    { source: "/transformed", destination: `${process.env.PROXY_URL}/events` },
  ],
};
