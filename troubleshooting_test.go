package sluice_test

import (
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Each warning and error that a gateway can log has a row in docs/troubleshooting.md that
// begins as it does. Each row there is of such a line. Of a message that is put together
// its first part counts. A mistake of the configuration says its cure itself.
func TestTroubleshootingHasEveryLogLine(t *testing.T) {
	page, err := os.ReadFile("docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Log lines that ask for action\n")
	var rows []string
	for _, cell := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\|").FindAllStringSubmatch(table, -1) {
		for _, text := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell[1], -1) {
			rows = append(rows, text[1])
		}
	}
	lines := logLines(t)
	if len(rows) < 10 || len(lines) < 20 {
		t.Fatalf("%d rows, %d lines", len(rows), len(lines))
	}
	for _, line := range lines {
		if !slices.ContainsFunc(rows, func(row string) bool { return strings.HasPrefix(line, row) }) {
			t.Errorf("docs/troubleshooting.md doesn't say what to do about %q", line)
		}
	}
	for _, row := range rows {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, row) }) {
			t.Errorf("docs/troubleshooting.md: nothing logs %q", row)
		}
	}
}

// logLines are the messages of warnings and errors in what a gateway is made of.
func logLines(t *testing.T) (lines []string) {
	for _, f := range sources(t) {
		if f.isTest() || !regexp.MustCompile(`^(broker|server|stream|cmd/sluice|cmd/internal/gateway|cmd/internal/delivering)/`).MatchString(f.name) ||
			strings.HasPrefix(f.name, "broker/kafkatest/") {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if text := logged(call); text != "" {
					lines = append(lines, text)
				}
			}
			return true
		})
	}
	return lines
}

// logged is what a call logs as a warning or an error, through slog or zerolog; "": it
// does not.
func logged(call *ast.CallExpr) string {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 {
		return ""
	}
	switch method.Sel.Name {
	case "Warn", "Error":
		return firstText(call.Args[0])
	case "WarnContext", "ErrorContext":
		return firstText(call.Args[1])
	case "Msg":
		if level := zerologLevel(method.X); level == "Warn" || level == "Error" {
			return firstText(call.Args[0])
		}
	}
	return ""
}

// firstText is a literal, or the one that a sum begins with.
func firstText(e ast.Expr) string {
	for {
		sum, ok := e.(*ast.BinaryExpr)
		if !ok {
			break
		}
		e = sum.X
	}
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(literal.Value)
	return text
}

// zerologLevel is the method that an event's chain of calls begins with.
func zerologLevel(e ast.Expr) string {
	for {
		call, ok := e.(*ast.CallExpr)
		if !ok {
			return ""
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return ""
		}
		if len(call.Args) == 0 && (method.Sel.Name == "Warn" || method.Sel.Name == "Error" || method.Sel.Name == "Info" || method.Sel.Name == "Debug") {
			return method.Sel.Name
		}
		e = method.X
	}
}

// The causes that /decisions can give are those that docs/running.md explains.
func TestRunningHasEveryCause(t *testing.T) {
	page, err := os.ReadFile("docs/running.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("stream/decisions_verdict.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n| `cause` |")
	table, _, _ = strings.Cut(table, "\n\n")
	var listed, causes []string
	for _, cell := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\|").FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cell[1], -1) {
			listed = append(listed, name[1])
		}
	}
	for _, m := range regexp.MustCompile(`\tCause\w+ +(?:Cause )?= "(\w+)"`).FindAllSubmatch(code, -1) {
		causes = append(causes, string(m[1]))
	}
	slices.Sort(listed)
	slices.Sort(causes)
	if len(causes) < 10 || !slices.Equal(listed, causes) {
		t.Errorf("docs/running.md explains\n%q\nand there are\n%q", listed, causes)
	}
}
