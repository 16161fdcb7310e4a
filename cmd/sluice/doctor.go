package main

import "sluice/cmd/internal/doctor"

var doctorCommand = command{"doctor", "URL", "prove that a stream arrives as it is sent, through whatever is in between", func(p process, args []string) int {
	return doctor.Run(p.stop, args, p.stdout, p.stderr)
}}
