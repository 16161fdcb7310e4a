package main

import "sluice/cmd/internal/tail"

var tailCommand = command{"tail", "URL", "follow a stream in the terminal, resuming by itself", func(p process, args []string) int {
	return tail.Run(p.stop, args, p.stdout, p.stderr)
}}
