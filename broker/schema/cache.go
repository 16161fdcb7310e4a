package schema

import "container/list"

// cache keeps the schemas used last, bounded in number and in bytes of their text.
type cache struct {
	most, mostBytes int
	bytes           int
	byID            map[int]*list.Element // of *parsed
	used            *list.List            // the one used last in front
}

func newCache(most, mostBytes int) cache {
	return cache{most: most, mostBytes: mostBytes, byID: make(map[int]*list.Element), used: list.New()}
}

func (c *cache) get(id int) *parsed {
	e := c.byID[id]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(e)
	return e.Value.(*parsed)
}

func (c *cache) put(id int, s *parsed) {
	if old := c.byID[id]; old != nil {
		c.drop(old)
	}
	c.byID[id] = c.used.PushFront(s)
	c.bytes += s.size
	for c.used.Len() > 1 && (c.used.Len() > c.most || c.bytes > c.mostBytes) {
		c.drop(c.used.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	s := c.used.Remove(e).(*parsed)
	delete(c.byID, s.id)
	c.bytes -= s.size
}
