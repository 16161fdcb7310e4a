package shape

import (
	"regexp/syntax"
	"sync"
)

const (
	// maxPatterns is how many bytes of regular expressions, each with what it compiles to,
	// an interpreter may have been given.
	maxPatterns = 4 << 20

	patternOverhead = 256  // bytes that the interpreter keeps of each
	perInstruction  = 128  // bytes of an instruction, with its runes; two programs have it
	compiled        = 1024 // what it costs to make an instruction
	parsedByte      = 4096 // what it costs to read a byte: `\pL` is hundreds of ranges
	perAttempt      = 4    // what it costs to try an instruction at a character
)

// patterns are the regular expressions that an interpreter has been given. It keeps each
// compiled, for ever. A record may bring its own, so a program that has used too many
// gets another interpreter.
type patterns struct {
	mu    sync.Mutex // guards the rest; a leaf
	sizes map[string]int
	bytes int
}

// instructions is how many a regular expression compiles to, about. What is none has 0.
func (p *patterns) instructions(re string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, known := p.sizes[re]
	if known {
		return n
	}
	if tree, err := syntax.Parse(re, syntax.Perl); err == nil {
		n = instructions(tree)
	}
	if p.sizes == nil {
		p.sizes = make(map[string]int)
	}
	p.sizes[re] = n
	p.bytes += len(re) + patternOverhead + n*perInstruction
	return n
}

// areMany reports whether it is time for another interpreter.
func (p *patterns) areMany() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes > maxPatterns
}

// pattern charges for a regular expression: for compiling it, where the run has not used
// it yet, and for trying it at n characters. What the interpreter has compiled before is
// charged for all the same, or two gateways could differ.
func (b *budget) pattern(re string, n int) error {
	fresh := !b.used[re]
	if fresh {
		if b.used == nil {
			b.used = make(map[string]bool)
		}
		b.used[re] = true
		if err := b.charge(len(re) * parsedByte); err != nil {
			return err
		}
	}
	size := b.patterns.instructions(re)
	if fresh {
		if err := b.charge(size * compiled); err != nil {
			return err
		}
	}
	return b.charge(min(len(re)*perNode+(1+n)*(1+size)*perAttempt, maxCost))
}

// instructions counts a tree's. A repetition multiplies: x{1000} is a thousand times x.
// The parser has bounded that, and how deep it goes.
func instructions(re *syntax.Regexp) int {
	n := 1
	for _, sub := range re.Sub {
		n += instructions(sub)
	}
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune)
	case syntax.OpCharClass:
		return 1 + len(re.Rune)/16
	case syntax.OpRepeat:
		return n * max(1, re.Max, re.Min+1)
	}
	return n
}
