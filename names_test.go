package sluice_test

import (
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// Two names of one package, or of one type, that differ by case only are taken for one
// another.
func TestNamesDifferByMoreThanCase(t *testing.T) {
	scopes := make(map[string]map[string]string) // by scope: each name, by how it is said
	for _, f := range sources(t) {
		if f.isTest() {
			continue
		}
		declared(f.tree, func(owner, name string) {
			scope := path.Dir(f.name) + " " + owner
			if scopes[scope] == nil {
				scopes[scope] = make(map[string]string)
			}
			said := strings.ToLower(name)
			if other, taken := scopes[scope][said]; taken && other != name && name != "_" {
				t.Errorf("%s: %s and %s differ by case only", scope, other, name)
			}
			scopes[scope][said] = name
		})
	}
	if len(scopes) < 100 {
		t.Errorf("only %d scopes: %v", len(scopes), slices.Sorted(maps.Keys(scopes)))
	}
}

// declared calls visit for each name that a file declares: in the package (owner is ""),
// and as a field or method of a type.
func declared(file *ast.File, visit func(owner, name string)) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			visit(receiver(d), d.Name.Name)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				specified(spec, visit)
			}
		}
	}
}

func specified(spec ast.Spec, visit func(owner, name string)) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, id := range s.Names {
			visit("", id.Name)
		}
	case *ast.TypeSpec:
		visit("", s.Name.Name)
		for _, member := range members(s.Type) {
			for _, id := range member.Names {
				visit(s.Name.Name, id.Name)
			}
		}
	}
}

// members are a struct's fields, or an interface's methods.
func members(t ast.Expr) []*ast.Field {
	switch t := t.(type) {
	case *ast.StructType:
		return t.Fields.List
	case *ast.InterfaceType:
		return t.Methods.List
	}
	return nil
}

// receiver is the name of a method's type; "" for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	switch generic := t.(type) {
	case *ast.IndexExpr:
		t = generic.X
	case *ast.IndexListExpr:
		t = generic.X
	}
	return t.(*ast.Ident).Name
}
