// Package load is what is sent: payloads that carry their time and number, and the
// feeders that bring them into a server, by Kafka or by HTTP. It also makes Kafka's
// topics, or a whole Kafka in a process, and knows the templates of users, paths and
// headers. A load is for this machine only; [Loopback] refuses any other.
package load
