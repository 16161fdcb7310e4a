// Package clients has those who connect. A [Crowd] is the benchmark's hand on them: it
// starts their processes and gives them orders. In such a process a fleet of raw sockets
// does what they say; for TLS and HTTP/2 it is net/http instead. [Consumer] reads Kafka
// alone, to say what Kafka itself costs.
//
// crowd.go has crowds, and plan.go what the clients of a process are to do. order.go is
// what they are asked, and control.go answers it. fleet.go has the sockets and dial.go
// connects them. library_clients.go uses net/http. consumer.go reads Kafka.
package clients
