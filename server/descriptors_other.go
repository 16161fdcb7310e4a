//go:build !unix

package server

// ProcessDescriptors knows no limit.
func ProcessDescriptors() Descriptors { return shareDescriptors(0) }
