package kafkatest

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// Files in a cluster's directory.
const (
	propertiesFile = "server.properties"
	logFile        = "kafka.log"
	dataDir        = "data"
	caFile         = "ca.pem"
	brokerFile     = "broker.pem" // key and certificate
	clientCertFile = "client.pem"
	clientKeyFile  = "client-key.pem"
)

// properties is a server.properties file.
type properties map[string]string

// defaults are a single node's properties: both roles, small, and quick about everything that
// tests would otherwise wait for.
func defaults(at *place) properties {
	p := properties{
		"process.roles":                    "broker,controller",
		"node.id":                          "1",
		"controller.quorum.voters":         "1@" + at.address(portController),
		"controller.listener.names":        "CONTROLLER",
		"inter.broker.listener.name":       "PLAINTEXT",
		"log.dirs":                         at.path(dataDir),
		"auto.create.topics.enable":        "false",
		"delete.topic.enable":              "true",
		"group.initial.rebalance.delay.ms": "0",

		// One node can't replicate.
		"default.replication.factor":                       "1",
		"offsets.topic.replication.factor":                 "1",
		"offsets.topic.num.partitions":                     "1",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"transaction.state.log.num.partitions":             "1",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"share.coordinator.state.topic.num.partitions":     "1",

		// A broker that was killed can register again once its session has ended.
		"broker.session.timeout.ms":    "3000",
		"broker.heartbeat.interval.ms": "500",

		// Retention and compaction begin at once and look often.
		"log.initial.task.delay.ms":       "500",
		"log.retention.check.interval.ms": "1000",
		"log.cleaner.backoff.ms":          "1000",

		// Few threads: the machine is the tests'.
		"num.network.threads":               "2",
		"num.io.threads":                    "4",
		"background.threads":                "2",
		"num.recovery.threads.per.data.dir": "2",

		"sasl.enabled.mechanisms":                          "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER",
		"ssl.keystore.type":                                "PEM",
		"ssl.keystore.location":                            at.path(brokerFile),
		"listener.name.mutual_tls.ssl.client.auth":         "required",
		"listener.name.mutual_tls.ssl.truststore.type":     "PEM",
		"listener.name.mutual_tls.ssl.truststore.location": at.path(caFile),
	}
	p.listeners(at)
	for _, listener := range []string{"sasl_plain", "sasl_tls"} {
		p.logins("listener.name." + listener + ".")
	}
	return p
}

// listeners opens one port for each way to come in.
func (p properties) listeners(at *place) {
	var listen, security []string
	for _, l := range []struct {
		name, protocol string
		port           int
	}{
		{"PLAINTEXT", "PLAINTEXT", portPlaintext},
		{"SASL_PLAIN", "SASL_PLAINTEXT", portSASL},
		{"SASL_TLS", "SASL_SSL", portSASLTLS},
		{"MUTUAL_TLS", "SSL", portMutualTLS},
		{"CONTROLLER", "PLAINTEXT", portController},
	} {
		listen = append(listen, l.name+"://"+at.address(l.port))
		security = append(security, l.name+":"+l.protocol)
	}
	p["listeners"] = strings.Join(listen, ",")
	p["advertised.listeners"] = strings.Join(listen[:len(listen)-1], ",") // not the controller's
	p["listener.security.protocol.map"] = strings.Join(security, ",")
}

// logins enables the SASL mechanisms of one listener. The SCRAM user stands in the cluster's
// metadata (see format), the PLAIN one here, and OAUTHBEARER takes any unsigned token.
func (p properties) logins(listener string) {
	const modules = "org.apache.kafka.common.security."
	p[listener+"scram-sha-256.sasl.jaas.config"] = modules + "scram.ScramLoginModule required;"
	p[listener+"scram-sha-512.sasl.jaas.config"] = modules + "scram.ScramLoginModule required;"
	p[listener+"plain.sasl.jaas.config"] = fmt.Sprintf("%splain.PlainLoginModule required user_%s=%q;", modules, User, Password)
	p[listener+"oauthbearer.sasl.jaas.config"] = modules + `oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="kafka";`
}

func (p properties) write(name string) error {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&text, "%s=%s\n", key, p[key])
	}
	return os.WriteFile(name, []byte(text.String()), 0o600)
}
