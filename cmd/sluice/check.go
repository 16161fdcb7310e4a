package main

import "sluice/cmd/internal/check"

var checkCommand = command{"check", "[-c sluice.yaml]", "what is wrong with a configuration, and who would get a sample record", func(p process, args []string) int {
	return check.Run(p.stop, args, p.stdout, p.stderr)
}}
