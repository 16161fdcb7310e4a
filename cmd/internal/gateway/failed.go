package gateway

// Failed receives what should end the gateway while it runs. It is for callers of Start and Stop that have more
// to watch over than the gateway; Run listens to it by itself.
func (g *Gateway) Failed() <-chan error { return g.failed }
