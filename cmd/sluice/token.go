package main

import "sluice/cmd/internal/token"

var tokenCommand = command{"token", "--user NAME", "a token to try a gateway with", func(p process, args []string) int {
	return token.Run(args, p.stdout, p.stderr)
}}
