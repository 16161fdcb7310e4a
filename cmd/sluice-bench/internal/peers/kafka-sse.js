'use strict';

// The server that `sluice bench` measures kafka-sse with:
// node kafka-sse.js PORT BROKERS TOPIC
const http = require('http');
const kafkaSSE = require('kafka-sse');

const [port, brokers, topic] = process.argv.slice(2);
http.createServer((req, res) => {
  kafkaSSE(req, res, [topic], { kafkaConfig: { 'metadata.broker.list': brokers } });
}).listen(Number(port), '127.0.0.1');
