// Package load is what is sent: payloads that carry their time and number, and the
// feeders that bring them into a server, by Kafka or by HTTP. It also makes Kafka's
// topics, or a whole Kafka in a process, and knows the templates of users, paths and
// headers. A load is for this machine only; [Loopback] refuses any other.
//
// payload.go has payloads, and template.go templates. feed.go says what a feeder is;
// feed_kafka.go and feed_http.go are two. topics.go makes topics, and embedded.go is a
// Kafka.
package load
