package main

import "sluice/cmd/internal/bench"

var benchCommand = command{"bench", "MODE", "load a gateway: connections held, fan-out, latency, reconnect storm", func(p process, args []string) int {
	return bench.Run(p.stop, args, p.stdout, p.stderr)
}}
