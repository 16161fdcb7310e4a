// Package sluice holds the project's documentation, as a gateway serves it below /docs/.
// It has no logic.
package sluice

import "embed"

// Manual is the documentation, by the paths of the repository: the pages of docs, and the
// files that they link to.
//
//go:embed docs/*.md docs/llms.txt deploy
//go:embed ARCHITECTURE.md BENCHMARKS.md CHANGELOG.md SECURITY.md
//go:embed web/client/README.md web/nextjs/README.md web/examples/README.md web/docs/follow.js
//go:embed web/docs/client.js web/examples/html/index.html
//go:embed web/nextjs/components/SocketOrders.tsx
var Manual embed.FS
