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
	zookeeperFile  = "zookeeper.properties"
	logFile        = "kafka.log"
	dataDir        = "data"
	caFile         = "ca.pem"
	brokerFile     = "broker.pem" // key and certificate
	clientCertFile = "client.pem"
	clientKeyFile  = "client-key.pem"
)

// settings are the lines of a server.properties file.
type settings map[string]string

// with applies a test's options.
func (p settings) with(opts []Option) settings {
	for _, opt := range opts {
		opt(p)
	}
	return p
}

// common are the properties of every broker: small, and quick about everything that tests
// would otherwise wait for.
func common() settings {
	return settings{
		"inter.broker.listener.name":       "PLAINTEXT",
		"auto.create.topics.enable":        "false",
		"delete.topic.enable":              "true",
		"group.initial.rebalance.delay.ms": "0",

		// What Kafka keeps for itself needs no replicas.
		"default.replication.factor":               "1",
		"offsets.topic.replication.factor":         "1",
		"offsets.topic.num.partitions":             "1",
		"transaction.state.log.replication.factor": "1",
		"transaction.state.log.min.isr":            "1",
		"transaction.state.log.num.partitions":     "1",

		// Retention and compaction begin at once and look often.
		"log.retention.check.interval.ms": "1000",
		"log.cleaner.backoff.ms":          "1000",

		// Few threads: the machine is the tests'.
		"num.network.threads":               "2",
		"num.io.threads":                    "4",
		"background.threads":                "2",
		"num.recovery.threads.per.data.dir": "2",
	}
}

// kraft are the properties of every broker without ZooKeeper.
func kraft(lease *portLease) settings {
	p := common()
	p["controller.listener.names"] = controllerListener.name
	p["log.dirs"] = lease.path(dataDir)
	p["log.initial.task.delay.ms"] = "500"
	for _, key := range []string{"replication.factor", "min.isr", "num.partitions"} {
		p["share.coordinator.state.topic."+key] = "1"
	}
	// A broker that was killed can register again once its session has ended.
	p["broker.session.timeout.ms"] = "3000"
	p["broker.heartbeat.interval.ms"] = "500"
	return p
}

// singleNode are the properties of a node that is broker and controller, with a listener
// for each way to come in.
func singleNode(lease *portLease) settings {
	p := kraft(lease)
	p["process.roles"] = "broker,controller"
	p["node.id"] = "1"
	p["controller.quorum.voters"] = "1@" + lease.address(portController)
	p["sasl.enabled.mechanisms"] = "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER"
	p["ssl.keystore.type"] = "PEM"
	p["ssl.keystore.location"] = lease.path(brokerFile)
	p["listener.name.mutual_tls.ssl.client.auth"] = "required"
	p["listener.name.mutual_tls.ssl.truststore.type"] = "PEM"
	p["listener.name.mutual_tls.ssl.truststore.location"] = lease.path(caFile)
	p.listeners(lease, []listener{
		{"PLAINTEXT", "PLAINTEXT", portPlaintext},
		{"SASL_PLAIN", "SASL_PLAINTEXT", portSASL},
		{"SASL_TLS", "SASL_SSL", portSASLTLS},
		{"MUTUAL_TLS", "SSL", portMutualTLS},
		controllerListener,
	})
	for _, name := range []string{"sasl_plain", "sasl_tls"} {
		p.logins("listener.name." + name + ".")
	}
	return p
}

// listener is one way to come in.
type listener struct {
	name, protocol string
	port           int // of the lease
}

// controllerListener is for the nodes of a KRaft cluster among themselves.
var controllerListener = listener{"CONTROLLER", "PLAINTEXT", portController}

// listeners opens a port for each. Clients are told of all but the controller's.
func (p settings) listeners(lease *portLease, open []listener) {
	var listen, advertised []string
	security := []string{controllerListener.name + ":" + controllerListener.protocol}
	for _, l := range open {
		listen = append(listen, l.name+"://"+lease.address(l.port))
		if l != controllerListener {
			advertised = append(advertised, listen[len(listen)-1])
			security = append(security, l.name+":"+l.protocol)
		}
	}
	p["listeners"] = strings.Join(listen, ",")
	p["advertised.listeners"] = strings.Join(advertised, ",")
	p["listener.security.protocol.map"] = strings.Join(security, ",")
}

// logins enables the SASL mechanisms of one listener. The SCRAM user stands in the
// cluster's metadata (see format), the PLAIN one here, and OAUTHBEARER takes any unsigned
// token.
func (p settings) logins(listener string) {
	const modules = "org.apache.kafka.common.security."
	p[listener+"scram-sha-256.sasl.jaas.config"] = modules + "scram.ScramLoginModule required;"
	p[listener+"scram-sha-512.sasl.jaas.config"] = modules + "scram.ScramLoginModule required;"
	p[listener+"plain.sasl.jaas.config"] = fmt.Sprintf("%splain.PlainLoginModule required user_%s=%q;", modules, User, Password)
	p[listener+"oauthbearer.sasl.jaas.config"] = modules + `oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="kafka";`
}

func (p settings) write(name string) error {
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&text, "%s=%s\n", key, p[key])
	}
	return os.WriteFile(name, []byte(text.String()), 0o600)
}
