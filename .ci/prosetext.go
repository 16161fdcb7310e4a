//go:build ignore

// Prosetext writes the prose of Go files as Markdown, for the check of .ci/prose.
//
//	go run .ci/prosetext.go DIR FILE…
//
// For each FILE it writes DIR/FILE.md with the comments, and of a describe file the texts
// of the OpenAPI document as well. Every text stands in the line that it has in the Go
// file, so the linter's line numbers are the Go file's.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// describing matches the files whose string literals are texts of OpenAPI or AsyncAPI.
// the other files of the package only declarations with parts of openapi have such texts.
var describing = regexp.MustCompile(`^server/(describe|operators|route)[a-z_]*\.go$`)

func main() {
	for _, name := range os.Args[2:] {
		text, err := prose(name)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		to := filepath.Join(os.Args[1], name+".md")
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// prose is the Markdown for one Go file.
func prose(name string) (string, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	files := token.NewFileSet()
	tree, err := parser.ParseFile(files, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	code := strings.Split(string(source), "\n")
	lines := make([]string, len(code))
	if !ast.IsGenerated(tree) {
		comments(files, tree, code, lines)
	}
	if strings.HasPrefix(name, "server/") && !strings.HasSuffix(name, "_test.go") {
		for _, decl := range tree.Decls {
			if describing.MatchString(name) || describes(decl) {
				texts(files, decl, lines)
			}
		}
	}
	return strings.Join(lines, "\n") + "\n", nil
}

// comments puts each line of a comment into lines. A comment behind code is a list item:
// it may be a fragment, and belongs to no other line.
func comments(files *token.FileSet, tree *ast.File, code, lines []string) {
	lastBehind := 0 // the line of the last comment behind code
	for _, group := range tree.Comments {
		for _, c := range group.List {
			at := files.Position(c.Pos())
			if directive(c.Text) {
				continue
			}
			body := strings.Split(strings.TrimSuffix(strings.TrimPrefix(c.Text, "/*"), "*/"), "\n")
			for i, line := range body {
				line = strings.TrimPrefix(strings.TrimPrefix(line, "//"), " ")
				behind := i == 0 && strings.TrimSpace(code[at.Line-1][:at.Column-1]) != ""
				if behind || lastBehind == at.Line-1 && i == 0 && strings.TrimSpace(line) != "" {
					line = "- " + strings.TrimSpace(line)
				}
				if behind {
					lastBehind = at.Line
				}
				lines[at.Line-1+i] = markdown(line)
			}
		}
	}
}

func directive(comment string) bool {
	return strings.HasPrefix(comment, "//go:") || strings.HasPrefix(comment, "//nolint") ||
		strings.HasPrefix(comment, "//export") || strings.HasPrefix(comment, "// Code generated")
}

// link is a doc link such as [Hub.Publish].
var link = regexp.MustCompile(`\[([A-Za-z.*/]+)\]`)

// markdown makes a line of a Go comment one of Markdown: doc links become code, a tab
// begins code.
func markdown(line string) string {
	if strings.HasPrefix(line, "\t") {
		return "    " + line
	}
	return link.ReplaceAllString(strings.ReplaceAll(line, "<", "&lt;"), "`$1`")
}

// describes reports whether a declaration has a part of an OpenAPI document.
func describes(decl ast.Decl) (found bool) {
	ast.Inspect(decl, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			x, ok := s.X.(*ast.Ident)
			found = found || ok && x.Name == "openapi"
		}
		return !found
	})
	return found
}

// texts puts string literals of some words into lines, with literals joined by + as one
// text.
func texts(files *token.FileSet, tree ast.Node, lines []string) {
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BinaryExpr:
			parts := literals(n)
			for i, part := range parts {
				put(files, part, lines, i > 0)
			}
			return len(parts) == 0
		case *ast.BasicLit:
			put(files, n, lines, false)
		}
		return true
	})
}

// route matches the key of a route, such as "GET /events".
var route = regexp.MustCompile(`^[A-Z]+ /\S*$`)

// literals are the string literals of a sum, in order.
func literals(e ast.Expr) []*ast.BasicLit {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return slices.Concat(literals(e.X), literals(e.Y))
	case *ast.BasicLit:
		return []*ast.BasicLit{e}
	}
	return nil
}

func put(files *token.FileSet, literal *ast.BasicLit, lines []string, goesOn bool) {
	text, err := strconv.Unquote(literal.Value)
	if literal.Kind != token.STRING || err != nil || route.MatchString(text) ||
		!goesOn && !strings.Contains(text, " ") {
		return
	}
	text = strings.ReplaceAll(text, "\n", " ")
	at := files.Position(literal.Pos()).Line - 1
	switch {
	case goesOn:
		lines[at] = strings.TrimRight(lines[at]+"  "+text, " ")
	case lines[at] != "":
		lines[at] = strings.TrimRight(lines[at], ".") + ". " + text
	default:
		lines[at] = "- " + text
	}
}
