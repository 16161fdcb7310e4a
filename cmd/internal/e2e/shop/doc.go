// Package shop proves the last metre: the shop of web/nextjs, run as its README says, behind a real nginx with the recipe of
// deploy/proxies, shows in real Chromium what a real Kafka holds. Its tests click, break one part after another, and count: what a
// page has shown is compared, order by order, with what a consumer that knows nothing of sluice reads from Kafka.
//
// Only its tests do anything. SLUICE_TEST_FULL=1 runs the sizes that were promised, without it a tenth. The tests leave
// screenshots in the directory that SLUICE_TEST_SCREENSHOTS names, else in their artifact directory (go test -artifacts).
package shop
