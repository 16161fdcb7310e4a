package deflate

import "hash/crc32"

// Sum is what the end of a gzip stream says of all that came before. It is all that is
// kept for a connection.
type Sum struct{ crc, size uint32 }

// add adds bytes to the stream.
func (s *Sum) add(b []byte) {
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b)
	s.size += uint32(len(b))
}

// addPart adds bytes of which the sum is known. It takes the same time for any number of
// them.
func (s *Sum) addPart(p part) {
	s.crc = multiply(p.shift, s.crc) ^ p.crc
	s.size += p.size
}

// part is what has to be known of bytes to add them to a sum.
type part struct {
	Sum
	shift uint32 // x to the power of their number of bits
}

func partOf(b []byte) part {
	var p part
	p.add(b)
	p.shift = 1 << 31         // 1
	square := uint32(1) << 23 // x⁸, and then the squares of it
	for n := len(b); n > 0; n >>= 1 {
		if n&1 != 0 {
			p.shift = multiply(square, p.shift)
		}
		square = multiply(square, square)
	}
	return p
}

// multiply multiplies polynomials over GF(2) modulo that of the CRC. Their bits are in
// its order: the highest is the factor of 1.
func multiply(a, b uint32) (product uint32) {
	for bit := 31; bit >= 0; bit-- {
		product ^= b & -(a >> bit & 1)
		b = b>>1 ^ crc32.IEEE&-(b&1)
	}
	return product
}
