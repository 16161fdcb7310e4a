// Package e2e proves sluice's promise from outside: real gateways, as processes of the built
// binary, read a real Kafka while both are killed, stopped, restarted and reconfigured, and clients
// that know nothing but Server-Sent Events keep the books of what they were sent.
//
// Only its tests do anything. SLUICE_TEST_FULL=1 runs the size that was promised (200 users, 50,000
// events, 20 faults), without it a tenth. SLUICE_TEST_SEED repeats the choices of an earlier run: its
// log says the seed.
package e2e
