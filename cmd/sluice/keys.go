package main

import "sluice/cmd/internal/keys"

var keysCommand = command{"keys", "new|rotate|revoke|list", "make, rotate, list and end API keys", func(p process, args []string) int {
	return keys.Run(p.stop, args, p.stdout, p.stderr)
}}
