// Package e2e proves sluice's promise from outside. Real gateways, as processes of the
// built binary, read a real Kafka. Both are killed, stopped, restarted and reconfigured.
// A checker keeps the books of what clients were sent that know nothing but the public
// routes.
//
// Clients are EventSources and pages that poll. One run has all faults. Another goes over
// unclean elections of three brokers. A third is on brokers of old releases, and a fourth
// has records whose timestamps are of other times.
//
// Only its tests do anything. SLUICE_TEST_FULL=1 runs the size that was promised: 200
// users, 50,000 events, 20 faults, and 114 pages over the elections. Without it a part is
// run. SLUICE_TEST_SEED repeats the choices of an earlier run, whose log says the seed.
package e2e
