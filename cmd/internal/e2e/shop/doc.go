// Package shop proves the last metre. The shop of web/nextjs runs as its README says,
// behind a real nginx with the recipe of deploy/proxies. It shows in real Chromium what a
// real Kafka holds. Its tests click, break one part after another, and count. A consumer
// that knows nothing of sluice reads from Kafka. What a page has shown is compared with
// that, order by order.
//
// Only its tests do anything. SLUICE_TEST_FULL=1 runs the sizes that were promised,
// without it a tenth. The tests leave screenshots in the directory that
// SLUICE_TEST_SCREENSHOTS names, else in their artifact directory (go test -artifacts).
package shop
