// Package e2e proves sluice's promise from outside: real gateways, as processes of the built
// binary, read a real Kafka while both are killed, stopped, restarted and reconfigured, and the
// books are kept of what clients were sent that know nothing but the public routes.
//
// Clients are EventSources and pages that poll. Beside the run of all faults there is one over
// unclean elections of three brokers, one on brokers of old releases, and one with records whose
// timestamps are of other times.
//
// Only its tests do anything. SLUICE_TEST_FULL=1 runs the size that was promised (200 users, 50,000
// events, 20 faults; 114 pages over the elections), without it a part. SLUICE_TEST_SEED repeats the
// choices of an earlier run: its log says the seed.
package e2e
