package main

import "sluice/cmd/internal/top"

var topCommand = command{"top", "[URL]", "a gateway at work, in a terminal; and why somebody got an event, or didn't", func(p process, args []string) int {
	return top.Run(p.stop, args, p.stdin, p.stdout, p.stderr)
}}
