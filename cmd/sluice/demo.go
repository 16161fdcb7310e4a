package main

import "sluice/cmd/internal/demo"

var demoCommand = command{"demo", "", "the gateway, an embedded Kafka, and made-up shops placing orders", func(p process, args []string) int {
	return demo.Run(p.stop, args, p.stdout, p.stderr)
}}
