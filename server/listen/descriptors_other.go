//go:build !unix

package listen

// ProcessDescriptors knows no limit.
func ProcessDescriptors() Descriptors { return ShareDescriptors(0) }
