package main

import "sluice/cmd/internal/setup"

var initCommand = command{"init", "[--yes]", "writes a configuration, by three questions", func(p process, args []string) int {
	return setup.Run(args, p.stdin, p.stdout, p.stderr)
}}
