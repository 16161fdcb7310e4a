// Package docs holds the documentation: Markdown files, and llms.txt, which lists them
// for programs. It has no logic.
package docs

import "embed"

// Pages are the files by name.
//
//go:embed *.md llms.txt
var Pages embed.FS
