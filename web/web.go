// Package web holds the files that browsers are given. It has no logic.
package web

import (
	"embed"
	"io/fs"
)

//go:embed demo console
//go:embed docs/*.html docs/*.js docs/*.css docs/*.svg docs/swagger-ui/*.gz
var files embed.FS

// Demo is the page of `sluice demo`: index.html and its files.
var Demo = sub("demo")

// Console is the console: admin.html and public.html, one for each address, and what both
// ask for.
var Console = sub("console")

// Docs is the API's pages: index.html, how to use the gateway, and api.html, its
// description to be tried. Below swagger-ui is what that asks for, compressed.
var Docs = sub("docs")

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // only for a name that is no path
	}
	return f
}
