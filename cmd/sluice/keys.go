package main

import "sluice/cmd/internal/keys"

var keysCommand = command{"keys", "new NAME", "make an API key for a back end", func(p process, args []string) int {
	return keys.Run(args, p.stdout, p.stderr)
}}
