package main

import "sluice/cmd/internal/produce"

var produceCommand = command{"produce", "key=… value=…", "writes a record to Kafka", func(p process, args []string) int {
	return produce.Run(p.stop, args, p.stdout, p.stderr)
}}
