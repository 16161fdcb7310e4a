package main

import (
	"sluice/cmd/internal/delivering"
	"sluice/cmd/internal/gateway"
)

var deliverCommand = command{"deliver", "[-c sluice.yaml]", "delivers records to programs", func(p process, args []string) int {
	return delivering.Run(p.stop, args, delivering.Streams{Kill: p.kill, Stdout: p.stdout, Stderr: p.stderr, NewLog: gateway.NewLog})
}}

var redriveCommand = command{"redrive", "DELIVERY", "lists dead letters of a delivery, or sends them again", func(p process, args []string) int {
	return delivering.Redrive(p.stop, args, delivering.Streams{Stdout: p.stdout, Stderr: p.stderr, NewLog: gateway.NewLog})
}}
