package main

import "sluice/cmd/internal/cursor"

var cursorCommand = command{"cursor", "[-c sluice.yaml] ID", "what an event's id stands for", func(p process, args []string) int {
	return cursor.Run(args, p.stdout, p.stderr)
}}
